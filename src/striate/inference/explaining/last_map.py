"""The last feature map of a recorded network: where its image stops being one.

It is the last tensor that everything goes through and that still lies over the image, found by
following the graph from the output, not by the names of layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph, Node, record
from striate.anatomy.receptive_field.fields import receptive_fields
from striate.anatomy.receptive_field.links import Place
from striate.anatomy.receptive_field.positions import places
from striate.engines.heat_maps import Laid
from striate.errors import NetworkError

#: Averages over positions.
AVERAGES = frozenset(
    ("adaptive average pool", "average pool", "global average pool", "mean", "mean over axes")
)
#: Operators that are linear in what they read, or affine: constants, biases, statistics of batch
#: normalisation, which do not depend on the image in evaluation.
AFFINE = PLUMBING | AVERAGES | {"add", "batch norm", "convolution", "dropout", "linear", "subtract"}
#: Those that are linear where but one of the tensors that they read depends on the image.
AFFINE_IN_ONE = frozenset(("multiply", "divide"))
#: Mix positions of a map by what stands in them: behind these a position is no place any more.
MIXING = ("attention", "matrix product")


@dataclass(frozen=True, kw_only=True)
class LastMap:
    """Where a network's image stops being an image.

    Attributes:
        node: index of the node whose output it is.
        name: that node's name.
        axes: of the node's tensor, the one that runs over height and the one over width.
        grid: positions along height and width, at least two together.
        laid: where the positions lie over the image: the pixel at the middle of what the first one
            sees, and how far apart neighbours are; None where they see the whole image.
        averaged: whether all that follows is an average over the positions and then affine, so that
            a class's score is a sum over positions: CAM's condition.
    """

    node: int
    name: str
    axes: tuple[int, int]
    grid: tuple[int, int]
    laid: Laid | None
    averaged: bool


def last_map(graph: Graph) -> LastMap:
    """The last feature map before the first output of `graph`.

    Raises:
        NetworkError: there is none that everything goes through, or attention mixes positions
            behind it.
    """
    laid = places(graph)
    behind: list[Node] = []
    for node, is_cut in _from_the_output(graph):
        place = laid[node.index]
        axes = None if place is None else _axes(place)
        if is_cut and axes is not None and node.key != "input":
            return LastMap(
                node=node.index,
                name=node.name,
                axes=axes,
                grid=(node.shape[axes[0]], node.shape[axes[1]]),
                laid=_laid(graph, node.index),
                averaged=_averaged(node, behind, laid),
            )
        if node.operator in MIXING:
            raise _none(graph, f"{node.operator} mixes the positions of its maps")
        behind.append(node)
    raise _none(graph, "no map lies between the image and the classes")


def laid_of(
    network: nn.Module, input_size: tuple[int, int, int], grid: tuple[int, ...]
) -> Laid | None:
    """Where the positions of `network`'s last feature map lie, if its grid is this; else None."""
    try:
        found = last_map(record(network, torch.empty(1, *input_size, device="meta")))
    except NetworkError:
        return None
    return found.laid if found.grid == grid else None


def _none(graph: Graph, why: str) -> NetworkError:
    return NetworkError(
        f"network '{graph.network}'",
        f"has no last feature map to explain its answers with: {why}",
    )


def _from_the_output(graph: Graph) -> Iterable[tuple[Node, bool]]:
    """The nodes that lead to the first output, last first, and whether all goes through each."""
    waiting = set(graph.outputs[:1])
    while waiting:
        node = graph.nodes[max(waiting)]
        waiting.remove(node.index)
        yield node, not waiting
        waiting.update(node.inputs)


def _axes(place: Place) -> tuple[int, int] | None:
    """The tensor's axes over height and width, where each has one of its own; None elsewhere."""
    found: list[int] = []
    for axis in (0, 1):
        count = place.counts[axis]
        own = [at for at, dim in enumerate(place.dims) if dim == ((axis, count),)]
        if len(own) != 1:
            return None
        found.append(own[0])
    return (found[0], found[1]) if place.counts[0] * place.counts[1] > 1 else None


def _laid(graph: Graph, index: int) -> Laid | None:
    """Where the positions of a node lie over the image, gates aside."""
    field = receptive_fields(graph, gates=False)[index]
    if field is None or any(axis.everything or axis.jump <= 0 for axis in field):
        return None
    rows, columns = ((float(axis.low + axis.high) / 2, float(axis.jump)) for axis in field)
    return rows, columns


def _averaged(last: Node, behind: list[Node], laid: tuple[Place | None, ...]) -> bool:
    """Whether an average over all positions follows the map `last`, and nothing that bends."""
    for node in behind:
        one = len(node.inputs) == len([each for each in node.operands if each >= 0]) == 1
        if node.operator not in AFFINE and not (node.operator in AFFINE_IN_ONE and one):
            return False
        place = laid[node.index]
        first = last.index in node.inputs
        left = 1 if place is None else place.counts[0] * place.counts[1]
        if first and not (node.operator in AVERAGES and left == 1):
            return False
    return True
