"""What a person sees while a network trains."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from striate.training.callbacks.base import BatchEnd, EpochEnd, TrainBegin, TrainEnd
from striate.training.callbacks.terminal import Terminal

from .recording import Recorder  # type: ignore[import-not-found]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def begin() -> TrainBegin:
    return TrainBegin(
        run=Path("run"), epochs=2, steps=10, batch_size=8, epoch=0, step=0, history=()
    )


@pytest.fixture
def end(told: tuple[Path, Recorder]) -> EpochEnd:
    epoch: EpochEnd = told[1].of("on_epoch_end")[0]
    return replace(epoch, epoch=1, images_per_second=1234.5, best=True, seconds_left=30.2)


def batch_end(epoch: int, step: int, total: float) -> BatchEnd:
    return BatchEnd(
        epoch=epoch,
        step=step,
        steps=10,
        learning_rate=0.1,
        size=(16, 16),
        _speed=lambda: 20.4,
        _left=lambda: 6.3,
        _loss=1.0,
        _sums=[total],
    )


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    held = [50.0]
    with monkeypatch.context() as patch:
        patch.setattr("striate.support.progress.time.monotonic", lambda: held[0])
        yield held


def test_a_file_gets_a_line_an_epoch(begin: TrainBegin, end: EpochEnd, now: list[float]) -> None:
    text = io.StringIO()
    shown = Terminal(text)
    shown.on_note("a [b]c[/b] d\x1b[2J")
    shown.on_train_begin(begin)
    now[0] += 30
    shown.on_batch_end(batch_end(1, 3, 6.0))
    shown.on_epoch_end(end)
    shown.on_train_end(TrainEnd(epochs=1, best_epoch=1, stopped=False, error=None))
    note, headings, star, row = text.getvalue().splitlines()
    assert note == "note: a [b]c[/b] d\\x1b[2J"
    assert headings.split()[:3] == ["epoch", "train", "loss"]
    assert star.strip() == "* the best so far, whose weights are kept"
    assert row.split() == [
        "1/2",
        f"{end.train.loss:.3f}",
        *f"{100 * end.train.top1:.2f} %".split(),
        f"{end.validation.loss:.3f}",
        *f"{100 * end.validation.top1:.2f} %".split(),
        "*",
        "1,234",
        "0:30",
    ]


def test_a_terminal_has_a_bar_that_goes_away(begin: TrainBegin, now: list[float]) -> None:
    screen = Screen()
    shown = Terminal(screen)
    shown.on_train_begin(begin)
    assert shown.bar is not None
    now[0] += 2
    batch = batch_end(1, 5, 12.5)
    shown.on_batch_end(batch)
    (task,) = shown.bar.tasks
    assert (task.completed, task.total) == (5, 20)
    assert task.description == "epoch 1/2"
    assert task.fields["figures"] == "loss 2.500  rate 0.1  20 images/s  0:06 left"
    now[0] += 0.1
    shown.on_batch_end(replace(batch, step=6))  # too soon to be shown
    assert task.completed == 5
    shown.on_train_end(TrainEnd(epochs=1, best_epoch=1, stopped=False, error=None))
    assert shown.bar is None


def test_a_resumed_run_counts_from_where_it_is(begin: TrainBegin, now: list[float]) -> None:
    shown = Terminal(Screen())
    shown.on_train_begin(replace(begin, epoch=1, step=2))
    now[0] += 2
    shown.on_batch_end(batch_end(2, 6, 6.0))
    assert shown.bar is not None
    (task,) = shown.bar.tasks
    assert task.completed == 16
    # An epoch of another number of steps is a tenth of the way too when a tenth of it is done.
    now[0] += 2
    shown.on_batch_end(replace(batch_end(2, 16, 6.0), steps=20, _left=lambda: None))
    assert task.completed == 18
    assert task.fields["figures"].endswith("? left")
    shown.on_train_end(TrainEnd(epochs=1, best_epoch=1, stopped=False, error=None))
