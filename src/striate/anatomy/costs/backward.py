"""What one forward keeps for the backward pass, measured in autograd itself.

A second forward on meta tensors, with gradients on: what autograd saves is caught where it is
saved, each piece of memory once. Nothing is assumed of any operator: copies that operators in
place leave, masks, statistics and positions count as they are, and a tensor that is made from
parameters alone counts as little as the parameters themselves.

Two things differ from device to device. Attention is counted as the fused operator that graphics
cards run; processors run it so without dropout alone, and keep all weights with it. An LSTM is
counted step by step, as recurrent layers are on shapes; oneDNN on a processor keeps half of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from striate.anatomy.graph.shapes import Functions, Shapes


def saved_bytes(network: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """Bytes of all tensors, `network`'s own left aside, that the backward pass of a forward needs.

    `network` is a shadow, and its inputs are on the meta device. None where it has no backward
    pass: a forward that overwrites its own parameters, for one.
    """
    own = {value.untyped_storage()._cdata for value in (*network.parameters(), *network.buffers())}
    saved: dict[int, int] = {}
    alive: list[Any] = []

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage._cdata not in own and storage._cdata not in saved:
            saved[storage._cdata] = storage.nbytes()
            alive.append(storage)
        return value

    try:
        with (
            torch.enable_grad(),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
            Functions(),
            Shapes(),
        ):
            network(*args, **kwargs)
    except Exception:  # it has run without gradients already: what fails now is the gradients
        return None
    return sum(saved.values())
