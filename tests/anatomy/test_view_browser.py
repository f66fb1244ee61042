"""The page of a network in a browser: what one can do there, and that nothing goes wrong or out."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from striate.anatomy.costs.arithmetic import arithmetic
from striate.anatomy.graph.record import Graph
from striate.anatomy.receptive_field.fields import receptive_fields

sys.path.insert(0, str(Path(__file__).parent))
from browsing import HOSTILE, Open, browser, chosen, googlenet, node, pages, until, view

__all__ = ["browser", "googlenet", "pages", "view"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def box_of(page: Any, selector: str) -> list[int]:
    read = "(e) => ['x', 'y', 'width', 'height'].map((name) => +e.getAttribute(name))"
    return list(page.locator(selector).evaluate(read))


def seen_by(graph: Graph, name: str, cell: tuple[int, int]) -> tuple[list[int], str]:
    """The rectangle that Python says a cell sees, clipped to the picture, and its whole size."""
    at = next(n.index for n in graph.nodes if n.name == name)
    field = receptive_fields(graph, gates=False)[at]
    assert field is not None
    sides = []
    for axis, position, size in zip(field, cell, graph.inputs[0][1:], strict=True):
        low, high = axis.window(position)
        low, high = max(math.floor(low), 0), min(math.ceil(high), size - 1)
        sides.append((low, high - low + 1))
    (y, height), (x, width) = sides
    return [x, y, width, height], f"{field[0].size} × {field[1].size}"


def test_groups_open_and_close_in_place(view: Open) -> None:
    page = view()
    head = node(page, "inception_3a")
    before = head.bounding_box()
    assert head.get_attribute("aria-expanded") == "false"
    head.click()
    assert head.get_attribute("aria-expanded") == "true"
    assert node(page, "inception_3a.branch_5x5").is_visible()
    assert abs(head.bounding_box()["y"] - before["y"]) < 12, "it opens where it was"
    node(page, "inception_3a.branch_5x5").click()
    assert node(page, "inception_3a.branch_5x5.1").count() == 1
    boxes = page.locator(".node:not(.head)").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect())"
        ".map((box) => [box.x, box.y, box.right, box.bottom])"
    )
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, "nothing stands on anything else"
    head.click()
    assert node(page, "inception_3a.branch_5x5").count() == 0


def test_a_cell_shows_what_it_sees_through_every_branch(view: Open, googlenet: Graph) -> None:
    page = view(address="#n=inception_4a.concatenate")
    box = page.locator("#pad").bounding_box()
    for row, column in ((2, 9), (13, 0)):
        x = box["x"] + box["width"] * (column + 0.5) / 14
        page.mouse.move(x, box["y"] + box["height"] * (row + 0.5) / 14)
        rectangle, size = seen_by(googlenet, "inception_4a.concatenate", (row, column))
        assert box_of(page, "#seen") == rectangle
        assert page.locator("#seen-size").inner_text() == size
        assert box_of(page, "#cell") == [column, row, 1, 1]
    assert page.locator(".ways-legend li").count() == 4
    concatenate = next(n for n in googlenet.nodes if n.name == "inception_4a.concatenate")
    sizes = {seen_by(googlenet, googlenet.nodes[i].name, (13, 0))[1] for i in concatenate.inputs}
    said = {text.split("sees ")[1] for text in page.locator(".ways-legend li").all_inner_texts()}
    assert said == sizes
    assert len(sizes) > 1


def test_the_keyboard_moves_over_cells_and_layers(view: Open, googlenet: Graph) -> None:
    page = view(address="#n=inception_4a&at=7,7")
    page.keyboard.press("m")
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert box_of(page, "#cell") == [6, 5, 1, 1]
    assert box_of(page, "#seen") == seen_by(googlenet, "inception_4a.concatenate", (5, 6))[0]
    page.keyboard.press("Escape")
    assert chosen(page) == "inception_4a"
    page.keyboard.press("ArrowDown")
    assert chosen(page) == "inception_4b"
    assert page.evaluate("document.activeElement.dataset.name") == "inception_4b"
    page.keyboard.press("Enter")
    assert node(page, "inception_4b.branch_1x1").is_visible()
    page.keyboard.press("ArrowDown")
    assert chosen(page).startswith("branch_")
    page.keyboard.press("Backspace")
    assert chosen(page) == "inception_4b"
    assert node(page, "inception_4b").get_attribute("aria-expanded") == "false"


def test_the_search_goes_where_it_finds(view: Open) -> None:
    page = view()
    page.keyboard.press("/")
    page.keyboard.type("5a convolution 5×5")
    assert page.locator("#hits [role=option]").all_inner_texts() == [
        "inception_5a.branch_5x5.1.conv\nconvolution"
    ]
    page.keyboard.press("Enter")
    assert chosen(page) == "conv"
    assert node(page, "inception_5a.branch_5x5.1.conv").is_visible()
    page.locator("#search").fill("no such thing")
    assert page.locator("#hits").inner_text() == "nothing by that name"


def test_the_address_brings_everything_back(view: Open) -> None:
    page = view()
    node(page, "inception_3b").click()
    node(page, "inception_3b.concatenate").click()
    page.get_by_role("radio", name="Parameters").click()
    page.locator("#pad").focus()
    page.keyboard.press("ArrowRight")
    until(page, "location.hash.includes('by=parameters') && /at=14,15/.test(location.hash)")
    again = view(address=page.evaluate("location.hash"))
    assert chosen(again) == "concatenate"
    assert node(again, "inception_3b.concatenate").get_attribute("aria-selected") == "true"
    assert box_of(again, "#cell") == [15, 14, 1, 1]
    assert again.locator('#metrics [aria-checked="true"]').inner_text() == "Parameters"
    again.evaluate("location.hash = '#n=%E0%A4%A&open=,,inception_3a&at=x,1&by=%22&in=7'")
    node(again, "inception_3a.concatenate").wait_for()  # and nonsense is passed over


def test_a_click_opens_the_arithmetic(view: Open, googlenet: Graph) -> None:
    page = view(address="#open=conv1")
    node(page, "conv1.conv").click()
    shown = page.locator(".detail-body").inner_text().replace("\u202f", "")
    at = next(n for n in googlenet.nodes if n.name == "conv1.conv")
    for line in arithmetic(at, googlenet):
        assert f"{line.filled} = {line.value}" in shown
    assert "1 + 6·1 = 7" in shown, "its receptive field"
    page.get_by_role("button", name="conv1.relu").click()
    assert chosen(page) == "relu"


def test_colours_follow_what_is_asked_and_the_theme(view: Open) -> None:
    page = view(color_scheme="light")
    fill = "(e) => getComputedStyle(e).backgroundColor"
    colours = [node(page, "fc").evaluate(fill)]
    page.get_by_role("radio", name="Parameters").click()
    colours.append(node(page, "fc").evaluate(fill))
    page.keyboard.press("ArrowRight")
    assert page.locator('#metrics [aria-checked="true"]').inner_text() == "Memory"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 27)"
    until(page, f"({fill})(document.querySelector('[data-name=fc]')) != '{colours[1]}'")
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 249, 246)"
    assert len(set(colours)) == 2


def test_two_networks_stand_side_by_side(view: Open) -> None:
    page = view("two")
    rows = page.locator(".totals tbody tr").all_inner_texts()
    assert re.match(r"googlenet\s+1\.58 G", rows[0])
    assert re.match(r"resnet18\s+1\.81 G", rows[1])
    assert page.locator("#ramp-ends span").last.inner_text() == "1.81\u202fG", "one scale for both"
    assert page.locator(".pane:visible").count() == 2
    page.locator('.pane >> nth=1 >> .node[data-name="conv3_x"]').click()
    assert page.locator(".crumbs").inner_text().startswith("resnet18")
    until(page, "location.hash.includes('in=1')")
    page.set_viewport_size({"width": 700, "height": 800})
    assert page.locator("#switch [aria-pressed=true]").inner_text() == "resnet18"
    # By the keyboard: a click waits for frames, which stall for longer than it waits where a busy
    # machine's Chromium has just got another size.
    page.locator("#switch button").first.press("Enter")
    assert node(page, "inception_3a").is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_hostile_names_are_text_and_nothing_overflows(view: Open, width: int) -> None:
    page = view("hostile", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.get_by_text('"rosé\'s"', exact=True).count() == 0
    node(page, "0").click()
    assert page.locator(".channel").count() == 16
    values = "(e) => new Set(e.getContext('2d').getImageData(0, 0, e.width, e.height).data).size"
    until(page, f"({values})(document.querySelector('.channel canvas')) > 8")
    page.locator(".channel").nth(3).click()
    assert page.locator(".channel").nth(3).get_attribute("aria-pressed") == "true"


def test_it_prints_whole(view: Open) -> None:
    page = view()
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    pane = page.locator(".pane").bounding_box()
    last = node(page, "fc").bounding_box()
    assert last["y"] + last["height"] <= pane["y"] + pane["height"] + 1
    assert not page.locator(".tools").is_visible()
