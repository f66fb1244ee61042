"""A run, made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from striate.data.preprocessing import Preprocessing
from striate.recipes.recipe import Optimiser, Recipe
from striate.runs.config import RunConfig
from striate.runs.layout import CONFIG, WEIGHTS
from striate.runs.origins import DataOrigin
from striate.runs.run import Run
from striate.runs.weights import write_weights
from striate.zoo.create import create

RECIPE = Recipe(name="modern", optimiser=Optimiser(rate=0.1))
CLASSES = ("<b>rosé's</b>", '"tulip"', "玫瑰")


@pytest.fixture
def config() -> RunConfig:
    """The decisions of a small run, some of whose classes have strange names."""
    return RunConfig(
        network="lenet",
        classes=CLASSES,
        in_channels=1,
        preprocessing=Preprocessing(
            resize=32, height=32, width=32, channels=1, mean=(0.5,), std=(0.25,)
        ),
        recipe=RECIPE,
        data=DataOrigin(
            origin="digits",
            fingerprint="f" * 64,
            val_fraction=0.2,
            train_images=10,
            val_images=5,
            test_images=0,
            held_out="split",
        ),
        seed=3,
        precision="float32",
        device="cpu",
        threads=1,
    )


@pytest.fixture
def run(tmp_path: Path, config: RunConfig) -> Run:
    """A run with weights, which was never trained further."""
    config.write(tmp_path / CONFIG)
    torch.manual_seed(0)
    network = create("lenet", classes=3)
    weights = network.state_dict()
    write_weights(tmp_path / WEIGHTS, weights, identity=config.identity, epoch=7)
    return Run.open(tmp_path)
