"""What every node sees of the image, exactly along the graph.

`receptive_fields` gives for each axis (jump, low, high): output position p sees the image's pixels
``low + p·jump … high + p·jump``, borders unclipped, as papers state receptive fields. Where
branches meet, the least low and the greatest high count; where their jumps differ, the widest
branch's jump is kept and the window widened until it holds every branch at every position.
`windows` gives the same for each position by itself, clipped to what exists: what gradients find.
(Borders are the one place where the two differ in kind: positions in mirrored padding see pixels
inside the image, where the rule of the interior looks beyond it.)

After global pooling, flattening or attention a position sees what the whole map before it saw,
clipped to the image; where that is the whole image, `Axis.everything` is set. Gates as those of
squeeze-and-excitation make every later position see everything: they come from the whole map.
``gates=False`` leaves them and the statistics of layer and group normalisation aside, and tells how
far the convolutions alone see. (Batch normalisation never counts: at prediction its statistics are
constants.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import numpy as np

from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph
from striate.anatomy.receptive_field.axis import (
    NOWHERE,
    Everything,
    Number,
    Positions,
    Reach,
    magnitude,
)
from striate.anatomy.receptive_field.links import IMAGE, Link, Place
from striate.anatomy.receptive_field.positions import extent, places


@dataclass(frozen=True)
class Axis:
    """Along one axis, output position p sees pixels low + p·jump … high + p·jump.

    With `everything` every position sees the whole image, low … high as they stand; `jump` still
    says how far apart neighbours lie (0: the axis has no positions any more; less: they run from
    the image's far end, after a flip).
    """

    jump: Number
    low: Number
    high: Number
    everything: bool = False

    @property
    def size(self) -> int:
        """The receptive field in whole pixels, which may be larger than the image."""
        # Where the jump is a fraction, positions lie at multiples of 1 / denominator between the
        # pixels; the one whose low is nearest below a pixel, `rest` before it, sees most.
        rest = -self.low % Fraction(1, self.jump.denominator)
        return floor(self.high - self.low - rest) + 1

    def window(self, position: int) -> tuple[int, int]:
        """Give the first and the last pixel that `position` sees, not clipped to the image.

        Examples:
            >>> from fractions import Fraction
            >>> Axis(jump=Fraction(4), low=Fraction(-5), high=Fraction(5)).window(2)
            (3, 13)
        """
        shift = 0 if self.everything else position * self.jump
        return ceil(self.low + shift), floor(self.high + shift)


Field = tuple[Axis, Axis]
Places = tuple[Place | None, ...]
Window = tuple[tuple[Positions, Positions], tuple[Positions, Positions]]


@dataclass(frozen=True)
class Step:
    """One step of the recursion from an output down to the image, along one axis."""

    node: int  # the operator that is passed
    kernel: Number  # positions that it reads at once, dilation included
    stride: Number
    size: Number  # positions of this operator's input that the output sees


def receptive_fields(graph: Graph, *, gates: bool = True) -> tuple[Field | None, ...]:
    """Give each node's receptive field, (height, width); None for a node that sees no pixel."""
    return fields_of(graph, places(graph, gates=gates))


def last_feature_map(graph: Graph, laid: Places | None = None) -> int | None:
    """Give the node whose field stands for the network's: the last map before the output.

    A map has several positions, whether or not they still lie over the image: where they were
    mixed on the way (attention, tokens among them that are no positions, recurrence), it is that
    node, which sees what all of them saw, and not an earlier one that saw less. A network without
    a map is seen from its output. None where there is no output.
    """
    if not graph.outputs:
        return None
    laid = laid or places(graph)
    ancestors = {graph.outputs[0]}
    for node in reversed(graph.nodes[: graph.outputs[0] + 1]):
        if node.index not in ancestors:
            continue
        ancestors.update(node.inputs)
        place = laid[node.index]
        if node.operator in PLUMBING or node.key == "input" or place is None:
            continue
        if max(place.counts) > 1 or sum(side > 1 for side in node.shape) > 1:
            return node.index
    return graph.outputs[0]


def fields_of(graph: Graph, laid: Places) -> tuple[Field | None, ...]:
    """Give `receptive_fields` from the places of all nodes."""
    found: list[Field | None] = []
    size = extent(graph)
    for place in laid:
        if place is None:
            found.append(None)
            continue
        height, width = (_meet(place, axis, found, size[axis]) for axis in (0, 1))
        found.append((height, width))
    return tuple(found)


def windows(graph: Graph) -> tuple[Window | None, ...]:
    """Give the pixels that each position of each node sees, borders exact.

    For height and width each: (first, last), arrays with an element a position. A position that
    sees no pixel (in constant padding) has first > last.
    """
    found: list[Window | None] = []
    size = extent(graph)
    for place in places(graph):
        if place is None:
            found.append(None)
            continue
        pair = [_meet_exactly(place, axis, found, size[axis]) for axis in (0, 1)]
        found.append((pair[0], pair[1]))
    return tuple(found)


def recursion(graph: Graph, index: int, axis: int = 0) -> tuple[Step, ...]:
    """Walk from node `index` down to the image: r = (r - 1)·stride + kernel at each operator.

    Where branches meet, the widest is taken. The last step's size is the receptive field of
    `receptive_fields`, wherever no two branches of different reach meet off-centre.
    """
    laid = places(graph)
    fields = fields_of(graph, laid)
    steps: list[Step] = []
    size: Number = 1
    while index != IMAGE:
        place = laid[index]
        if place is None:
            break
        link = max(place.links[axis], key=lambda one: _width(one, fields, axis))
        scale, first, last = _composed(link.reaches)
        size = (size - 1) * magnitude(scale) + (last - first + 1)
        steps.append(Step(index, last - first + 1, magnitude(scale), size))
        index = link.source
    return tuple(steps)


def _width(link: Link, fields: tuple[Field | None, ...], axis: int) -> Number:
    field = None if link.source == IMAGE else fields[link.source]
    if field is None:
        return 0
    _, first, last = _composed(link.reaches)
    return field[axis].size + (last - first) * magnitude(field[axis].jump)


def _composed(reaches: tuple[Reach, ...]) -> tuple[Number, Number, Number]:
    """Put the reaches of one operator into one (scale, first, last)."""
    scale: Number = 1
    first: Number = 0
    last: Number = 0
    for reach in reversed(reaches):
        inner, start, end = reach.affine()
        scale, first, last = inner * scale, start + inner * first, end + inner * last
    return scale, first, last


def _meet(place: Place, axis: int, found: list[Field | None], extent: int) -> Axis:
    count = place.counts[axis]
    branches = [
        replace(field, jump=0) if link.made == 1 < count else field
        for link in place.links[axis]
        for field in (_pass(link, axis, found, extent),)
    ]
    if len(branches) == 1:
        return branches[0]
    if any(branch.everything for branch in branches):
        jump = max((branch.jump for branch in branches), key=magnitude)
        return Axis(jump, 0, extent - 1, True)
    jump = max(branches, key=lambda branch: (branch.jump != 0, branch.size)).jump
    low = min(min(b.low, b.low + (count - 1) * (b.jump - jump)) for b in branches)
    high = max(max(b.high, b.high + (count - 1) * (b.jump - jump)) for b in branches)
    return Axis(jump, low, high)


def _pass(link: Link, axis: int, found: list[Field | None], extent: int) -> Axis:
    """Go along one link from its source's field."""
    start = None if link.source == IMAGE else found[link.source]
    field = Axis(1, 0, 0) if start is None else start[axis]
    for reach in link.reaches:
        scale, first, last = reach.affine()
        jump = scale * field.jump
        if field.everything:
            field = Axis(jump, 0, extent - 1, True)
            continue
        if field.jump < 0:  # after a flip the last position sees the first pixels
            first, last = last, first
        low, high = field.low + first * field.jump, field.high + last * field.jump
        if isinstance(reach, Everything):
            low, high = max(low, 0), min(high, extent - 1)
            field = Axis(jump, low, high, low == 0 and high == extent - 1)
        else:
            field = Axis(jump, low, high)
    return field


def _meet_exactly(
    place: Place, axis: int, found: list[Window | None], extent: int
) -> tuple[Positions, Positions]:
    first = np.full(place.counts[axis], extent, dtype=np.int64)
    last = np.full(place.counts[axis], NOWHERE, dtype=np.int64)
    for link in place.links[axis]:
        start = None if link.source == IMAGE else found[link.source]
        whole = np.arange(extent)
        before, after = (whole, whole) if start is None else start[axis]
        for reach in link.reaches:
            before, after = _read(reach, before, after, extent)
        first, last = np.minimum(first, before), np.maximum(last, after)
    return first, last


def _read(
    reach: Reach, first: Positions, last: Positions, extent: int
) -> tuple[Positions, Positions]:
    if isinstance(reach, Everything):
        return np.full(reach.made, first.min()), np.full(reach.made, last.max())
    before, after = np.append(first, extent), np.append(last, NOWHERE)
    taps = reach.taps()
    return (
        np.minimum.reduce([before[tap] for tap in taps]),
        np.maximum.reduce([after[tap] for tap in taps]),
    )
