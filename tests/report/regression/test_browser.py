"""The page of a run of numbers in a browser: what a pointer on a point reads off."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_pointer_on_a_point_shows_its_picture_and_values(browser: Any, number_run: Path) -> None:
    html = (number_run / "report.html").read_text("utf-8")
    charts = json.loads(re.search(r'id="charts-data">(.*?)</script>', html, re.S)[1])  # type: ignore[index]
    chart = charts["predicted-0"]
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((number_run / "report.html").as_uri())
    figure = page.locator('figure[data-chart="predicted-0"]')
    svg = figure.locator("svg.chart")
    svg.scroll_into_view_if_needed()
    box, scale = svg.bounding_box(), svg.evaluate("each => each.clientWidth / 340")
    at = len(chart["x"]) // 2
    page.mouse.move(box["x"] + chart["x"][at] * scale, box["y"] + chart["y"][at] * scale)
    tip = figure.locator(".tip")
    assert chart["names"][at] in tip.inner_text()
    assert dict(chart["rows"][at])["predicted"] in tip.inner_text()
    assert tip.locator("img").get_attribute("src").startswith("data:image/")
    svg.focus()
    page.keyboard.press("ArrowRight")
    assert chart["names"][at + 1] in tip.inner_text()
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []
    page.close()
