"""What goes on in a notebook's cell is told in one place there."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from striate.support import notebook_place, progress
from striate.support.notebook_place import place
from striate.support.progress import counting
from striate.training.callbacks.base import TrainEnd
from striate.training.callbacks.terminal import Terminal


class Notebook:
    """Stands for IPython in a kernel."""

    def __init__(self) -> None:
        self.cells: list[list[str]] = []
        self.shell: Any = SimpleNamespace(kernel=object(), execution_count=1)
        self.display = SimpleNamespace(display=self._display)

    def get_ipython(self) -> Any:
        return self.shell

    def _display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        shown = [data["text/plain"]]
        self.cells.append(shown)

        def update(data: dict[str, str], *, raw: bool) -> None:
            shown.append(data["text/plain"])

        return SimpleNamespace(update=update)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    found = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", found)  # type: ignore[misc]
    monkeypatch.setattr(notebook_place, "_held", [])
    return found


def test_everything_in_a_cell_is_told_in_its_place(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    for what in ("checking images", "evaluating images"):
        with counting(what) as count:
            assert count is not None
            now[0] += 2
            count(10, 20)
            assert notebook.cells[0][-1] == f"{what}: 10 of 20, 5 a second, 0:02 left"
        assert notebook.cells[0][-1] == ""
    assert len(notebook.cells) == 1
    notebook.shell.execution_count = 2
    with counting("predicting images"):
        assert len(notebook.cells) == 2
    with counting("nobody looks", wanted=False) as nothing:
        assert nothing is None


def test_lines_that_stay_stand_above_the_one_that_changes(notebook: Notebook) -> None:
    terminal = Terminal()
    terminal.on_note("two files <b> are alike")
    here = place()
    assert here is terminal.place is not None
    here.show("epoch 1/2")
    assert notebook.cells == [
        ["", "note: two files <b> are alike"] * 1 + ["note: two files <b> are alike\nepoch 1/2"]
    ]
    terminal.on_train_end(TrainEnd.__new__(TrainEnd))
    assert notebook.cells[0][-1] == "note: two files <b> are alike"


def test_there_is_no_place_without_a_kernel(notebook: Notebook) -> None:
    notebook.shell = None
    assert place() is None
    notebook.shell = object()  # IPython in a terminal
    assert place() is None
