"""The pages and pictures of docs/networks are what the networks, recipes and sources say today."""

from __future__ import annotations

import importlib.util
import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from striate.zoo.catalogue import entries

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "networks"
NAMES = [one.name for one in entries()]
#: Thousands of layers take seconds to count.
DEEP = ("resnet1202", "preact_resnet1001")
EACH = [pytest.param(name, marks=pytest.mark.slow if name in DEEP else ()) for name in NAMES]
AGAIN = "run python tools/networks.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        found = importlib.util.spec_from_file_location("networks", ROOT / "tools" / "networks.py")
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module


@pytest.mark.parametrize("name", EACH)
def test_the_page_and_the_picture_are_current(tool: ModuleType, name: str) -> None:
    for path, text in tool.files_of(name).items():
        assert (FOLDER / path).read_text("utf-8") == text, AGAIN


def test_the_page_of_all_is_current(tool: ModuleType) -> None:
    for path, text in tool.common().items():
        assert (FOLDER / path).read_text("utf-8") == text, AGAIN


def test_there_is_a_page_and_a_picture_for_each_network_and_no_other() -> None:
    pages = {path.stem for path in FOLDER.glob("*.md")}
    pictures = {path.stem for path in FOLDER.glob("images/*")}
    shown = {
        picture
        for page in FOLDER.glob("*.md")
        for picture in re.findall(r"\(images/(.*?)\.svg\)", page.read_text("utf-8"))
    }
    assert pages == {*NAMES, "README"}
    assert pictures == shown >= {*NAMES, "timeline"}


def test_the_page_of_all_names_them_and_what_is_left_out() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"[{name}]({name}.md)" not in text] == []
    assert "`inception_v2_rethinking`" in text


def test_notes_name_networks_that_there_are() -> None:
    text = (ROOT / "tools" / "network_pages" / "notes.toml").read_text("utf-8")
    named = {name for row in tomllib.loads(text)["note"] for name in row["networks"]}
    assert named <= set(NAMES)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("lenet5", ["60,000", "325,680", "0.95 %", "| `OUTPUT` |", "striate train digits"]),
        ("vgg16", ["138,357,544", "15,470,264,320", "212×212", "89.4 % of", "`vgg16`, with"]),
        ("googlenet", ["6,998,552", "13,378,280", "aux1, aux2", "10.07 %"]),
        ("resnet50", ["25,557,032", "483×483", "| 50 |", "resnet50_v1_5"]),
        ("inception_v3", ["1311×1311", "inception_v3.tv_in1k", "--weights torchvision"]),
        ("resnet1202", ["19,421,274", "checkpointing=true", "| 1202 |", "1.4 GB (2.0 at most)"]),
        ("se_resnet50", ["483×483 |", "gates included", "legacy_seresnet50"]),
    ],
)
def test_pages_say_what_is_known(name: str, facts: list[str]) -> None:
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    assert [fact for fact in facts if fact not in text] == []


@pytest.mark.parametrize("name", [*NAMES, "timeline"])
def test_no_words_of_a_picture_touch_or_leave_it(name: str) -> None:
    root = ET.fromstring((FOLDER / "images" / f"{name}.svg").read_text("utf-8"))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = [_box(each) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    outside = [b for b in boxes if b[0] < 0 or b[1] < 0 or b[2] > width or b[3] > height]
    assert outside == []
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            apart = one[0] >= other[2] or other[0] >= one[2]
            assert apart or one[1] >= other[3] or other[1] >= one[3], (one, other)


def _box(element: ET.Element) -> tuple[float, float, float, float, str]:
    """Left, top, right, bottom and the words, at a mean width of letters."""
    words, kind = element.text or "", element.get("class", "")
    size = 18 if "title" in kind else 17 if "year" in kind else 12
    width = len(words) * size * (0.58 if re.search("strong|title|year", kind) else 0.54)
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    left = x - width * {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", ""), 0.0)
    return left, y - 0.75 * size, left + width, y + 0.2 * size, words
