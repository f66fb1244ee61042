"""The weights of Pillow's resize, worked out in a graph from the size of the image.

With n pixels resized to t, twice the distance, times t, from the middle of pixel j to the middle of
result i is ``|(2j+1)·t - (2i+1)·n|``. Counted from the centre of the image, where the crop is, it
stays in int32 for any shape of image. The filter reaches `radius` pixels of the coarser grid.

Bilinear weights are quotients of integers and come out of a long division. Bicubic ones are
quotients of sums of cubes, worked out to 52 binary places in limbs of 13 bits. Pillow computes in
double precision and keeps 22 places, so that both round to the same weights.

Each row is worked out for the few pixels that it reaches, and then spread over the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from striate.data.preprocessing import Preprocessing
from striate.engines.preprocessing.nodes import Nodes, Value

#: Binary places of Pillow's weights.
PLACES = 22
#: A weight is kept as three digits to the base 256, each with this added, so that they are uint8.
ZERO = 128

_OFFSET = ZERO * (1 + 256 + 256**2)
_LIMB = 1 << 13
_LIMBS = 4
#: Engines that divide as floats, and divisions that round towards zero, put the first pixel of a
#: row a few pixels off: it begins earlier, and its end comes later, by more than that.
_SPARE = 8


class Axes(NamedTuple):
    """int32 (2,) each, of the axis that is resized last and of the one that is resized first."""

    size: Value
    """Of the image."""
    target: Value
    """Of the whole resized image, of which the middle is kept."""
    kept: Value


class Along(NamedTuple):
    """The resize along one axis."""

    matrix: Value
    """uint8 (3 · kept, end - first): the weights' digits, the highest of all rows first."""
    first: Value
    """int32 (1,): the first pixel that any result looks at."""
    end: Value
    """int32 (1,): the one after the last."""
    real: Value
    """int32 (kept, 1): 1 for positions of the image, 0 for those of the ground around it."""


@dataclass(frozen=True)
class Rows:
    """Rows of the matrices that resize both axes, as many of each as the larger one has."""

    graph: Nodes
    weights: Value
    """int32 (1, 2, rows, taps), of the pixels from `first` on, to 22 binary places."""
    first: Value
    """int32 (1, 2, rows, 1): a pixel before those that have weights; may be negative."""
    real: Value
    """int32 (1, 2, rows, 1)."""
    taps: Value
    """int32 (1,)."""

    def along(self, axes: Axes, axis: int) -> Along:
        """The matrix of one axis."""
        graph = self.graph
        kept, size = (graph.part(each, 0, axis, axis + 1) for each in (axes.kept, axes.size))

        def own(value: Value) -> Value:
            """(kept, …) of this axis."""
            rows = graph.part(graph.part(value, 1, axis, axis + 1), 2, 0, kept)
            return graph.reshape(rows, kept, -1)

        begins = own(self.first)
        one, last = (
            graph.reshape(graph.part(begins, 0, *rows), 1) for rows in ((0, 1), (kept - 1, kept))
        )
        first, end = graph.largest(one, 0), graph.least(last + self.taps, size)
        pixels = graph.reshape(graph.range(end - first) + first, 1, -1)
        # Pixels before and after those of the row all look at a weight of nothing.
        where = graph.least(graph.largest(pixels - begins + 1, 0), self.taps + 1)
        matrix = graph.add(
            "GatherElements",
            graph.concatenate([own(digit) for digit in self._digits()], 0),
            graph.concatenate([where] * 3, 0),
            axis=1,
        )
        return Along(matrix, first, end, own(self.real))

    def _digits(self) -> list[Value]:
        """uint8 (1, 2, rows, taps + 2) for each digit, the highest first, with nothing around."""
        graph = self.graph
        nothing = self.real * 0
        whole = graph.concatenate([nothing, self.weights, nothing], 3) + _OFFSET
        high = whole // 256**2
        rest = whole - high * 256**2
        middle = rest // 256
        return [graph.cast(each, np.uint8) for each in (high, middle, rest - middle * 256)]


