"""A run that was cut, wherever that was and whatever it uses, ends in the same bytes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import striate
from striate.errors import Interrupted, RecipeError, TrainingError
from striate.recipes.recipe import Loss
from striate.runs import layout as names
from striate.runs import weights
from striate.support.files import write_atomically
from striate.training import checkpoint, loop, results
from striate.training.callbacks.base import BatchEnd, Callback
from striate.training.checkpoint import State
from striate.training.distributed import Group
from striate.training.losses import Criterion
from striate.training.results import write_results

COMMON = """
epochs = {epochs}
batch_size = {batch}
[optimiser]
rate = 0.02
weight_decay = 1e-4
[augmentation]
crop = "padded"
padding = 2
brightness = 0.2
"""
RECIPES = {
    "accumulate, plateau, polyak": """
[gradient]
accumulate = 2
clip_norm = 1.0
[schedule]
name = "plateau"
patience = 0
factor = 0.5
[averaging]
name = "polyak"
start = 0.3
""",
    "early stopping, ema": """
[schedule]
name = "constant"
[early_stopping]
patience = 1
[averaging]
name = "ema"
decay = 0.9
""",
}
EXACT = (names.WEIGHTS, names.METRICS)

Train = Callable[..., Any]


class StopAt(Callback):
    """Hears Ctrl-C at one step."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_batch_end(self, batch: BatchEnd) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def train(photographs: Path, tmp_path: Path) -> Train:
    """Trains a network with batch norm on a few images: ``train(out, text, epochs=, batch=)``."""

    def run(out: Path, text: str = "", *, epochs: int = 3, batch: int = 6, **more: Any) -> Any:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(COMMON.format(epochs=epochs, batch=batch) + text)
        options = {"size": 16, "precision": "float32", "workers": 0, **more}
        return striate.train(photographs, net="resnet20", recipe=str(recipe), out=out, **options)

    return run


def content(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in EXACT]


@pytest.mark.parametrize("text", RECIPES.values(), ids=RECIPES)
def test_interrupted_run_ends_in_the_same_bytes(train: Train, tmp_path: Path, text: str) -> None:
    train(tmp_path / "whole", text)
    for after in (2, 9):
        cut = tmp_path / f"cut{after}"
        with pytest.raises(Interrupted, match="--resume"):
            train(cut, text, callbacks=[StopAt(after)])
        striate.train(cut, resume=True, workers=2)
        assert content(cut) == content(tmp_path / "whole"), after


def test_killed_after_any_write_ends_in_the_same_bytes(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RECIPES["early stopping, ema"]
    train(tmp_path / "whole", text, epochs=2, batch=12)
    true_write = write_atomically
    killed = 0
    for last in (1, 2, 3, 5, 6):
        cut = tmp_path / f"cut{last}"
        written: list[Path] = []

        def write(path: Path, data: Any, last: int = last, written: Any = written) -> None:
            true_write(path, data)
            written.append(path)
            if len(written) == last:
                raise SystemExit(9)

        with monkeypatch.context() as patch:
            for module in (checkpoint, results, weights):
                patch.setattr(module, "write_atomically", write)
            try:
                train(cut, text, epochs=2, batch=12)
            except SystemExit:
                killed += 1
        striate.train(cut, resume=True, workers=0)
        assert content(cut) == content(tmp_path / "whole"), written
    assert killed == 5


def test_stop_in_an_epoch_of_one_update(train: Train, tmp_path: Path) -> None:
    """No update is left in the epoch to stop after, so that its end is the place."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(whole, epochs=2, batch=99)
    with pytest.raises(Interrupted, match="after 1 epochs and 0"):
        train(cut, epochs=2, batch=99, callbacks=[StopAt(1)])
    striate.train(cut, resume=True)
    assert content(cut) == content(whole)


def test_killed_before_the_first_checkpoint(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts anew, and what is half written does not disturb it."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(whole, epochs=1, batch=12)

    def kill(*_: object) -> None:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_step", kill)
        with pytest.raises(SystemExit):
            train(cut, epochs=1, batch=12)
    written = {path.name for path in cut.iterdir() if not path.name.startswith(".striate")}
    assert written == {names.CONFIG, names.IMAGES}
    (cut / f".{names.STATE}.1.part").write_bytes(b"half")
    striate.train(cut, resume=True, workers=0)
    assert content(cut) == content(whole)
    assert not list(cut.glob("*.part"))


def test_validation_loss_that_is_not_finite(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_validate, found = loop.Training.validate, []

    def validate(self: loop.Training) -> dict[str, float]:
        found.append(true_validate(self))
        return found[-1] if len(found) == 1 else {**found[-1], "loss": float("inf")}

    monkeypatch.setattr(loop.Training, "validate", validate)
    with pytest.raises(
        TrainingError, match=r"epoch 2, its end: the validation loss is not finite \(inf\)"
    ):
        train(tmp_path / "run", epochs=2, batch=99)
    run = striate.open_run(tmp_path / "run")
    assert [line["epoch"] for line in run.metrics] == [0, 1]
    kept = checkpoint.load(run.path / names.STATE, identity=run.config.identity)
    assert kept.epoch == 1


def test_last_group_of_an_epoch_counts_its_own_batches(train: Train, tmp_path: Path) -> None:
    """Where an epoch is shorter than `accumulate`, its gradient is the mean over what there is."""
    found = []
    for accumulate in (3, 5):
        out = tmp_path / str(accumulate)
        train(out, f"[gradient]\naccumulate = {accumulate}\n", epochs=1, batch=8)
        found.append((out / names.METRICS).read_bytes())
    assert found[0] == found[1]


def test_first_health_is_that_of_the_first_update(train: Train, tmp_path: Path) -> None:
    text = "[gradient]\naccumulate = 9\n"
    train(tmp_path / "run", text, epochs=1, batch=8)
    first, last = striate.open_run(tmp_path / "run").metrics
    # The only update of the run is the first and the last.
    assert first["health"] == last["health"]


def test_resumed_board_has_every_epoch(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"

    def write(path: Path, state: State, best: nn.Module | None) -> None:
        """Be killed when the second epoch is in the checkpoint and not yet on the board."""
        write_results(path, state, best)
        if state.epoch == 2:
            raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_results", write)
        with pytest.raises(SystemExit):
            train(out, epochs=3, batch=99, tensorboard=True)
    striate.train(out, resume=True, tensorboard=True)
    events = accumulator.EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/top1")] == [1, 2, 3]


def test_map_loss_refuses_label_smoothing() -> None:
    with pytest.raises(RecipeError, match="competitor"):
        Criterion(Loss(name="map", label_smoothing=0.1), nn.Identity())


def test_resume_command_names_the_processes() -> None:
    path = Path("/tmp/a run")
    assert Group().resume_command(path) == "striate train '/tmp/a run' --resume"
    assert Group(0, 2).resume_command(path) == (
        "torchrun --nproc-per-node 2 -m striate train '/tmp/a run' --resume"
    )


def test_single_process_asks_nobody() -> None:
    buffers = nn.BatchNorm1d(2)
    Group().align(buffers)
    assert Group().highest(2) == 2
    assert torch.equal(buffers.running_mean, torch.zeros(2))  # type: ignore[arg-type]
