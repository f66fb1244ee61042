"""What goes into a transfer and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.sources import Data
from striate.runs.claim import Held
from striate.runs.run import Run
from striate.transfer_learning.heads.fit import FittedHead, Penalty


@dataclass(frozen=True, kw_only=True)
class TransferOptions:
    """What a person may decide about a transfer."""

    data: str
    backbone: str | Path
    weights: str | Path | None = None
    head: str = "softmax"
    penalty: Penalty = "l2"
    freeze: str = "all"
    """``all``, ``none``, or how many of the first stages stay as they are."""
    views: int = 1
    epochs: int | None = None
    batch_size: int | None = None
    unfreeze_every: int = 0
    """Epochs between thawing one stage and the next below; 0 thaws all at once."""
    out: Path | None = None
    seed: int = 0
    engine: str = "auto"
    cache: Path | None = None
    workers: int | None = None
    val_fraction: float = 0.2
    skip_bad: bool = False
    curve: bool = False
    export: bool = True
    """Whether the run will be exported, which needs packages of its own."""
    progress: bool = False


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Where the time of a transfer went."""

    engine: str
    computed: int
    """Features of the training images that were computed; the others were on disk."""
    found: int
    seconds: float
    """That computing took."""
    start_seconds: float
    """That the engine took to start."""
    head_seconds: float
    held_seconds: float
    """That the features of the held-out images took, the start included."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A run that is written down, but for its evaluation and report."""

    run: Run
    data: Data
    head: FittedHead
    timing: Timing
    probabilities: NDArray[np.float32] | None
    """Of the held-out images, as `evaluate` computes them; None where the backbone was trained."""
    held: Held | None = None
    """The run's folder, to be let go of when all is written."""
