"""What a person may decide about a training, and where it takes place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from striate.training.distributed import Group
from striate.training.progress import Watcher
from striate.zoo.variants import Value


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may decide about a training; None leaves it to the recipe, network or data."""

    data: str | None = None
    net: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    size: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    out: Path | None = None
    precision: str | None = None
    device: str | None = None
    workers: int | None = None
    auxiliary_weights: tuple[float, ...] | None = None
    skip_bad: bool = False
    resume: bool = False
    tensorboard: bool = False
    checkpoint_minutes: float = 5.0
    val_fraction: float = 0.2
    variant: tuple[tuple[str, Value], ...] = ()
    weights: str | None = None
    progress: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training computes and to whom it talks."""

    device: torch.device
    group: Group
    watcher: Watcher | None
