"""Callbacks: every method in its order with the run's own numbers, and never another bit."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate
from striate.errors import Interrupted, StriateError
from striate.runs import layout as names
from striate.training import loop
from striate.training.callbacks.base import (
    BatchEnd,
    Callback,
    Checkpoint,
    EpochEnd,
    TrainBegin,
    TrainEnd,
    ValidationEnd,
)
from striate.training.callbacks.several import Callbacks

from .recording import EXACT, OPTIONS, STEPS, Recorder, lines  # type: ignore[import-not-found]

#: Figures that are found where the epoch that is kept is chosen by them.
UNASKED = {"balanced": None, "f1": None}


def expected(entry: dict[str, Any], timing: dict[str, Any]) -> dict[str, Any]:
    """The lines of both files as `EpochEnd` holds them, but for `best` and the time left."""
    train = {**entry["train"], "auxiliary": tuple(entry["train"]["auxiliary"])}
    validation = {**entry["validation"], **UNASKED}
    return {**entry, **timing, "train": train, "validation": validation, "size": (16, 16)}


def without_best(epoch: EpochEnd) -> dict[str, Any]:
    found = asdict(epoch)
    del found["best"], found["seconds_left"]
    return found


def test_every_method_is_called_in_its_order(told: tuple[Path, Recorder]) -> None:
    epoch = ["on_epoch_begin", *["on_batch_end"] * STEPS]
    epoch += ["on_validation_end", "on_checkpoint", "on_epoch_end"]
    assert told[1].methods == ["on_train_begin", *epoch * 3, "on_train_end", "on_run_end"]
    assert {method for method in vars(Callback) if method.startswith("on_")} == {
        name for name, _ in told[1].told
    }


def test_the_numbers_are_those_of_the_files(told: tuple[Path, Recorder]) -> None:
    run, recorder = told
    metrics, timing = lines(run)[1:], lines(run, names.TIMING)
    assert recorder.of("on_train_begin") == [
        TrainBegin(run=run, epochs=3, steps=STEPS, batch_size=6, epoch=0, step=0, history=())
    ]
    assert recorder.of("on_epoch_begin") == [1, 2, 3]
    ends: list[EpochEnd] = recorder.of("on_epoch_end")
    assert [without_best(end) for end in ends] == [
        expected(*both) for both in zip(metrics, timing, strict=True)
    ]
    found: list[ValidationEnd] = recorder.of("on_validation_end")
    assert [asdict(each) for each in found] == [
        {"epoch": line["epoch"], **line["validation"], **UNASKED} for line in metrics
    ]
    points: list[Checkpoint] = recorder.of("on_checkpoint")
    assert points == [
        Checkpoint(path=run / names.STATE, epoch=epoch, step=0) for epoch in (1, 2, 3)
    ]
    (end,) = recorder.of("on_train_end")
    kept = striate.open_run(run).weights_epoch
    assert end == TrainEnd(epochs=3, best_epoch=kept, stopped=False, error=None)
    assert [each.epoch for each in ends if each.best][-1] == kept
    assert any("30 images to train on" in note for note in recorder.of("on_note"))


def test_batches_have_their_losses_and_rates(told: tuple[Path, Recorder]) -> None:
    run, recorder = told
    batches: list[tuple[BatchEnd, float, float]] = recorder.of("on_batch_end")
    places = [(batch.epoch, batch.step) for batch, _, _ in batches]
    assert places == [(epoch, step) for epoch in (1, 2, 3) for step in range(1, STEPS + 1)]
    for number, line in enumerate(lines(run)[1:]):
        mine = batches[number * STEPS : (number + 1) * STEPS]
        losses = [loss for _, loss, _ in mine]
        assert sum(losses) / STEPS == pytest.approx(line["train"]["loss"], rel=1e-6)
        means = [sum(losses[:done]) / done for done in range(1, STEPS + 1)]
        assert [mean for _, _, mean in mine] == pytest.approx(means, rel=1e-6)
        assert mine[-1][0].learning_rate == line["learning_rate"]
    # What is kept and read later is still that batch's.
    assert [(batch.loss, batch.mean_loss) for batch, _, _ in batches] == [
        (loss, mean) for _, loss, mean in batches
    ]


def test_the_same_bits_with_and_without(plain: Path, told: tuple[Path, Recorder]) -> None:
    for name in EXACT:
        assert (plain / name).read_bytes() == (told[0] / name).read_bytes(), name


def test_draws_of_a_callback_change_no_bit(tmp_path: Path) -> None:
    """Also with dropout, which draws from the same generator as everybody."""

    class Drawing(Callback):
        def draw(self, *_: object) -> None:
            torch.rand(7)
            np.random.rand(7)
            random.random()

        on_train_begin = on_epoch_begin = on_batch_end = draw
        on_validation_end = on_checkpoint = on_epoch_end = draw

    options: dict[str, Any] = {"net": "mnist_example", "epochs": 2, "batch_size": 300}
    striate.train("digits", out=tmp_path / "plain", **options)
    striate.train("digits", out=tmp_path / "drawn", callbacks=[Drawing()], **options)
    for name in EXACT:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "drawn" / name).read_bytes()


def test_what_is_told_on_resume(plain: Path, photographs: Path, tmp_path: Path) -> None:
    cut, first, second = tmp_path / "run", Recorder(interrupt=STEPS + 2), Recorder()
    with pytest.raises(Interrupted) as stop:
        striate.train(photographs, out=cut, epochs=3, callbacks=[first], **OPTIONS)
    (end,) = first.of("on_train_end")
    assert end.error is stop.value
    assert (end.epochs, end.stopped) == (1, False)
    assert first.methods[-3:] == ["on_batch_end", "on_checkpoint", "on_train_end"]
    assert first.of("on_checkpoint")[-1] == Checkpoint(path=cut / names.STATE, epoch=1, step=2)

    striate.train(cut, resume=True, callbacks=[second])
    (begin,) = second.of("on_train_begin")
    assert (begin.epoch, begin.step) == (1, 2)
    assert list(begin.history) == first.of("on_epoch_end")
    assert second.of("on_epoch_begin") == [2, 3]
    assert [batch.step for batch, _, _ in second.of("on_batch_end")] == [3, 4, 5, 1, 2, 3, 4, 5]
    metrics, timing = lines(cut)[2:], lines(cut, names.TIMING)[1:]
    assert [without_best(each) for each in second.of("on_epoch_end")] == [
        expected(*both) for both in zip(metrics, timing, strict=True)
    ]
    # The mean of an epoch that was cut holds the batches from before as well.
    mean = second.of("on_batch_end")[2][2]
    assert mean == pytest.approx(metrics[0]["train"]["loss"], rel=1e-6)
    for name in EXACT:
        assert (plain / name).read_bytes() == (cut / name).read_bytes(), name

    third = Recorder()
    striate.train(cut, resume=True, callbacks=[third])
    assert third.methods == ["on_train_begin", "on_train_end", "on_run_end"]
    (begin,) = third.of("on_train_begin")
    ends = first.of("on_epoch_end") + second.of("on_epoch_end")
    assert list(begin.history) == ends


def test_all_are_told_of_the_end_also_after_one_that_raises() -> None:
    class Bad(Callback):
        def on_train_end(self, end: TrainEnd) -> None:
            raise ZeroDivisionError

    one, two = Recorder(), Recorder()
    end = TrainEnd(epochs=1, best_epoch=1, stopped=False, error=None)
    with pytest.raises(ZeroDivisionError):
        Callbacks([one, Bad(), two]).on_train_end(end)
    assert one.of("on_train_end") == two.of("on_train_end") == [end]


def test_several_are_called_in_the_order_they_were_given_in() -> None:
    said: list[str] = []

    class Named(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_note(self, text: str) -> None:
            said.append(self.name + text)

    Callbacks([Named("b"), Named("a")]).on_note("!")
    assert said == ["b!", "a!"]


@pytest.mark.parametrize("wrong", [Recorder, print, "csv"])
def test_what_is_no_callback_is_refused_at_once(
    photographs: Path, tmp_path: Path, wrong: Any
) -> None:
    for function in (
        lambda: striate.train(photographs, out=tmp_path / "run", callbacks=[wrong], **OPTIONS),
        lambda: striate.transfer(
            photographs, backbone="resnet20", out=tmp_path / "run", callbacks=[wrong]
        ),
    ):
        with pytest.raises(StriateError, match=r"`callbacks`.*is no callback; give instances"):
            function()
    assert not (tmp_path / "run").exists()


def test_the_base_does_nothing() -> None:
    quiet = Callback()
    end = TrainEnd(epochs=0, best_epoch=None, stopped=False, error=None)
    quiet.on_note("x")
    quiet.on_epoch_begin(1)
    quiet.on_train_end(end)
    assert not quiet.stopping
    quiet.stop()
    assert quiet.stopping


def test_the_base_needs_no_torch() -> None:
    code = "import sys, striate; striate.Callback; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_transfer_tells_its_training_and_its_notes(
    plain: Path, photographs: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    striate.transfer(
        photographs,
        backbone=plain,
        out=tmp_path / "run",
        cache=tmp_path / "cache",
        freeze="none",
        epochs=2,
        export=False,
        engine="torch float32",
        callbacks=[recorder],
    )
    assert any("the fitted head alone" in note for note in recorder.of("on_note"))
    (begin,) = recorder.of("on_train_begin")
    assert begin.history == ()  # the head was fitted, not trained
    metrics = lines(tmp_path / "run")
    assert [end.epoch for end in recorder.of("on_epoch_end")] == [1, 2]
    # Best is what does better than the fitted head as well.
    ranks = [(line["validation"]["top1"], -line["validation"]["loss"]) for line in metrics]
    assert [end.best for end in recorder.of("on_epoch_end")] == [
        ranks[1] > ranks[0],
        ranks[2] > max(ranks[:2]),
    ]
    again = Recorder()
    striate.train(tmp_path / "run", resume=True, callbacks=[again])
    (begin,) = again.of("on_train_begin")
    assert list(begin.history) == recorder.of("on_epoch_end")


def test_a_member_is_told_nothing_in_processes_that_do_not_lead() -> None:
    from striate.training.assemble import make_callbacks
    from striate.training.distributed import Group

    given = [Recorder()]
    assert make_callbacks(given, group=Group(1, 2), progress=True).members == ()
    assert make_callbacks(given, group=Group(0, 2), progress=False).members == tuple(given)
    with pytest.raises(StriateError, match="is no callback"):
        make_callbacks([Recorder], group=Group(1, 2), progress=True)  # type: ignore[list-item]
    assert loop.NOTHING < loop.CHECKPOINT < loop.STOP
