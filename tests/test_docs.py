"""What the documents say about commands, options and recipes is what the program knows."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from striate.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def documented() -> list[tuple[str, str]]:
    """(command, option) wherever a page shows ``striate COMMAND … --option`` in a shell block."""
    found = set()
    for page in PAGES:
        blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
        for line in "\n".join(blocks).splitlines():
            if match := re.search(r"\bstriate (?!-)([\w-]+)(.*)", line):
                found |= {(match[1], option) for option in re.findall(r"--[\w-]+", match[2])}
                found.add((match[1], "--help"))
    return sorted(found)


def help_of(command: str) -> str:
    wide = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return CliRunner().invoke(app, [command, "--help"], env=wide, catch_exceptions=False).output


def test_documented_options_exist() -> None:
    options = documented()
    helps = {command: help_of(command) for command, _ in options}
    assert [pair for pair in options if pair[1] not in helps[pair[0]]] == []


def test_options_of_export_are_those_of_its_page() -> None:
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    rows = "\n".join(line for line in page.splitlines() if line.startswith("| `-"))
    explained = set(re.findall(r"--[\w-]+", rows.replace("| `-o FILE`", "| `--output`")))
    known = set(re.findall(r"--[\w-]+", help_of("export")))
    # An option that is on unless somebody says --no-… needs no line of its own.
    defaults = {each.replace("--no-", "--") for each in explained if each.startswith("--no-")}
    assert {"--help", "--json"} | explained | defaults == known | {"--capture"}


def test_the_recipe_of_the_page_is_a_recipe() -> None:
    pytest.importorskip("torch")
    from striate.recipes.recipe import Recipe

    page = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    recipe = Recipe.from_dict(tomllib.loads(toml), "docs/recipes.md")
    assert recipe.schedule.name == "step"


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    where = ROOT / "tools" / "command_pages.py"
    found = importlib.util.spec_from_file_location("command_pages", where)
    assert found is not None
    assert found.loader is not None
    tool = importlib.util.module_from_spec(found)
    found.loader.exec_module(tool)
    return tool


def test_the_page_of_commands_has_every_option(pages: ModuleType) -> None:
    written = pages.ENGLISH.read_text("utf-8")
    assert written == pages.english(), "run python tools/command_pages.py"
    for command in pages.COMMANDS:
        section = written.partition(f"## `striate {command}`")[2].partition("\n## ")[0]
        heads = re.findall(r"^  (-.*?)(?:  .*)?$", help_of(command), re.M)
        shown = {flag for head in heads for flag in re.findall(r"(?<!\w)--?[a-z][\w-]*", head)}
        assert shown - {"-h", "--help"} <= set(re.findall(r"`(--?[\w-]+)`", section)), command
        assert shown >= {"-h", "--help"}


def test_the_chinese_page_of_commands_has_the_same_options(pages: ModuleType) -> None:
    written = pages.CHINESE.read_text("utf-8")
    assert written == pages.chinese(written), "run python tools/command_pages.py"
    texts, cells = pages.read(written)
    untranslated = [key for key, text in (texts | cells).items() if not re.search("[一-鿿]", text)]
    assert untranslated == []
