"""The page in a browser: what a click does, and that nothing goes wrong or goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from striate.report.build import render
from striate.report.inputs import ReportInputs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Make = Callable[..., ReportInputs]


@pytest.fixture
def open_page(
    browser: Any, make_inputs: Make, hostile: tuple[str, ...], tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    """Opens a report; at the end, no message may have been logged and no address asked for."""
    complaints: list[str] = []
    contexts = []

    def open_(width: int = 1280, **changes: Any) -> Any:
        path = tmp_path / "report.html"
        path.write_text(render(make_inputs(changes.pop("classes", hostile), **changes)), "utf-8")
        context = browser.new_context(viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("data:", path.as_uri()))
                else complaints.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_cell_opens_the_images_behind_it(open_page: Callable[..., Any]) -> None:
    page = open_page(classes=("cat", "dog", "owl"))
    cell = page.locator('button.cell[data-cell="1,2"]')
    images = int(cell.inner_text())
    cell.click()
    assert page.locator("#panel-title").inner_text() == "“dog”, taken for “owl”"
    assert page.locator("#panel-images img").count() == min(images, 12)
    pictures = page.locator("#panel-images img")
    assert pictures.evaluate_all("all => all.every(each => each.complete && each.naturalWidth)")
    assert cell.get_attribute("aria-pressed") == "true"


def test_the_keyboard_reaches_every_cell(open_page: Callable[..., Any]) -> None:
    page = open_page(classes=("cat", "dog", "owl"))
    assert page.locator('button.cell[tabindex="0"]').count() == 1, "one stop of the Tab key"
    page.locator('button.cell[data-cell="0,0"]').focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#panel-title").inner_text() == "“dog”, classified correctly"
    assert page.locator("#readout").inner_text().startswith("“dog”, classified correctly: ")


def test_tables_sort_and_can_be_searched(open_page: Callable[..., Any]) -> None:
    page = open_page(classes=[f"class {i}" for i in range(40)], images=300)
    heads = page.locator("#per-class thead button")

    def column(index: int) -> list[str]:
        cells = page.locator(f"#per-class tbody tr > :nth-child({index})")
        return [text.strip() for text in cells.all_inner_texts()]

    heads.nth(1).click()
    images = [int(text) for text in column(2)]
    assert images == sorted(images, reverse=True)
    assert page.locator("#per-class th").nth(1).get_attribute("aria-sort") == "descending"
    heads.nth(1).click()
    images = [int(text) for text in column(2)]
    assert images == sorted(images)
    heads.nth(0).click()
    assert column(1) == sorted(column(1))
    page.locator("#filter").fill("CLASS 39")
    assert page.locator("#per-class tbody tr:visible").count() == 1


def test_charts_tell_what_lies_under_the_pointer(open_page: Callable[..., Any]) -> None:
    page = open_page()
    chart = page.locator('figure[data-chart="loss"]')
    chart.scroll_into_view_if_needed()
    box = chart.locator("svg.chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 60)
    tip = chart.locator(".tip")
    assert tip.is_visible()
    assert "epoch 3" in tip.inner_text()
    assert "0.733" in tip.inner_text(), "validation loss of epoch 3"
    heat = page.locator('figure[data-chart="gradient-time"]')
    heat.locator("svg.chart").focus()
    page.keyboard.press("ArrowDown")
    assert "2. b" in heat.locator(".tip").inner_text()
    assert "before training" in heat.locator(".tip").inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_names_are_text_and_nothing_overflows(
    open_page: Callable[..., Any], hostile: tuple[str, ...], width: int
) -> None:
    page = open_page(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names = page.locator("#per-class tbody th").all_inner_texts()
    assert names == list(hostile)
    page.locator('button.cell[data-cell="0,2"]').click()
    assert page.locator("#panel-title").inner_text() == f"“{hostile[0]}”, taken for “{hostile[2]}”"
    assert page.locator("#panel b").count() == 0
