"""What each value of an output really depends on, found by changing pixels, for the tests.

Stronger than gradients: also what chooses, counts, sorts or compares depends on its input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.anatomy.graph.record import Graph, record
from striate.anatomy.graph.recorder import tensors_in
from striate.anatomy.receptive_field.fields import receptive_fields, windows
from striate.anatomy.receptive_field.links import Place
from striate.anatomy.receptive_field.positions import places


class Lambda(nn.Module):
    """A network that is a function of itself and its inputs."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *x: Tensor, **named: Any) -> Any:
        return self.function(self, *x, **named)


def depends(network: nn.Module, image: Tensor) -> Tensor:
    """Whether each value of the first output, (…, H, W), changes with each pixel."""

    def run(value: Tensor) -> Tensor:
        torch.manual_seed(1)
        with torch.no_grad():
            return tensors_in(network(value))[0]

    base, (height, width) = run(image), image.shape[-2:]
    found = torch.zeros(*base.shape, height, width, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    for row in range(height):
        for column in range(width):
            other = image.clone()
            noise = torch.randn(image.shape[:-2], generator=generator, dtype=image.dtype)
            other[..., row, column] += 2 * noise
            made = run(other)
            found[..., row, column] = ~((made == base) | (made.isnan() & base.isnan()))
    return found


def positions(place: Place, shape: tuple[int, ...], axis: int) -> Tensor:
    """The position along the image's height or width of each value of a tensor."""
    found = torch.zeros(shape, dtype=torch.long)
    for dim, factors in enumerate(place.dims):
        rest = 1
        for _, size in factors:
            rest *= size
        assert rest == shape[dim], (place.dims, shape)
        for owner, size in factors:
            rest //= size
            if owner == axis:
                digit = (torch.arange(shape[dim]) // rest) % size
                found = found * size + digit.view(
                    [-1 if i == dim else 1 for i in range(len(shape))]
                )
    return found


def check_sound(network: nn.Module, image: Tensor) -> Graph:
    """Every value is said to see what it depends on, exactly and by the interior's rule."""
    graph = record(network, image)
    index = graph.outputs[0]
    node, place = graph.nodes[index], places(graph)[index]
    field, window = receptive_fields(graph)[index], windows(graph)[index]
    truth = depends(network.eval(), image)
    assert tuple(truth.shape[:-2]) == node.shape
    if place is None or field is None or window is None:
        assert not truth.any()
        return graph
    borders = any("reflection" in each.key or "replication" in each.key for each in graph.nodes)
    for axis in (0, 1):
        lit = truth.any(-1 if axis == 0 else -2)
        at, pixels = positions(place, node.shape, axis), torch.arange(lit.shape[-1])
        exact = [torch.as_tensor(ends) for ends in window[axis]]
        ruled = [field[axis].window(each) for each in range(place.counts[axis])]
        bounds = (
            [exact]
            if borders
            else [exact, [torch.tensor(ends) for ends in zip(*ruled, strict=True)]]
        )
        for low, high in bounds:
            outside = (pixels < low[at][..., None]) | (pixels > high[at][..., None])
            assert not (lit & outside).any(), (axis, node.key, field[axis])
    return graph
