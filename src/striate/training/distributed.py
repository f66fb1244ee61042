"""Data-parallel training under ``torchrun``: a thin layer that is silent in a single process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """The processes that train together; `rank` 0 writes files and talks to the person."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """`network` with its gradients averaged over all processes."""
        return DistributedDataParallel(network) if self.world > 1 else network

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any process: decisions must be everybody's."""
        if self.world == 1:
            return flag
        return bool(self.total(torch.tensor(float(flag))) > 0)

    def share(self, value: T) -> T:
        """The leader's `value`, in every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Until every process has come this far."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def group() -> Iterator[Group]:
    """The group that ``torchrun``'s environment describes; a single process without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Group()
        return
    own = not dist.is_initialized()
    if own:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Group(dist.get_rank(), world)
    finally:
        if own:
            dist.destroy_process_group()
