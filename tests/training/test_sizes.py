"""Trainings whose images grow, and whose epochs are no whole passes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import Interrupted
from striate.recipes.recipe import Recipe
from striate.recipes.sizes import Sizes
from striate.runs import layout as names
from striate.training import course
from striate.training.callbacks.base import BatchEnd, Callback, EpochEnd
from striate.training.growth import fit_sizes
from striate.zoo.create import create

RECIPE = """
epochs = 4
batch_size = 6
passes = {passes}
[optimiser]
rate = 0.02
[augmentation]
crop = "{crop}"
sizes = [40, 64]
erasing = 0.5
mixup = 0.2
[averaging]
name = "ema"
decay = 0.9
[sizes]
start = 0.5
end = {end}
step = 8
"""
EXACT = (names.WEIGHTS, names.METRICS)

Train = Callable[..., Any]


class StopAt(Callback):
    """Hears Ctrl-C at one step, and keeps what it was told."""

    def __init__(self, after: int = 0) -> None:
        self.left = after
        self.batches: list[BatchEnd] = []
        self.epochs: list[EpochEnd] = []

    def on_batch_end(self, batch: BatchEnd) -> None:
        self.batches.append(batch)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        self.epochs.append(epoch)


@pytest.fixture
def train(photographs: Path, tmp_path: Path) -> Train:
    def run(out: Path, *, crop: str = "resized", passes: float = 1, end: float = 1, **more: Any):
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(RECIPE.format(crop=crop, passes=passes, end=end))
        options = {"size": 32, "precision": "float32", "workers": 0, **more}
        return striate.train(photographs, net="resnet20", recipe=str(recipe), out=out, **options)

    return run


def content(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in EXACT]


@pytest.mark.parametrize(("crop", "passes"), [("resized", 1), ("corner", 1.5), ("padded", 0.5)])
def test_cut_within_an_epoch_it_ends_in_the_same_bytes(
    train: Train, tmp_path: Path, crop: str, passes: float
) -> None:
    told = StopAt()
    train(tmp_path / "whole", crop=crop, passes=passes, callbacks=[told])
    cut = tmp_path / "cut"
    with pytest.raises(Interrupted, match="after 1 epochs and 1"):
        train(cut, crop=crop, passes=passes, callbacks=[StopAt(told.batches[0].steps + 1)])
    striate.train(cut, resume=True, workers=2)
    assert content(cut) == content(tmp_path / "whole")


def test_what_is_told_and_written_of_sizes(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, int]] = []

    def seconds(_setup: Any, size: tuple[int, int]) -> float:
        tried.append(size)
        return 0.1

    monkeypatch.setattr(course, "seconds_a_step", seconds)
    told = StopAt()
    train(tmp_path / "run", passes=1.5, end=0.75, callbacks=[told])
    run = striate.open_run(tmp_path / "run")
    assert [line.get("size") for line in run.metrics] == [None, *[[16, 16]] * 2, *[[24, 24]] * 2]
    assert [epoch.size for epoch in told.epochs] == [(16, 16), (16, 16), (24, 24), (24, 24)]
    assert tried == [(24, 24)]
    # Five batches of six make a pass, and one and a half of it are eight steps.
    assert {batch.steps for batch in told.batches} == {8}
    assert [line["step"] for line in run.metrics] == [0, 8, 16, 24, 32]
    assert all(batch.seconds_left is not None for batch in told.batches)
    assert run.preprocessing.input_size == (3, 32, 32)
    assert run.config.recipe == Recipe.from_dict(run.config.recipe.to_dict(), "it")


def test_measuring_a_size_changes_nothing(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "measured")
    monkeypatch.setattr(course, "seconds_a_step", lambda _setup, _size: 0.1)
    train(tmp_path / "guessed")
    assert content(tmp_path / "measured") == content(tmp_path / "guessed")


def recipe(**sizes: float) -> Recipe:
    return Recipe(name="grows", epochs=10, sizes=Sizes(**sizes))


def test_sizes_that_a_network_cannot_take() -> None:
    grows = recipe(start=0.5, end=0.875)
    fixed, note = fit_sizes(grows, create("alexnet", classes=2), (3, 227, 227))
    assert not fixed.sizes.vary
    assert note == "the network is trained at 227 x 227 pixels throughout: it takes no other"
    adapts = create("resnet18", classes=2)
    assert fit_sizes(grows, adapts, (3, 128, 128)) == (grows, "")
    # Its last feature map would be one position wide at 48 pixels.
    bounded, note = fit_sizes(grows, adapts, (3, 96, 96))
    assert [size for size, _ in bounded.sizes.of_all(10, (96, 96))][:1] == [64]
    assert note == "training images grow from 64 pixels on: the network takes no smaller"
    still = recipe()
    assert fit_sizes(still, create("alexnet", classes=2), (3, 227, 227)) == (still, "")


def test_a_single_epoch_trains_at_the_last_size() -> None:
    assert Sizes(start=0.5, end=0.875).of_all(1, (128, 128)) == ((112, 112),)
    assert Sizes(start=0.5, end=1.0).of_all(3, (299, 299))[-1] == (299, 299)
    assert Sizes(start=0.5, end=0.5).at(3, 9, (200, 100)) == (96, 48)
