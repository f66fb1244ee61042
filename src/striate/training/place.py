"""Where a training computes and to whom it talks."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from striate.training.distributed import Group
from striate.training.progress import Watcher


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training computes and to whom it talks."""

    device: torch.device
    group: Group
    watcher: Watcher | None
