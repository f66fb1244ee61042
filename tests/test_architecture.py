"""docs/architecture.md and its picture against the tree."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "striate"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| \d+ \| `([\w/]+\.py)` \| `(\w+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    found = importlib.util.spec_from_file_location(
        "architecture", ROOT / "tools" / "architecture.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "architecture", module)
        found.loader.exec_module(module)
    return module


def sections() -> dict[str, list[tuple[str, str]]]:
    told = PAGE.partition("\n## The ways of the data\n")[2].split("\n## ")[0]
    parts = re.split(r"^### ", told, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: ROW.findall(part) for part in parts}


def rooms() -> dict[str, str]:
    """Room: its row of the table."""
    table = PAGE.partition("\n## The rooms\n")[2].split("\n### ")[0]
    return dict(re.findall(r"^\| `([\w/.]+?)/?` \|(.*)$", table, re.MULTILINE))


def test_every_room_is_told_from_the_ground_up(tool: ModuleType) -> None:
    named = [name.removesuffix(".py") for name in rooms()]
    assert named == list(reversed(tool.floors()))
    there = {path.parent.name for path in SOURCE.glob("*/__init__.py")} | {"errors"}
    assert set(named) == there


def test_sub_rooms_are_told_with_their_room() -> None:
    for path in SOURCE.glob("*/*/__init__.py"):
        room, inner = path.parent.parent.name, path.parent.name
        assert f"`{inner}/`" in rooms()[room] or room == "support", f"{room}/{inner}"


def test_what_to_read_first_is_there() -> None:
    for room, row in rooms().items():
        for name in re.findall(r"`([\w/]+\.py)`", row.split("|")[1]):
            assert (SOURCE / room / name).is_file(), f"{room}: {name}"


@cache
def imports(file: str) -> frozenset[str]:
    """Files of ours that `file` imports, at its top or where it needs them."""
    found = set()
    for node in ast.walk(ast.parse((SOURCE / file).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("striate"):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                path = name.partition(".")[2].replace(".", "/")
                here = [each for each in (f"{path}.py", f"{path}/__init__.py") if path]
                found |= {each for each in here if (SOURCE / each).is_file()}
    return frozenset(found)


@cache
def reached(file: str) -> frozenset[str]:
    """All that `file` imports, and what that imports in turn."""
    seen: set[str] = set()
    ahead = [file]
    while ahead:
        for other in imports(ahead.pop()) - seen:
            seen.add(other)
            ahead.append(other)
    return frozenset(seen)


def test_there_are_five_ways_of_several_stops() -> None:
    assert [len(stops) >= 4 for stops in sections().values()] == [True] * 5
    assert all(f"\n| {len(stops)} | `" in PAGE for stops in sections().values())


@pytest.mark.parametrize("way", sections())
def test_every_stop_of_a_way_is_there_and_called_from_one_of_them(way: str) -> None:
    stops = sections()[way]
    for file, name in stops:
        tree = ast.parse((SOURCE / file).read_text("utf-8"))
        defined = {each.name for each in tree.body if hasattr(each, "name")}
        assert name in defined, f"{file} defines no {name}"
    files = {file for file, _ in stops}
    assert any(files <= reached(file) | {file} for file in files), "no stop leads to all others"


def test_the_picture_is_of_this_page(tool: ModuleType) -> None:
    drawn = (ROOT / "docs" / "images" / "architecture.svg").read_text("utf-8")
    assert drawn == tool.picture(), "run python tools/architecture.py"


#: What is imported though another package brings it: its own names are made of it.
COMES_WITH = {"markupsafe": "jinja2", "openvino_telemetry": "openvino"}


def imported(source: str) -> set[str]:
    """The packages of other people that a file names in its import statements."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    several = [project["dependencies"], *project["optional-dependencies"].values()]
    names = [re.split(r"[<>=;\[ ]", each)[0] for part in several for each in part]
    declared = {name.lower().replace("-", "_") for name in names}
    distributions = packages_distributions()
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for name in imported(path.read_text(encoding="utf-8")) - COMES_WITH.keys() - {"striate"}:
            brings = {each.lower().replace("-", "_") for each in distributions.get(name, ())}
            assert not brings or brings & declared, f"{path}: {name} is not in pyproject.toml"
