"""What is held equal between networks: their parameters and their cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.lab.experiment import Equal
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


def reach(network: nn.Module) -> float:
    """How far a last position of convolutions in a row sees, in pixels of the image.

    Where they stand side by side, as in Inception, it would count all of them.
    """
    side, step = 1.0, 1
    for each in network.modules():
        if isinstance(each, nn.Conv2d):
            side += (each.kernel_size[0] - 1) * step
            step *= each.stride[0]
    return side


def _shapes(make: Callable[[], nn.Module]) -> nn.Module:
    with weightless():
        return make()
