"""Which weights are kept: the best epoch's, the first of equals, and never any that are not finite.

Small networks on few images; what validation says is put into its mouth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import striate
from striate.errors import TrainingError
from striate.runs import layout as names
from striate.training.loop import Training

RECIPE = """
epochs = {epochs}
batch_size = 12
[optimiser]
rate = 0.05
[schedule]
name = "constant"
[augmentation]
crop = "none"
mirror = false
"""
Train = Callable[..., Any]


@pytest.fixture
def train(photographs: Path, tmp_path: Path) -> Train:
    def run(epochs: int, more: str = "") -> Any:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(RECIPE.format(epochs=epochs) + more)
        options = {"net": "lenet", "size": 32, "workers": 0, "precision": "float32"}
        return striate.train(photographs, recipe=str(recipe), out=tmp_path / "run", **options)

    return run


def says(monkeypatch: pytest.MonkeyPatch, *figures: tuple[float, float]) -> None:
    """Let validation find these pairs of accuracy and loss, an epoch each."""
    each: Iterator[tuple[float, float]] = iter(figures)

    def validate(_: Training) -> dict[str, float]:
        top1, loss = next(each)
        return {"loss": loss, "top1": top1, "top5": 1.0}

    monkeypatch.setattr(Training, "validate", validate)


@pytest.mark.parametrize(
    ("figures", "best"),
    [
        ([(0.5, 1.0), (0.5, 1.0), (0.5, 1.0)], 1),  # of equals the first: nothing was gained since
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),  # as accurate, and surer
        ([(0.5, 0.1), (0.6, 2.0), (0.5, 0.1)], 2),  # accuracy comes first
        ([(0.6, 1.0), (0.5, 0.1), (0.6, 1.1)], 1),
        ([(0.1, 3.0), (0.2, 2.0), (0.3, 1.0)], 3),
    ],
)
def test_the_best_epoch(
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figures: list[tuple[float, float]],
    best: int,
) -> None:
    says(monkeypatch, *figures)
    assert train(len(figures)).best_epoch == best
    assert striate.open_run(tmp_path / "run").weights_epoch == best


def test_patience_counts_epochs_without_gain(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, (0.5, 1.0), (0.5, 1.0), (0.6, 1.0), (0.6, 1.0), (0.6, 1.0), (0.9, 1.0))
    result = train(6, "[early_stopping]\npatience = 2\n")
    assert (result.epochs, result.best_epoch) == (5, 3)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_kept(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    """Every figure is finite, as after a last step that overflowed a weight nobody looks at."""
    says(monkeypatch, (0.5, 1.0), (0.9, 0.1))
    finish = Training._finish_epoch

    def overflow(self: Training) -> None:
        if self.state.epoch == 1:
            with torch.no_grad():
                next(self.network.parameters())[0, 0, 0, 0] = number
        finish(self)

    monkeypatch.setattr(Training, "_finish_epoch", overflow)
    with pytest.raises(TrainingError, match=r"epoch 2, its end: the weights are not finite"):
        train(2)
    run = striate.open_run(tmp_path / "run")
    assert run.weights_epoch == 1
    assert all(value.isfinite().all() for value in run.network().state_dict().values())
    kept = (tmp_path / "run" / names.STATE).read_bytes()
    monkeypatch.undo()
    says(monkeypatch, (0.9, 0.1))
    assert striate.train(tmp_path / "run", resume=True, workers=0).best_epoch == 2
    assert (tmp_path / "run" / names.STATE).read_bytes() != kept


def test_gradients_are_clipped_to_their_norm(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain gradient descent moves the weights by the rate times the gradient."""
    moved, update = [], Training._update

    def watch(self: Training) -> None:
        before = [each.detach().clone() for each in self.network.parameters()]
        update(self)
        after = self.network.parameters()
        steps = [(new - old).flatten() for new, old in zip(after, before, strict=True)]
        moved.append(float(torch.cat(steps).detach().norm()))

    monkeypatch.setattr(Training, "_update", watch)
    plain = "[optimiser]\nrate = 0.05\nmomentum = 0.0\nweight_decay = 0.0\n"
    recipe = RECIPE.replace("[optimiser]\nrate = 0.05\n", plain)
    monkeypatch.setattr(f"{__name__}.RECIPE", recipe)
    train(1, "[gradient]\nclip_norm = 0.01\n")
    assert moved
    assert all(each == pytest.approx(0.05 * 0.01, rel=1e-2) for each in moved)


def test_dropout_differs_from_step_to_step_and_not_from_run_to_run(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[list[bytes]] = []
    forward = nn.Dropout.forward

    def note(self: nn.Dropout, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            masks[-1].append((forward(self, torch.ones(64)) == 0).numpy().tobytes())
        return forward(self, x)

    monkeypatch.setattr(nn.Dropout, "forward", note)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(epochs=2))
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        masks.append([])
        options = {"net": "mnist_example", "seed": seed, "workers": 0, "precision": "float32"}
        striate.train(photographs, recipe=str(recipe), out=tmp_path / name, **options)
    assert len(set(masks[0])) == len(masks[0]) > 2
    assert masks[0] == masks[1]
    assert not set(masks[0]) & set(masks[2])
