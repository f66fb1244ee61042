"""Callbacks: every method in its order with the run's own numbers, and never another bit."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
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
from striate.training.callbacks.terminal import Terminal

EXACT = (names.WEIGHTS, names.METRICS, names.EVALUATION)
OPTIONS: dict[str, Any] = {"net": "resnet20", "size": 16, "batch_size": 6, "precision": "float32"}
STEPS = 5  # 30 images to train on, batches of 6


class Recorder(Callback):
    """Keeps what it is told; Ctrl-C is heard at the batch number `interrupt`."""

    def __init__(self, interrupt: int = 0) -> None:
        self.told: list[tuple[str, Any]] = []
        self.interrupt = interrupt

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def keep(value: Any) -> None:
            # What is read lazily is read now, as a person would.
            seen = (value, value.loss, value.mean_loss) if name == "on_batch_end" else value
            self.told.append((name, seen))
            batches = sum(method == "on_batch_end" for method, _ in self.told)
            if name == "on_batch_end" and batches == self.interrupt:
                os.kill(os.getpid(), signal.SIGINT)

        return keep

    def of(self, name: str) -> list[Any]:
        return [value for method, value in self.told if method == name]

    @property
    def methods(self) -> list[str]:
        return [name for name, _ in self.told if name != "on_note"]


def lines(run: Path, name: str = names.METRICS) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """A run of three epochs that nobody was told of."""
    out = tmp_path_factory.mktemp("plain") / "run"
    striate.train(photographs, out=out, epochs=3, **OPTIONS)
    return out


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> tuple[Path, Recorder]:
    """The same one, of which everything was told."""
    out, recorder = tmp_path_factory.mktemp("told") / "run", Recorder()
    striate.train(photographs, out=out, epochs=3, callbacks=[recorder], **OPTIONS)
    return out, recorder


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
    assert told[1].methods == ["on_train_begin", *epoch * 3, "on_train_end"]
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
    assert third.methods == ["on_train_begin", "on_train_end"]
    (begin,) = third.of("on_train_begin")
    ends = first.of("on_epoch_end") + second.of("on_epoch_end")
    assert list(begin.history) == ends


class Stopper(Callback):
    """Ends the training from the method `where`, in the second epoch."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.epoch = 0

    def on_epoch_begin(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_end(self, batch: BatchEnd) -> None:
        if (self.where, batch.epoch, batch.step) == ("batch", 2, 1):
            self.stop()

    def on_validation_end(self, validation: ValidationEnd) -> None:
        if (self.where, validation.epoch) == ("validation", 2):
            self.stop()

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        if (self.where, checkpoint.epoch) == ("checkpoint", 2):
            self.stop()

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        if (self.where, epoch.epoch) == ("epoch", 2):
            self.stop()


@pytest.mark.parametrize("where", ["batch", "validation", "checkpoint", "epoch"])
def test_a_callback_ends_the_training_after_an_epoch(
    plain: Path, photographs: Path, tmp_path: Path, where: str
) -> None:
    out, stopper, recorder = tmp_path / "run", Stopper(where), Recorder()
    result = striate.train(photographs, out=out, epochs=3, callbacks=[stopper, recorder], **OPTIONS)
    assert result.epochs == 2
    assert (out / names.REPORT).exists()
    *before, last = lines(out)
    assert [*before, {key: last[key] for key in last if key != "stopped"}] == lines(plain)[:3]
    assert last["stopped"] is True
    (end,) = recorder.of("on_train_end")
    assert (end.epochs, end.stopped, end.error) == (2, True, None)
    notes = recorder.of("on_note")
    assert notes[-1] == "the training ends after epoch 2: Stopper.stop()"

    run = striate.open_run(out)
    assert run.is_finished
    assert run.notes == ()
    weights = (out / names.WEIGHTS).read_bytes()
    again = Recorder()
    striate.train(out, resume=True, callbacks=[again])
    assert again.methods == ["on_train_begin", "on_train_end"]
    said = "after 2 of 3 epochs, where a callback ended it"
    assert any(said in note for note in again.of("on_note")), again.of("on_note")
    assert (out / names.WEIGHTS).read_bytes() == weights


def test_a_stop_in_the_last_epoch_changes_nothing(
    plain: Path, photographs: Path, tmp_path: Path
) -> None:
    class Late(Callback):
        def on_epoch_end(self, epoch: EpochEnd) -> None:
            if epoch.epoch == 3:
                self.stop()

    late = Late()
    striate.train(photographs, out=tmp_path / "run", epochs=3, callbacks=[late], **OPTIONS)
    for name in EXACT:
        assert (plain / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name
    # Given to another training, it begins anew.
    result = striate.train(
        photographs,
        out=tmp_path / "two",
        **OPTIONS,
        epochs=2,
        callbacks=[late],
    )
    assert result.epochs == 2
    assert not late.stopping


class Faulty(Callback):
    """Raises in one method, the second time that it is called."""

    def __init__(self, method: str) -> None:
        self.calls = 0
        self.ended = 0

        def fail(*_: object) -> None:
            self.calls += 1
            if self.calls == 2:
                raise ZeroDivisionError(method)

        setattr(self, method, fail)


@pytest.mark.parametrize(
    "method",
    ["on_epoch_begin", "on_batch_end", "on_validation_end", "on_checkpoint", "on_epoch_end"],
)
def test_what_a_callback_raises_ends_the_training_which_can_be_resumed(
    plain: Path, photographs: Path, tmp_path: Path, method: str
) -> None:
    out, recorder = tmp_path / "run", Recorder()
    with pytest.raises(ZeroDivisionError, match=method) as raised:
        striate.train(
            photographs, out=out, epochs=3, callbacks=[Faulty(method), recorder], **OPTIONS
        )
    assert raised.traceback[-1].path == Path(__file__)
    (end,) = recorder.of("on_train_end")
    assert end.error is raised.value
    striate.train(out, resume=True)
    for name in EXACT:
        assert (plain / name).read_bytes() == (out / name).read_bytes(), name


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


# --- the terminal --------------------------------------------------------------------------------


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


# --- TensorBoard ---------------------------------------------------------------------------------


def test_tensorboard_holds_the_figures_of_every_epoch(photographs: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"
    striate.train(photographs, out=out, epochs=2, tensorboard=True, **OPTIONS)
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


def test_tensorboard_that_is_missing_is_said_at_once(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(StriateError, match=r"`tensorboard`: TensorBoard is not installed; pip"):
        striate.train(photographs, out=tmp_path / "run", tensorboard=True, **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_a_member_is_told_nothing_in_processes_that_do_not_lead() -> None:
    from striate.training.assemble import make_callbacks
    from striate.training.distributed import Group

    given = [Recorder()]
    assert make_callbacks(given, group=Group(1, 2), progress=True).members == ()
    assert make_callbacks(given, group=Group(0, 2), progress=False).members == tuple(given)
    with pytest.raises(StriateError, match="is no callback"):
        make_callbacks([Recorder], group=Group(1, 2), progress=True)  # type: ignore[list-item]
    assert loop.NOTHING < loop.CHECKPOINT < loop.STOP
