"""Data-parallel training under ``torchrun``: a thin layer that is silent in a single process."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from striate.errors import StriateError
from striate.runs.config import names_code

T = TypeVar("T")

#: How long the other processes wait for the leader's evaluation and report.
_LONGEST_END = timedelta(hours=24)


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
        """`network` with its gradients averaged over all processes.

        With two processes, a run that was resumed ends in the same bits as one that was not: a sum
        of two has no order. With more it ends close by only, since DistributedDataParallel groups
        the gradients anew after the first step of every start, and with the groups changes the
        order in which three and more are added.
        """
        return DistributedDataParallel(network) if self.world > 1 else network

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def highest(self, wish: int) -> int:
        """The highest of all processes' wishes: decisions must be everybody's.

        It travels in main memory, so that asking does not wait for a device.
        """
        if self.world == 1:
            return wish
        box = torch.tensor(wish)
        dist.all_reduce(box, dist.ReduceOp.MAX)
        return int(box)

    def align(self, network: nn.Module) -> None:
        """Give every process the leader's buffers: each sees other images, hence has other means.

        The weights need no such thing, for all apply the same gradients to them.
        """
        for buffer in network.buffers() if self.world > 1 else ():
            dist.broadcast(buffer, src=0)

    def share(self, value: T) -> T:
        """The leader's `value`, in every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def lead(self, work: Callable[[], T]) -> T:
        """What `work` gives, which the leader does for all; an error of it is everybody's.

        Raises:
            StriateError: `work` failed in the leader.
        """
        found = self._led(work)
        return self.share(cast("T", found))

    def first(self, work: Callable[[], T]) -> T:
        """What `work` gives, which every process does, the leader before the others.

        So what has to be downloaded is fetched once, and what is at fault is found out once.

        Raises:
            StriateError: `work` failed in the leader, or in this process.
        """
        found = self._led(work)
        return cast("T", found) if self.leads else work()

    def _led(self, work: Callable[[], T]) -> T | None:
        """What `work` gives the leader, None in the others; an error of it is everybody's."""
        if self.world == 1:
            return work()
        found: T | None = None
        failed: StriateError | None = None
        try:
            found = work() if self.leads else None
        except StriateError as error:
            failed = error
        said = self.share(None if failed is None else (failed.what, failed.why, failed.remedy))
        if failed is not None:
            raise failed
        if said is not None:
            raise StriateError(*said)
        return found

    def wait(self) -> None:
        """Until every process has come this far."""
        self.highest(0)

    def resume_command(self, path: Path) -> str:
        """What to type to go on with the run at `path` with as many processes."""
        launch = "striate"
        if self.world > 1:
            launch = f"torchrun --nproc-per-node {self.world} -m striate"
        allowing = " --allow-code" if names_code(path) else ""
        return f"{launch} train {shlex.quote(str(path))} --resume{allowing}"


@contextmanager
def group() -> Iterator[Group]:
    """The group that ``torchrun``'s environment describes; a single process without it.

    At its end, every process waits until the leader has come to its own, with its last figures and
    pages: who leaves early may be followed by all others, since a process that breaks off while it
    leaves has ``torchrun`` end them.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Group()
        return
    own = not dist.is_initialized()
    if own:
        _init()
    try:
        # The usual patience, half an hour, is for one step; a leader that dies ends the wait.
        last = dist.new_group(backend="gloo", timeout=_LONGEST_END)
        assert not isinstance(last, int)  # which stands for a group of others
        yield Group(dist.get_rank(), world)
        # All is done. Of a process that has died meanwhile, its own end says why.
        with suppress(RuntimeError):
            dist.barrier(last)
    finally:
        if own:
            dist.destroy_process_group()


def _init() -> None:
    if not torch.cuda.is_available():
        dist.init_process_group("gloo")
        return
    # Several processes may share one device only where they compute on the processor.
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    dist.init_process_group("cpu:gloo,cuda:nccl")
