"""Pages of networks in a browser: what the tests of them share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from striate.anatomy.graph.record import Graph, record
from striate.anatomy.view.build import render
from striate.zoo.create import create

HOSTILE = """<b>"rosé's"</b> 玫瑰 </script><script>fetch('http://evil.example')</script>"""

Open = Callable[..., Any]


def graph_of(name: str, **variant: Any) -> Graph:
    with torch.device("meta"):
        network = create(name, **variant)
    shape = network.input_size
    return record(network, torch.empty(1, *shape, device="meta"), name=name)


@pytest.fixture(scope="module")
def googlenet() -> Graph:
    return graph_of("googlenet")


@pytest.fixture(scope="module")
def pages(googlenet: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "googlenet.html").write_text(render(googlenet), "utf-8")
    other = graph_of("resnet18")
    (folder / "two.html").write_text(render(googlenet, against=other), "utf-8")
    torch.manual_seed(0)
    trained = nn.Sequential(nn.Conv2d(3, 20, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    plain = record(trained, torch.empty(1, 3, 32, 32, device="meta"), name=HOSTILE)
    (folder / "hostile.html").write_text(
        render(plain, network=trained, photo_name=HOSTILE), "utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if not found:
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def view(browser: Any, pages: Path) -> Iterator[Open]:
    """Opens a page; at the end, no message may have been logged and no address asked for."""
    complaints: list[str] = []
    contexts = []

    def open_(name: str = "googlenet", address: str = "", width: int = 1280, **more: Any) -> Any:
        size = {"width": width, "height": 800}
        context = browser.new_context(viewport=size, reduced_motion="reduce", **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("data:", pages.as_uri()))
                else complaints.append(request.url)
            ),
        )
        page.goto((pages / f"{name}.html").as_uri() + address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def node(page: Any, name: str) -> Any:
    return page.locator(f'.node[data-name="{name}"]')


def until(page: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own waiting needs `eval`, which the page forbids."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"it never came to {condition}")


def chosen(page: Any) -> str:
    return str(page.locator("#chosen").inner_text())
