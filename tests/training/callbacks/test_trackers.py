"""Trackers: the figures of every epoch once, in one place, and a failure that costs a line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import Interrupted, StriateError
from striate.runs import layout as names
from striate.training.callbacks import named
from striate.training.callbacks.base import Callback, EpochEnd, RunEnd, TrainBegin, TrainEnd
from striate.training.callbacks.csv_file import CSVFile
from striate.training.callbacks.figures import figures_of, settings_of_run
from striate.training.callbacks.named import make_trackers
from striate.training.callbacks.several import Callbacks
from striate.training.callbacks.tracker import Tracker, read_trackers

from .recording import OPTIONS, Recorder, lines  # type: ignore[import-not-found]


class Book(Tracker):
    """Keeps what it is told; fails in the method `fails`."""

    name, title = "book", "The book"

    def __init__(self, fails: str = "", identifier: str = "page-1") -> None:
        super().__init__()
        self.fails, self.identifier = fails, identifier
        self.told: list[tuple[str, Any]] = []

    def hear(self, method: str, what: Any) -> None:
        if method == self.fails:
            raise ConnectionError("no\nanswer from\x1b[2J " + 200 * "x")
        self.told.append((method, what))

    def begin(self, training: TrainBegin, known_as: str) -> str:
        self.hear("begin", known_as)
        return self.identifier

    def write(self, epoch: EpochEnd) -> None:
        self.hear("write", epoch.epoch)

    def cut_short(self, error: BaseException) -> None:
        self.hear("cut_short", type(error))

    def finish(self, end: RunEnd) -> None:
        self.hear("finish", sorted(end.figures))


class Notes(Callback):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="package")
def tracked(
    tmp_path_factory: pytest.TempPathFactory, photographs: Path
) -> tuple[Path, Book, Recorder]:
    """A run of two epochs that several trackers follow."""
    pytest.importorskip("tensorboard")
    out, book, recorder = tmp_path_factory.mktemp("tracked") / "run <b>", Book(), Recorder()
    track = ["csv", "tensorboard"]
    striate.train(
        photographs, out=out, epochs=2, track=track, callbacks=[book, recorder], **OPTIONS
    )
    return out, book, recorder


def test_a_tracker_is_told_of_everything_once(tracked: tuple[Path, Book, Recorder]) -> None:
    out, book, recorder = tracked
    (end,) = recorder.of("on_run_end")
    assert end.error is None
    assert book.told == [
        ("begin", ""),
        ("write", 1),
        ("write", 2),
        ("finish", sorted(end.figures)),
    ]
    assert end.figures["top1"] == json.loads((out / names.EVALUATION).read_text())["top1"]
    assert read_trackers(out) == {
        "csv": {"run": "metrics.csv", "epoch": 2},
        "tensorboard": {"run": "tensorboard", "epoch": 2},
        "book": {"run": "page-1", "epoch": 2},
    }


def test_the_csv_has_a_line_an_epoch(tracked: tuple[Path, Book, Recorder]) -> None:
    out, _, recorder = tracked
    with (out / names.TABLE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics, timing = lines(out)[1:], lines(out, names.TIMING)
    for row, line, spent in zip(rows, metrics, timing, strict=True):
        assert (int(row["epoch"]), int(row["step"])) == (line["epoch"], line["step"])
        assert float(row["train/loss"]) == line["train"]["loss"]
        assert float(row["validation/top5"]) == line["validation"]["top5"]
        assert float(row["learning_rate"]) == line["learning_rate"]
        assert float(row["seconds"]) == spent["seconds"]
    # A run that goes on writes it anew, from what was done before.
    again = CSVFile()
    begin: TrainBegin = recorder.of("on_train_begin")[0]
    before = (out / names.TABLE).read_bytes()
    (out / names.TABLE).write_text("gone")
    again.on_train_begin(replace(begin, history=tuple(recorder.of("on_epoch_end"))))
    assert (out / names.TABLE).read_bytes() == before


def test_settings_are_those_of_the_run(tracked: tuple[Path, Book, Recorder]) -> None:
    found, config = settings_of_run(tracked[0]), striate.open_run(tracked[0]).config
    assert found["recipe.epochs"] == 2
    assert found["recipe.optimiser.rate"] == config.recipe.optimiser.rate  # type: ignore[union-attr]
    assert (found["network"], found["outputs"], found["seed"]) == ("resnet20", 3, 0)
    assert found["data.fingerprint"] == config.data.fingerprint
    assert "classes" not in found


def follow(recorder: Recorder, out: Path, tracker: Tracker, done: int, until: int) -> list[str]:
    """The training of the recorder, gone on after `done` epochs and cut after `until`."""
    epochs, notes = recorder.of("on_epoch_end"), Notes()
    begin: TrainBegin = recorder.of("on_train_begin")[0]
    callbacks = Callbacks([notes, tracker])
    callbacks.on_train_begin(replace(begin, run=out, history=tuple(epochs[:done])))
    for epoch in epochs[done:until]:
        callbacks.on_epoch_end(epoch)
    error = Interrupted("here") if until < len(epochs) else None
    ended = TrainEnd(epochs=until, best_epoch=1, stopped=False, error=error)
    callbacks.on_train_end(ended)
    if error is None:
        callbacks.on_run_end(RunEnd(run=out, figures={"top1": 0.5}))
    return notes.notes


def test_what_goes_on_is_written_in_the_same_place(
    tracked: tuple[Path, Book, Recorder], tmp_path: Path
) -> None:
    recorder, first, second = tracked[2], Book(), Book()
    assert follow(recorder, tmp_path, first, 0, 1) == []
    assert first.told == [("begin", ""), ("write", 1), ("cut_short", Interrupted)]
    # The checkpoint may be older than what was written, and the file may be newer.
    assert follow(recorder, tmp_path, second, 0, 2) == []
    assert second.told == [("begin", "page-1"), ("write", 2), ("finish", ["top1"])]
    # Where the place is not there any more, all goes to a new one.
    third = Book(identifier="page-2")
    follow(recorder, tmp_path, third, 2, 2)
    assert third.told == [("begin", "page-1"), ("write", 1), ("write", 2), ("finish", ["top1"])]


@pytest.mark.parametrize("method", ["begin", "write", "cut_short", "finish"])
def test_a_failure_costs_one_line(
    tracked: tuple[Path, Book, Recorder], tmp_path: Path, method: str
) -> None:
    book = Book(fails=method)
    notes = follow(tracked[2], tmp_path, book, 0, 1 if method == "cut_short" else 2)
    (note,) = notes
    said = "The book has failed, and the training goes on without it: no answer from\\x1b[2J xxx"
    assert note.startswith(said)
    assert len(note) < 240
    if method == "begin":
        assert book.told == []
    # What was not written is written when the run goes on.
    whole = Book()
    assert follow(tracked[2], tmp_path, whole, 2, 2) == []
    if method in ("begin", "write"):
        assert [what for what in whole.told if what[0] == "write"] == [("write", 1), ("write", 2)]


def test_a_failure_tells_no_password(tracked: tuple[Path, Book, Recorder], tmp_path: Path) -> None:
    class Away(Book):
        def begin(self, training: TrainBegin, known_as: str) -> str:
            raise OSError("GET https://me:p@ss@host:5000/api?who=a@b failed")

    begin: TrainBegin = tracked[2].of("on_train_begin")[0]
    with pytest.warns(UserWarning, match=r"GET https://host:5000/api\?who=a@b failed"):
        Callbacks([Away()]).on_train_begin(replace(begin, run=tmp_path))


def test_where_nobody_shows_notes_a_failure_is_a_warning(
    tracked: tuple[Path, Book, Recorder], tmp_path: Path
) -> None:
    begin: TrainBegin = tracked[2].of("on_train_begin")[0]
    with pytest.warns(UserWarning, match="The book has failed"):
        Callbacks([Book(fails="begin")]).on_train_begin(replace(begin, run=tmp_path))


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"book": 3}', '{"book": {"run": "../x", "epoch": 1}}', '{"book": {}}']
)
def test_a_file_of_trackers_that_is_none_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / names.TRACKERS).write_text(text)
    assert read_trackers(tmp_path) == {}


def test_trackers_are_asked_for_by_name_and_go_on_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, notes = make_trackers(["csv"], None)
    assert [type(each) for each in made] == [CSVFile]
    with pytest.raises(
        StriateError, match=r"`track='mlfow'`: is no tracker; did you mean 'mlflow'"
    ):
        make_trackers(["mlfow"], None)
    kept = {name: {"run": "a", "epoch": 1} for name in ("csv", "wandb", "<b>")}
    (tmp_path / names.TRACKERS).write_text(json.dumps(kept))
    monkeypatch.setattr(named, "installed", lambda _: False)
    made, notes = make_trackers([], tmp_path)
    assert [each.name for each in made] == ["csv"]
    assert notes == ["Weights & Biases, which the run was written to, is not installed here"]
    assert not made[0].asked_for
    assert make_trackers(["csv"], tmp_path, [CSVFile()])[0] == []
    for name in ("mlflow", "wandb"):
        with pytest.raises(
            StriateError, match=rf"`track='{name}'`: .* pip install 'striate\[{name}"
        ):
            striate.train("digits", out=tmp_path / "run", track=name, **OPTIONS)
    with pytest.raises(StriateError, match=r"`tensorboard`: TensorBoard is not installed; pip"):
        striate.train("digits", out=tmp_path / "run", tensorboard=True, **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_tensorboard_holds_the_figures_of_every_epoch(tracked: tuple[Path, Book, Recorder]) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tracked[0]
    events = accumulator.EventAccumulator(str(out / names.BOARD))
    events.Reload()
    metrics, timing = lines(out)[1:], lines(out, names.TIMING)
    wanted = {
        "train/loss": [line["train"]["loss"] for line in metrics],
        "train/main": [line["train"]["main"] for line in metrics],
        "train/top1": [line["train"]["top1"] for line in metrics],
        **{
            f"validation/{name}": [line["validation"][name] for line in metrics]
            for name in ("loss", "top1", "top5")
        },
        **{
            f"{kind}/{layer}": [line["health"][layer][kind] for line in metrics]
            for kind in ("gradient", "activation")
            for layer in metrics[0]["health"]
        },
        "learning_rate": [line["learning_rate"] for line in metrics],
        "images_per_second": [line["images_per_second"] for line in timing],
    }
    assert set(events.Tags()["scalars"]) == set(wanted)
    for name, values in wanted.items():
        found = events.Scalars(name)
        assert [event.step for event in found] == [1, 2]
        assert [event.value for event in found] == pytest.approx(values, rel=1e-6), name
    for epoch in tracked[2].of("on_epoch_end"):
        told = {name: values[epoch.epoch - 1] for name, values in wanted.items()}
        assert figures_of(epoch) == told
