"""What a person may decide about a training, and where it takes place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from striate.data.preprocessing import LARGEST_SIDE
from striate.errors import StriateError
from striate.recipes.recipe import MOST
from striate.runs.config import MOST_THREADS
from striate.support.tables import Bounds, check_bounds
from striate.training.distributed import Group
from striate.training.progress import Watcher
from striate.zoo.variants import Value


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may decide about a training; None leaves it to the recipe, network or data."""

    data: str | None = None
    net: str | None = None
    recipe: str | None = None
    epochs: Annotated[int | None, Bounds(1, MOST)] = None
    size: Annotated[int | None, Bounds(1, LARGEST_SIDE)] = None
    batch_size: Annotated[int | None, Bounds(1, MOST)] = None
    seed: Annotated[int | None, Bounds(0, 2**63 - 1)] = None
    out: Path | None = None
    precision: str | None = None
    device: str | None = None
    workers: Annotated[int | None, Bounds(0, MOST_THREADS)] = None
    auxiliary_weights: Annotated[tuple[float, ...] | None, Bounds(0, math.inf)] = None
    skip_bad: bool = False
    resume: bool = False
    tensorboard: bool = False
    checkpoint_minutes: Annotated[float, Bounds(0, math.inf)] = 5.0
    val_fraction: Annotated[float, Bounds(0, 1)] = 0.2
    variant: tuple[tuple[str, Value], ...] = ()
    weights: str | None = None
    progress: bool = False


def check(options: Options) -> None:
    """Hold what a person decided against what can be, before anything is looked at.

    Raises:
        StriateError: a number that is too small, too large, or none at all.
    """
    check_bounds(options, "", kind=StriateError)
    # The bounds belong to both.
    if options.val_fraction in (0, 1):
        what = f"val_fraction = {options.val_fraction}"
        raise StriateError(what, "must be more than 0 and less than 1", "e.g. 0.2")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training computes and to whom it talks."""

    device: torch.device
    group: Group
    watcher: Watcher | None
