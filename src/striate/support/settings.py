"""Settings of the whole process, changed for a while and put back: a library owns none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch's operators use `number` threads while the block runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Seed torch's generators with `number` while the block runs; theirs go on as if it had not."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(number)
        yield


@contextmanager
def deterministic() -> Iterator[None]:
    """Have cuDNN choose the same algorithms every time while the block runs."""
    import torch

    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before
