"""The examples in docstrings give what they say, and none of them is passed over."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1] / "src"
PROMPT = re.compile(r"^ *>>> ", re.MULTILINE)
#: How many functions, at the least, explain themselves by an example.
EXPLAINED = 40


def examples_in(path: Path) -> int:
    return len(PROMPT.findall(path.read_text(encoding="utf-8")))


FILES = [path for path in sorted(ROOT.rglob("*.py")) if examples_in(path)]


def module_of(path: Path) -> ModuleType:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def docstrings_of(path: Path) -> list[doctest.DocTest]:
    return [each for each in doctest.DocTestFinder().find(module_of(path)) if each.examples]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_give_what_they_say(path: Path) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    run = 0
    for each in docstrings_of(path):
        run += len(each.examples)
        runner.run(each, out=said.append)
    assert "".join(said) == ""
    assert run == examples_in(path)


def test_many_functions_are_explained_by_an_example() -> None:
    assert sum(len(docstrings_of(path)) for path in FILES) >= EXPLAINED


def test_no_example_is_skipped() -> None:
    assert [path for path in FILES if "doctest: +SKIP" in path.read_text(encoding="utf-8")] == []
