"""Where each operator leaves height and width, and from which positions it takes them.

A `Place` says of a node which axes of its tensor run over the image's height (0) and width (1), and
which positions of its inputs it reads, as sequences of `Reach`es. An axis of a tensor is written as
factors, slowest first: a grid that was flattened to tokens is ``((0, 14), (1, 14))``, and a view
that takes it apart again finds both. What is stretched along an axis is `EVEN` there: every
position gets the same. Where an axis can no longer be followed (an unknown operator,
values mixed across positions), everything that the operator's input sees is taken: sound, never
too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from striate.anatomy.receptive_field.axis import Everything, Reach, Repeat, Window

Factor = tuple[int, int]  # (0 = height, 1 = width, PLAIN or EVEN = neither; size)
Dim = tuple[Factor, ...]
PLAIN = -1
EVEN = -2
IMAGE = -1  # the source of a link that starts at the image


@dataclass(frozen=True)
class Link:
    """One way from a node along one axis: through `reaches`, outermost last, from node `source`."""

    source: int
    reaches: tuple[Reach, ...]
    made: int  # positions at its end; one is seen from all positions where there are more


@dataclass(frozen=True)
class Place:
    """How a node's tensor lies over the image."""

    dims: tuple[Dim, ...]
    links: tuple[tuple[Link, ...], tuple[Link, ...]]  # for height and width; several at a join
    counts: tuple[int, int]  # positions along each axis; 1 where it has none left
    gated: bool = False  # some input weighs the whole map


def axes_of(dim: Dim) -> list[int]:
    """Give the image's axes that run along a tensor's axis."""
    return [axis for axis, _ in dim if axis >= 0]


def even(dim: Dim) -> bool:
    """Whether all positions along a tensor's axis hold the same, as those of a gate do."""
    return all(axis == EVEN or size == 1 for axis, size in dim)


class Sketch:
    """A `Place` while an operator is applied to one of its inputs."""

    def __init__(self, source: int, place: Place) -> None:
        self.dims = list(place.dims)
        self.counts = list(place.counts)
        self.source = source
        self.reaches: tuple[list[Reach], list[Reach]] = ([], [])

    def read(self, axis: int, reach: Reach) -> None:
        """Go through `reach` along an axis of the image."""
        self.reaches[axis].append(reach)
        self.counts[axis] = reach.made

    def collapse(self, axis: int) -> None:
        """Mix all positions of an axis of the image: no tensor axis runs along it any more."""
        count = self.counts[axis]
        for index, dim in enumerate(self.dims):
            self.dims[index] = tuple((PLAIN, n) if a == axis else (a, n) for a, n in dim)
        if count > 1:
            self.read(axis, Everything(count, 1))

    def mix(self, dim: int) -> None:
        """Mix all positions along an axis of the tensor."""
        for axis in axes_of(self.dims[dim]):
            self.collapse(axis)

    def alone(self, dim: int) -> int:
        """Give the one axis of the image along `dim`, or -1 after mixing what is tangled there."""
        factors = [factor for factor in self.dims[dim] if factor[1] > 1]
        axes = axes_of(tuple(factors))
        if not axes:
            self.mix(dim)
            return PLAIN
        if len(axes) > 1 or factors[0][0] < 0:
            self.mix(dim)
            return PLAIN
        axis, times = axes[0], prod(size for _, size in factors[1:])
        if times > 1:
            self.read(axis, Repeat(self.counts[axis], self.counts[axis] * times, times))
        self.dims[dim] = ((axis, self.counts[axis]),)
        return axis

    def through(self, dim: int, reach: Reach) -> None:
        """Go through `reach` along an axis of the tensor, if it runs along one of the image."""
        if len(self.dims[dim]) == 1 and self.dims[dim][0][0] >= 0:
            axis = self.dims[dim][0][0]  # also where one position is left
        else:
            axis = self.alone(dim)
        if axis == PLAIN:
            self.dims[dim] = ((PLAIN, reach.made),)
            return
        self.read(axis, reach)
        self.dims[dim] = ((axis, reach.made),)

    def link(self, axis: int) -> Link:
        """Give the finished link of one axis."""
        return Link(self.source, tuple(self.reaches[axis]), self.counts[axis])

    def reshape(self, shape: Sequence[int]) -> None:
        """Regroup all factors, slowest first, to the axes of `shape`."""
        queue = [factor for dim in self.dims for factor in dim if factor[1] != 1]
        dims: list[Dim] = []
        for size in shape:
            need, taken = size, []
            while need > 1 and queue:
                axis, have = queue.pop(0)
                if need % have == 0:
                    taken.append((axis, have))
                    need //= have
                    continue
                if have % need:
                    return self.lose(shape)
                taken.append((axis, need))
                queue.insert(0, (min(axis, PLAIN), have // need))
                if axis >= 0:
                    rest = have // need
                    self.read(axis, Window(have, need, kernel=rest, stride=rest))
                need = 1
            dims.append(tuple(taken) or ((PLAIN, 1),))
        self.dims = dims
        for index, dim in enumerate(dims):
            if len(dim) > 1 and dim[0][0] >= 0 and len(axes_of(dim)) == 1:
                self.alone(index)  # windows put together again: each position repeats its window's
        return None

    def lose(self, shape: Sequence[int]) -> None:
        """Follow no axis any further."""
        for axis in (0, 1):
            self.collapse(axis)
        self.dims = [((PLAIN, size),) for size in shape]

    def fit(self, shape: Sequence[int]) -> None:
        """Stretch axes of one to `shape`, the last axis last, as element-wise operators do."""
        missing = len(shape) - len(self.dims)
        if missing < 0:
            self.lose(shape)
            return
        dims: list[Dim] = [((EVEN, 1),)] * missing + self.dims
        for index, size in enumerate(shape):
            dim = dims[index]
            have = dim[0][1] if len(dim) == 1 else prod(n for _, n in dim)
            if have != size:  # an axis of one that is stretched
                dims[index] = ((EVEN if have == 1 else PLAIN, size),)
        self.dims = dims


def join(sketches: Iterable[Sketch], shape: Sequence[int], *, gates: bool) -> Place | None:
    """Lay inputs over each other where they meet.

    An input that gives the same to all positions along an axis where others have them is a gate, a
    weight for the whole map; without `gates` it is not followed. Inputs that lie differently are
    mixed first.
    """
    parts = list(sketches)
    if not parts:
        return None
    for part in parts:
        part.fit(shape)
    if len(parts) == 1:
        only = parts[0]
        links = (only.link(0),), (only.link(1),)
        return Place(tuple(only.dims), links, (only.counts[0], only.counts[1]))
    lead = max(parts, key=lambda part: sum(bool(axes_of(dim)) for dim in part.dims))
    dims = list(lead.dims)
    for part in parts:
        for index, dim in enumerate(part.dims):
            if dim != lead.dims[index] and axes_of(dim):
                part.mix(index)
    for part in parts:
        for index, dim in enumerate(part.dims):
            if axes_of(dim) and not axes_of(dims[index]):
                dims[index] = dim
    both, counts, gated = [], [], False
    for axis in (0, 1):
        count = max(part.counts[axis] for part in parts)
        along = [index for index, dim in enumerate(dims) if axis in axes_of(dim)]
        lasting = [
            part
            for part in parts
            if part.counts[axis] == count or not all(even(part.dims[index]) for index in along)
        ]
        gated |= len(lasting) < len(parts)
        kept = parts if gates else lasting
        both.append(tuple(dict.fromkeys(part.link(axis) for part in kept)))
        counts.append(count)
    return Place(tuple(dims), (both[0], both[1]), (counts[0], counts[1]), gated)
