"""Batches that processes cannot share out evenly: together they compute what one would alone.

Without processes: each share is computed in turn, and averaged as DistributedDataParallel does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from striate.data.images import ImageSet
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.recipes.recipe import Recipe
from striate.training.distributed import Group
from striate.training.loop import Training
from striate.training.losses import Criterion
from striate.training.setup import Setup

PREPROCESSING = Preprocessing(resize=8, height=8, width=8, mean=(0.5,) * 3, std=(0.3,) * 3)


@dataclass(frozen=True)
class Alone(Group):
    """One of several processes, whose others are computed elsewhere."""

    def wrap(self, network: nn.Module) -> nn.Module:
        return network


def images(count: int) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return ImageSet(
        classes=("a", "b", "c"),
        labels=np.arange(count, dtype=np.int64) % 3,
        names=[str(number) for number in range(count)],
        digests=[str(number) for number in range(count)],
        sizes=np.full((count, 2), 8, np.int32),
        grey=np.zeros(count, bool),
        pixels=pixels,
    )


def step(path: Path, rank: int, world: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """The gradient of the first batch's share, and what is added to the epoch's sums."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.Tanh(), nn.Linear(8, 3))
    recipe = Recipe.from_dict({"name": "test", "batch_size": batch_size, "epochs": 1}, "test")
    settings = {"batch_size": batch_size, "seed": 3, "rank": rank, "world": world}
    train = Loader(images(batch_size), PREPROCESSING, None, shuffle=True, **settings)
    setup = Setup(
        path=path,
        identity="",
        recipe=recipe,
        network=network,
        train=train,
        validation=train,
        criterion=Criterion(recipe.loss, network),
        seed=3,
        group=Alone(rank, world),
    )
    training = Training(setup)
    training.state.sums = torch.zeros(3, dtype=torch.float64)
    found = []
    training._update = lambda: found.extend(p.grad.flatten() for p in network.parameters())
    with training.health.watch():
        training._step(next(train.batches(0)), 0)
    return torch.cat(found), training.state.sums


@pytest.mark.parametrize(("batch_size", "world"), [(7, 2), (7, 3), (5, 4), (8, 2)])
def test_shares_add_up_to_the_batch(tmp_path: Path, batch_size: int, world: int) -> None:
    whole, sums = step(tmp_path, 0, 1, batch_size)
    shares = [step(tmp_path, rank, world, batch_size) for rank in range(world)]
    torch.testing.assert_close(torch.stack([share[0] for share in shares]).mean(0), whole)
    torch.testing.assert_close(torch.stack([share[1] for share in shares]).mean(0), sums)
