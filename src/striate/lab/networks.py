"""What is held equal between networks: their parameters and their cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.anatomy.graph.record import record
from striate.anatomy.receptive_field.fields import receptive_fields
from striate.lab.experiment import Equal
from striate.lab.modular import Modular
from striate.zoo.weightless import weightless


def parameters_of(networks: Mapping[str, Callable[[], nn.Module]], within: float = 0.0) -> Equal:
    """That all networks have as many parameters.

    Args:
        networks: makes the network of each setting; no memory is taken for weights.
        within: the relative difference that is let pass.
    """
    return Equal(
        what="parameters",
        values={
            name: float(sum(each.numel() for each in _shapes(make).parameters()))
            for name, make in networks.items()
        },
        within=within,
    )


def macs_of(
    networks: Mapping[str, Callable[[], nn.Module]],
    shape: tuple[int, int, int],
    within: float = 0.0,
) -> Equal:
    """That all networks take as many multiply-accumulates for an image.

    Args:
        networks: as in `parameters_of`.
        shape: (channels, height, width) of the image.
        within: the relative difference that is let pass.
    """
    return Equal(
        what="multiply-accumulates an image",
        values={name: float(count_macs(_shapes(make), shape)) for name, make in networks.items()},
        within=within,
    )


def reach(make: Callable[[], Modular], side: int = 32) -> float:
    """How far a position of the last feature map sees, in pixels of an image of `side`."""
    graph = record(_shapes(make), torch.empty(1, 3, side, side, device="meta"))
    last = max(node.index for node in graph.nodes if node.name.startswith("stages."))
    field = receptive_fields(graph, gates=False)[last]
    assert field is not None
    return float(field[0].size)


def _shapes(make: Callable[[], nn.Module]) -> nn.Module:
    with weightless():
        return make()
