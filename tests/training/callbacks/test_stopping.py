"""Callbacks that end a training: by `stop`, after an epoch, or by what they raise, at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import striate
from striate.runs import layout as names
from striate.training.callbacks.base import BatchEnd, Callback, Checkpoint, EpochEnd, ValidationEnd

from .recording import EXACT, OPTIONS, Recorder, lines  # type: ignore[import-not-found]


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
    assert again.methods == ["on_train_begin", "on_train_end", "on_run_end"]
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
