"""Activation checkpointing: train networks whose feature maps would not fit into memory.

Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016: of n blocks only
every √n-th feature map is kept; the backward pass computes the others again, √n blocks at a time,
for one more forward pass altogether. Losses, gradients and batch-norm statistics are the same to
the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import isqrt

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from striate.zoo.layers import is_capturing, is_scripting


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Let batch normalisation write its running statistics into copies meanwhile.

    The first forward pass has counted the batch already; its repetition must not count it again.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    kept = [dict(norm.named_buffers()) for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)


class Stage(nn.Sequential):
    """Blocks one after another; with `checkpointing`, √n of them at a time are computed again.

    The blocks draw no random numbers and leave their input as it is.
    """

    def __init__(self, *blocks: nn.Module, checkpointing: bool = False) -> None:
        super().__init__(*blocks)
        self.checkpointing = checkpointing

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) through all blocks."""
        if not is_scripting():  # noqa: SIM102 - the compiler takes this condition alone
            if self.checkpointing and torch.is_grad_enabled() and not is_capturing(x):
                return self._checkpointed(x)
        for block in self:
            x = block(x)
        return x

    def _checkpointed(self, x: Tensor) -> Tensor:
        blocks = list(self.children())
        length = isqrt(len(blocks))
        for start in range(0, len(blocks), length):
            segment = nn.Sequential(*blocks[start : start + length])

            def contexts(
                segment: nn.Module = segment,
            ) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
                return nullcontext(), statistics_kept(segment)

            x = checkpoint(
                segment, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
            )
        return x
