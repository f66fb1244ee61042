"""A run measured anew: also one that may only be read, and never one that is being written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import DataError, Interrupted, RunError
from striate.evaluation import evaluate as module
from striate.recipes.recipe import EarlyStopping, Recipe
from striate.runs import claim, lock
from striate.runs import layout as names
from striate.runs.run import Run
from striate.support import files


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def full(_path: Path, _content: Any) -> None:
    raise files.WriteError("evaluation.json", files.FULL, "free some space")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda patch: patch.setattr(lock.FileLock, "acquire", refuse), "Read-only file system"),
        (lambda patch: patch.setattr(module, "write_atomically", full), "the disk is full"),
    ],
)
def test_figures_that_cannot_be_kept_are_shown(
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch], None],
    said: str,
) -> None:
    kept = json.loads((trained / names.EVALUATION).read_text())
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    break_it(monkeypatch)
    found = striate.evaluate(trained, workers=0)
    assert (found.top1, found.images) == (kept["top1"], kept["images"])
    (note,) = [note for note in found.notes if "could not be kept in the run" in note]
    assert said in note
    assert {n: c for n, c in before.items() if not n.startswith(".striate")} == {
        path.name: path.read_bytes()
        for path in trained.iterdir()
        if not path.name.startswith(".striate")
    }


def test_what_the_network_gave_is_kept_by_training_and_evaluation(trained: Path) -> None:
    by_training = (trained / names.PREDICTIONS).read_bytes()
    (trained / names.PREDICTIONS).unlink()
    found = striate.evaluate(trained, workers=0)
    assert (trained / names.PREDICTIONS).read_bytes() == by_training
    kept = Run.open(trained).predictions()
    assert kept is not None
    assert (kept.predicted == kept.labels).mean() == found.top1
    assert kept.split == "split"
    assert kept.names[0].startswith("train[")


def test_a_run_that_is_being_written_is_refused_at_once(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "own_data", lambda *_, **__: pytest.fail("looked at images"))
    with claim.hold(trained):
        held = rf"is being written by process {os.getpid()} on .*; wait until it has ended, or give"
        with pytest.raises(RunError, match=held):
            striate.evaluate(trained)
        with pytest.raises(RunError, match="is being written by process"):
            striate.train(trained, resume=True)
        with pytest.raises(RunError, match="is being written by process"):
            striate.train("digits", net="lenet", out=trained)
        with pytest.raises(RunError, match="is being written by process"):
            striate.create_run("lenet", trained)
    monkeypatch.undo()
    assert striate.evaluate(trained, workers=0).images == 359


def test_an_unfinished_run_says_so_to_whoever_uses_it(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from striate.cli.notes import tell_of
    from striate.training import loop

    assert Run.open(trained).notes == ()
    finish = loop.Training._finish_epoch

    def stopped(self: loop.Training) -> None:
        finish(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.Training, "_finish_epoch", stopped)
    with pytest.raises(Interrupted, match="at once; the last checkpoint was made after 1 epochs"):
        striate.train("digits", net="lenet", epochs=60, out=tmp_path / "cut", workers=0)
    run = Run.open(tmp_path / "cut")
    assert (run.epochs_done, run.config.epochs, run.is_finished) == (1, 60, False)
    (note,) = run.notes
    assert note.startswith("the run was trained for 1 of 60 epochs so far; to go on: striate train")
    assert striate.evaluate(run.path, workers=0).notes[0] == note
    assert run.notes[0] in striate.evaluate(run.path, "digits", workers=0).notes
    tell_of(run.path, allow_code=False)
    assert capsys.readouterr().err == f"note: {note}\n"
    # Early stopping is an end too.
    assert isinstance(run.config.recipe, Recipe)
    recipe = replace(run.config.recipe, early_stopping=EarlyStopping(patience=1))
    line = json.loads((run.path / names.METRICS).read_text().splitlines()[1])
    with (run.path / names.METRICS).open("a") as handle:
        handle.write(json.dumps({**line, "epoch": 2}) + "\n")
    object.__setattr__(run.config, "recipe", recipe)
    assert run.is_finished


def test_a_table_without_classes_asks_for_what_can_be_given(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,age,tilt\na.png,1,2\n")
    (tmp_path / "a.png").write_bytes(b"")
    scores = "".join(f"{number}.png,{number / 7:.3f}\n" for number in range(60))
    (tmp_path / "s.csv").write_text(f"file,score\n{scores}")
    for name in ("t.csv", "s.csv"):
        with pytest.raises(DataError, match=r"name the column with the classes by `label`$"):
            striate.evaluate(trained, tmp_path / name)
