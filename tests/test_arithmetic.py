"""docs/arithmetic.md is what the program counts today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def page() -> str:
    found = importlib.util.spec_from_file_location("arithmetic", ROOT / "tools" / "arithmetic.py")
    assert found is not None
    assert found.loader is not None
    tool = importlib.util.module_from_spec(found)
    found.loader.exec_module(tool)
    return str(tool.page())


def test_the_page_is_current(page: str) -> None:
    written = (ROOT / "docs" / "arithmetic.md").read_text("utf-8")
    assert written == page, "run python tools/arithmetic.py"


@pytest.mark.parametrize(
    "number",
    [
        "221,312",  # the half AlexNet's conv5
        "1 : 0.3 : 0.3",
        "62.50 % and twice 18.75 %",
        "3.92 times fewer multiply-accumulates",
        "66.7 % of the weights",
        "28 % fewer weights",
        "45 % fewer",
        "50,177,000",
        "1,025,000",
        "195 pixels",
        "| `vgg16` | 212×212 |",
        "| `torchvision:inception_v3` | 1311×1311 |",
        "2,416",
        "1,516",
    ],
)
def test_it_says_what_is_known(page: str, number: str) -> None:
    assert number.lower() in page.lower()