def resize_weights(graph: Nodes, preprocessing: Preprocessing, axes: Axes, rows: int) -> Rows:
    """The weights of `rows` positions of either axis.

    Cropping, position i of the result is ``floor((target - kept) / 2) + i`` of the resized axis;
    padding, ``-floor((kept - target) / 2) + i``.
    """
    size, target, kept = (graph.reshape(each, 1, 2, 1, 1) for each in axes)
    radius = 2 if preprocessing.interpolation == "bicubic" else 1
    index = graph.constant(np.arange(rows, dtype=np.int32).reshape(1, 1, -1, 1))
    pad = preprocessing.fit == "pad"
    asked = index - (kept - target) // 2 if pad else index + (target - kept) // 2
    real = asked.reaches(0) * asked.below(target)
    position = graph.least(graph.largest(asked, 0), target - 1)
    middle = (position * 2 + 1 - target) * size
    unit = graph.largest(size, target) * 2
    reach = unit * radius
    first = ((middle - reach) // target + size - _SPARE // 2) // 2
    one, other = (
        graph.part(graph.reshape(reach // target, 2), 0, axis, axis + 1) for axis in (0, 1)
    )
    taps = graph.largest(one, other) + _SPARE
    pixel = first + graph.reshape(graph.range(taps), 1, 1, 1, -1)
    distance = abs((pixel * 2 + 1 - size) * target - middle)
    inside = real * pixel.reaches(0) * pixel.below(size) * distance.below(reach)
    work = _cubic if preprocessing.interpolation == "bicubic" else _triangle
    return Rows(graph, work(graph, distance, unit, inside), first, real, taps)


def _triangle(graph: Nodes, distance: Value, unit: Value, inside: Value) -> Value:
    """Bilinear weights: ``1 - distance / unit``, divided by their sum, half rounded up.

    A quotient that the engine's float division puts one too high leaves a negative rest, which the
    next step takes back. Exact for sums below 2**27: photographs have less than 2**19.
    """
    rest = (unit - distance) * inside
    whole = graph.largest(graph.sum(rest, 3), 1)
    quotient = None
    for bits in (4, 4, 4, 4, 4, 3):
        rest = rest * 2**bits
        digit = rest // whole
        rest = rest - digit * whole
        quotient = digit if quotient is None else quotient * 2**bits + digit
    assert quotient is not None
    return (quotient + rest.reaches(whole) - rest.below(0) + 1) // 2


# --- bicubic -----------------------------------------------------------------------------------


def _cubic(graph: Nodes, distance: Value, unit: Value, inside: Value) -> Value:
    """Keys's cubic with a = -1/2, Pillow's bicubic, divided by its sum, half rounded away from 0.

    Keys 1981, Cubic convolution interpolation for digital image processing, Eq. 4 and 15. With
    ``y = |1 - distance / unit|`` twice the cubic is ``y + 4y² - 3y³`` within a unit of the middle,
    and ``-(y - 2y² + y³)`` up to two units.
    """
    near = distance.below(unit)
    y = _fraction(graph.least(abs(unit - distance), unit), unit)
    square = _product(y, y)
    cube = _product(square, y)
    second, third = near * 6 - 2, 1 - near * 4
    limbs = [
        (one + two * second + three * third) * inside
        for one, two, three in zip(y, square, cube, strict=True)
    ]
    size = _carried(graph, graph.concatenate([limbs[0] * 0, *limbs], 0))
    sign = near * 2 - 1
    whole = graph.sum(size * sign, 3)
    for _ in range(2):
        whole = _carried(graph, whole)
    return _divided(graph, size, whole) * sign


def _fraction(part: Value, unit: Value) -> list[Value]:
    """``part / unit``, at most 1, in limbs, the highest first; `unit` is below 2**24."""
    limbs, rest = [], part
    for _ in range(_LIMBS):
        digits = []
        for bits in (7, 6):
            rest = rest * 2**bits
            digits.append(rest // unit)
            rest = rest - digits[-1] * unit
        limbs.append(digits[0] * 2**6 + digits[1])
    return limbs


def _product(one: Sequence[Value], other: Sequence[Value]) -> list[Value]:
    """The product of two fractions, of which limbs below the last are left out."""
    sums: list[Value | None] = [None] * _LIMBS
    for i, left in enumerate(one):
        for j, right in enumerate(other[: _LIMBS - 1 - i]):
            term, before = left * right, sums[i + j + 1]
            sums[i + j + 1] = term if before is None else before + term
    limbs: list[Value] = []
    over: Value | None = None
    for each in reversed(sums[1:]):
        assert each is not None
        value = each if over is None else each + over
        over = value // _LIMB
        limbs.append(value - over * _LIMB)
    assert over is not None
    return [over, *reversed(limbs)]


def _carried(graph: Nodes, limbs: Value) -> Value:
    """`limbs` along axis 0, a whole number before four of a fraction, small again."""
    over = limbs // _LIMB
    # The whole number has nobody to carry to.
    taken = over * np.array([0, *[_LIMB] * _LIMBS], np.int32).reshape(-1, 1, 1, 1)
    up = graph.part(over, 0, 1, 1 + _LIMBS)
    return limbs - taken + graph.concatenate([up, graph.part(up, 0, 0, 1) * 0], 0)


def _divided(graph: Nodes, part: Value, whole: Value) -> Value:
    """``part / whole``, not negative, to 22 places, half rounded up.

    Long division. Each digit is told by the highest limbs, never too high and at most one too low,
    which the next digit makes good; what is left in the end says whether the last one was.
    """

    def top(limbs: Value) -> Value:
        return graph.part(limbs, 0, 0, 1) * _LIMB + graph.part(limbs, 0, 1, 2)

    divisor = graph.largest(top(whole), 1) + 2
    rest, quotient = part, None
    for bits in (8, 8, 7):
        rest = _carried(graph, rest * 2**bits)
        digit = (top(rest) - 2) // divisor
        rest = rest - whole * digit
        quotient = digit if quotient is None else quotient * 2**bits + digit
    assert quotient is not None
    return (quotient + 2 - _negative(graph, rest - whole)) // 2


def _negative(graph: Nodes, limbs: Value) -> Value:
    """1 where `limbs` are a number below 0."""
    each = [graph.part(limbs, 0, limb, limb + 1) for limb in range(1 + _LIMBS)]
    # Rounded down: made positive before the division, which rounds towards zero.
    positive = 1 << 23
    value = each.pop() + positive
    while each:
        value = each.pop() + value // _LIMB + (positive - positive // _LIMB)
    return value.below(positive)
