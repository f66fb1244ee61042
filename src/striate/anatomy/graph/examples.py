"""A network recorded on inputs of which the shapes are stated, or on examples that are given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from striate.anatomy.graph.record import Graph, record
from striate.anatomy.graph.recorder import tensors_in
from striate.errors import NetworkError

#: What PyTorch's operators say of numbers with a fraction where they look something up.
_WANTS_WHOLE_NUMBERS = re.compile(r"(indic|index).*(\blong|\bint\d*\b)", re.IGNORECASE)


def record_shapes(
    network: nn.Module, shapes: Sequence[Sequence[int]], *, name: str = "", training: bool = False
) -> Graph:
    """Record `network` on one image, or whatever has these shapes (without the batch axis).

    Inputs are of the type of its first parameter; where the network looks something up with them
    (an embedding), they are whole numbers.

    Raises:
        NetworkError: as `record`.
    """
    kind = floating_type(network)
    kinds = [kind] * len(shapes)
    try:
        return record(network, *_empty(shapes, kinds), name=name, training=training)
    except NetworkError as error:
        if not _WANTS_WHOLE_NUMBERS.search(str(error.__cause__ or "")):
            raise
        whole = [[torch.int64] * len(shapes)]
        whole += [
            [torch.int64 if at == chosen else kind for at in range(len(shapes))]
            for chosen in range(len(shapes))
            if len(shapes) > 1
        ]
        for each in whole:
            try:
                return record(network, *_empty(shapes, each), name=name, training=training)
            except NetworkError:
                continue
        raise


def record_examples(
    network: nn.Module, inputs: Any, *, name: str = "", training: bool = False
) -> Graph:
    """Record `network` on `inputs`: a tensor, a tuple of arguments, or a dictionary of named ones.

    Their values are never read; shapes and types are, and costs are for their batch.

    Raises:
        NetworkError: there is no tensor among them; otherwise as `record`.
    """
    args, named = as_arguments(inputs)
    if not tensors_in([args, named]):
        raise NetworkError(
            f"inputs of {name or type(network).__name__}",
            "hold no tensor",
            "give a tensor, a tuple of them, or a dictionary of them by argument",
        )
    return record(network, *args, name=name, training=training, named=named)


def as_arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What `inputs` mean as positional and as named arguments."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs), {}) if isinstance(inputs, list | tuple) else ((inputs,), {})


def floating_type(network: nn.Module) -> torch.dtype:
    """The type of its first parameter that is no whole number; float32 without one."""
    kinds = (value.dtype for value in network.parameters() if value.dtype.is_floating_point)
    return next(kinds, torch.float32)


def _empty(shapes: Sequence[Sequence[int]], kinds: Sequence[torch.dtype]) -> list[Tensor]:
    return [
        torch.empty((1, *shape), dtype=kind, device="meta")
        for shape, kind in zip(shapes, kinds, strict=True)
    ]
