"""The notebooks run from top to bottom, offline, and are stored without what they gave."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Each shrunk, and nothing else changed: what is learnt is not what is tested here.
SHRUNK = {r"epochs=\d+": "epochs=1", r"images=\d+": "images=60", r"\[:\d\d+\]": "[:40]"}


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "first-classifier",
        "reading-a-network",
        "transfer-and-export",
    ]
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert all(path.name in page for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_was_given_is_stored(path: Path) -> None:
    for cell in cells(path):
        assert cell["source"], "an empty cell"
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_and_shows_what_it_ends_with(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in cells(path):
        if cell["cell_type"] != "code":
            continue
        code = "".join(cell["source"])
        for pattern, shrunk in SHRUNK.items():
            code = re.sub(pattern, shrunk, code)
        *steps, last = ast.parse(code).body
        exec(compile(ast.Module(steps, []), path.name, "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), path.name, "eval"), names)
            if type(shown).__module__.startswith("striate"):
                assert "<" in shown._repr_html_()
        else:
            exec(compile(ast.Module([last], []), path.name, "exec"), names)


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_kernel_runs_it(path: Path, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources=resources, env=dict(os.environ)
    ).execute()
    told = json.dumps(notebook)
    assert "text/html" in told
    assert '"output_type": "error"' not in told
