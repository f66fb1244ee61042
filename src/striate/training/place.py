"""Where a training computes and to whom it talks."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from striate.training.callbacks.several import Callbacks
from striate.training.distributed import Group


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training computes and to whom it talks.

    Attributes:
        device: that it computes on.
        group: the processes that train together.
        callbacks: none in processes that do not lead.
    """

    device: torch.device
    group: Group
    callbacks: Callbacks = field(default_factory=Callbacks)
