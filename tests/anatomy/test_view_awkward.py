"""Pages in a browser: networks that are awkward to draw, answers, and two networks at once."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from striate.anatomy.graph.record import record
from striate.anatomy.view.build import render

sys.path.insert(0, str(Path(__file__).parent))
from browsing import Open, browser, chosen, googlenet, graph_of, node, pages, until, view

__all__ = ["browser", "googlenet", "pages", "view"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Recurrent(nn.Module):
    """Forty steps of an LSTM: every step reads what came long before."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fc(self.lstm(x.transpose(1, 2))[0][:, -1])


class Dense(nn.Module):
    """Every layer reads all before it: thousands of ways side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3 + 4 * n, 4, 3, padding=1) for n in range(40))

    def forward(self, x: torch.Tensor) -> Any:
        maps = [x]
        for layer in self.layers:
            maps.append(layer(torch.cat(maps, 1)))
        return maps[-1]


class Long(nn.Module):
    """More layers in one group than a browser should be asked to draw."""

    def forward(self, x: torch.Tensor) -> Any:
        y = x
        for _ in range(1500):
            y = torch.relu(y) + x
        return y


@pytest.fixture(scope="module")
def more(pages: Path) -> Path:
    """Pages of networks that are awkward to draw, beside the others."""

    def write(name: str, network: nn.Module, *shape: int) -> None:
        graph = record(network, torch.empty(1, *shape, device="meta"), name=name)
        (pages / f"{name}.html").write_text(render(graph), "utf-8")

    write("recurrent", Recurrent(), 8, 40)
    write("dense", Dense(), 3, 32, 32)
    write("long", Long(), 3, 8, 8)
    plain = graph_of("plain18")
    (pages / "plain.html").write_text(render(graph_of("resnet18"), against=plain), "utf-8")
    torch.manual_seed(0)
    asked = nn.Sequential(nn.Conv2d(3, 2, 8), nn.Flatten(), nn.Softplus())
    graph = record(asked, torch.empty(1, 3, 8, 8, device="meta"), name="asked")
    page = render(graph, network=asked, classes=("<b>tulip</b>", "rose"))
    (pages / "asked.html").write_text(page, "utf-8")
    return pages


@pytest.mark.parametrize(
    ("name", "words"), [("recurrent", "parts"), ("dense", "ways between them")]
)
def test_what_is_too_much_to_draw_is_listed(view: Open, more: Path, name: str, words: str) -> None:
    page = view(name)
    page.keyboard.press("e")
    notice = page.locator(".notice")
    assert "too much to draw" in notice.inner_text()
    assert words in notice.inner_text()
    assert page.locator(".node").count() > 80
    assert page.locator(".edges path").count() < page.locator(".node").count() + 5


def test_a_list_of_thousands_is_shown_in_stretches(view: Open, more: Path) -> None:
    page = view("long")
    assert page.locator(".node").count() == 2000
    assert "1 to 2" in page.locator(".notice").inner_text()
    page.get_by_role("button", name="later").click()
    assert node(page, "input").count() == 0
    last = node(page, "add#1500")
    assert last.count() == 1
    page.keyboard.press("/")
    page.keyboard.type("input")
    page.keyboard.press("Enter")
    assert chosen(page) == "input"
    assert node(page, "input").is_visible()


def test_a_line_is_told_in_samples_without_a_picture(view: Open, more: Path) -> None:
    page = view("recurrent", address="#n=input")
    assert not page.locator(".photo").is_visible()
    assert not page.locator("#pad").is_visible()
    assert page.locator("#readout").inner_text() == "Position 20 of 40 sees 1 of 40 samples: 20."
    page = view("recurrent", address="#n=fc")
    assert page.locator("#readout").inner_text() == "Sees all 40 samples."


def test_what_a_network_answers_stands_beside_the_picture(view: Open, more: Path) -> None:
    page = view("asked", address="#n=2")
    rows = page.locator(".answers li").all_inner_texts()
    assert len(rows) == 2
    assert {row.splitlines()[0] for row in rows} == {"<b>tulip</b>", "rose"}
    shares = [float(re.sub(r"[^\d.]", "", row.splitlines()[1])) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert abs(sum(shares) - 100) < 1
    assert not page.locator("#pad").is_visible(), "a vector has no cells"
    assert view().locator(".answers").is_hidden()


def test_two_networks_open_and_scroll_together(view: Open, more: Path) -> None:
    page = view("plain", width=1440)
    texts = page.locator(".pane >> nth=0 >> .node .sub").all_inner_texts()
    assert any("shortcut" in text for text in texts), "before anything is opened"
    others = page.locator(".pane >> nth=1 >> .node .sub").all_inner_texts()
    assert not any("shortcut" in text for text in others)
    page.keyboard.press("e")
    for pane in (0, 1):
        assert (
            page.locator(f'.pane >> nth={pane} >> .node[data-name="conv5_x.1.conv2"]').count() == 1
        )
    page.mouse.move(200, 400)
    page.mouse.wheel(0, 4000)
    shares = "(all) => all.map((e) => new DOMMatrix(getComputedStyle(e).transform).f)"
    until(page, f"({shares})([...document.querySelectorAll('.world')]).every((y) => y < -500)")


def test_the_search_begins_anew(view: Open) -> None:
    page = view()
    for text in ("conv1", "conv2"):
        page.keyboard.press("/")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    assert page.locator("#search").input_value() == "conv2"


def test_a_number_is_titled_by_its_group(view: Open) -> None:
    page = view(address="#n=inception_3a.branch_5x5.1")
    assert chosen(page) == "branch_5x5.1"


def test_ways_are_drawn_in_the_colours_of_their_legend(view: Open) -> None:
    page = view(address="#n=inception_4a.concatenate")
    colour = "(all) => all.map((e) => getComputedStyle(e).getPropertyValue('--way'))"
    drawn = page.locator(".way").evaluate_all(colour)
    assert drawn == page.locator(".ways-legend .swatch").evaluate_all(colour)
    dashes = page.locator(".way").evaluate_all(
        "(all) => all.map((e) => [e.getAttribute('x'), e.getAttribute('stroke-dashoffset')].join())"
    )
    assert len(set(dashes)) == 4, "equal boxes take turns along their edge"


def test_everything_fits_where_all_is_shown(view: Open) -> None:
    page = view(width=1024)
    page.keyboard.press("e")
    page.keyboard.press("f")
    pane = page.locator(".pane").bounding_box()
    for name in ("input", "fc"):
        box = node(page, name).bounding_box()
        assert pane["y"] <= box["y"]
        assert box["y"] + box["height"] <= pane["y"] + pane["height"] + 1
    caption = page.locator("figcaption").last
    assert caption.evaluate("(e) => e.scrollWidth <= e.clientWidth")
