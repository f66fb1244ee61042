"""What a training is given, by those who planned it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from striate.data.loader import Loader
from striate.recipes.recipe import Recipe
from striate.training.callbacks.several import Callbacks
from striate.training.distributed import Group
from striate.training.freezing import Freezing
from striate.training.judging import ClassJudge, Judge
from striate.training.losses import Criterion

if TYPE_CHECKING:
    from striate.training.deadline import Deadline


@dataclass(kw_only=True)
class Setup:
    """Everything that a training needs, made by `striate.training.plan`."""

    path: Path
    identity: str
    recipe: Recipe
    network: nn.Module
    train: Loader
    validation: Loader
    criterion: Criterion
    seed: int
    judge: Judge = field(default_factory=ClassJudge)
    threads: int | None = None
    """Of one operator; None for as many as the process uses anyway."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"
    """Of the training steps."""
    validation_precision: str = "float32"
    group: Group = field(default_factory=Group)
    callbacks: Callbacks = field(default_factory=Callbacks)
    checkpoint_seconds: float = 300.0
    freezing: Freezing | None = None
    """Which parts of a transferred network train; None for all of any other."""
    now: Callable[[], float] = time.monotonic
    """The clock, in seconds, by which time left is told."""
    deadline: Deadline | None = None
    """When all has to be done; None where the recipe alone says how much is trained."""
