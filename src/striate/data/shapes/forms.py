"""Forms and textures, tested point by point in whole numbers, so that no machine rounds otherwise.

A form fills a circle of radius `ONE` around the origin, y down. Points have the same scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Test: TypeAlias = Callable[[Points, Points], Mask]

ONE = 1 << 14

# No value lies so near to a half that the last bit of a library's cosine could decide: see tests.
COSINES = np.array([round(ONE * math.cos(math.radians(angle))) for angle in range(360)], np.int64)


def cosine(degrees: int) -> int:
    """In units of `ONE`."""
    return int(COSINES[degrees % 360])


def sine(degrees: int) -> int:
    """In units of `ONE`."""
    return cosine(degrees - 90)


def _polygon(*corners: tuple[int, int]) -> Test:
    """Points within a polygon, by the number of its edges to the right of each."""
    edges = list(zip(corners, (*corners[1:], corners[0]), strict=True))

    def test(x: Points, y: Points) -> Mask:
        inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.bool_)
        for (x1, y1), (x2, y2) in edges:
            if y1 != y2:
                beside = (x - x1) * (y2 - y1) < (x2 - x1) * (y - y1)
                crossed = (y1 > y) != (y2 > y)
                inside ^= crossed & (beside if y2 > y1 else ~beside)
        return inside

    return test


def _regular(corners: int, inner: int = 0) -> Test:
    """A regular polygon, a corner up; with `inner` a star, whose dents are so far out."""
    step = 360 / corners
    points = []
    for number in range(corners):
        up = round(number * step) - 90
        points.append((cosine(up), sine(up)))
        if inner:
            dent = round((number + 0.5) * step) - 90
            points.append((cosine(dent) * inner // ONE, sine(dent) * inner // ONE))
    return _polygon(*points)


def _square() -> Test:
    side = cosine(45)
    return _polygon((-side, -side), (side, -side), (side, side), (-side, side))


def _cross() -> Test:
    arm, reach = ONE * 9 // 32, ONE * 61 // 64
    quarter = [(-arm, -reach), (arm, -reach), (arm, -arm)]
    corners = []
    for _ in range(4):
        corners += quarter
        quarter = [(-y, x) for x, y in quarter]
    return _polygon(*corners)


def _arrow() -> Test:
    w, h = ONE * 5 // 16, ONE * 3 // 4
    return _polygon((0, -ONE), (h, 0), (w, 0), (w, h), (-w, h), (-w, 0), (-h, 0))


def _ring(x: Points, y: Points) -> Mask:
    squared: Points = x * x + y * y
    return (squared <= ONE * ONE) & (squared >= (ONE * 9 // 16) ** 2)


def _circle(x: Points, y: Points) -> Mask:
    return x * x + y * y <= ONE * ONE


def _half(x: Points, y: Points) -> Mask:
    return _circle(x, y) & (y <= 0)


def _plain(x: Points, y: Points) -> Mask:
    return np.zeros(x.shape, np.bool_)


def _stripes(x: Points, y: Points) -> Mask:
    odd: Mask = (x + 2 * ONE) * 3 // ONE % 2 == 1
    return odd


def _checks(x: Points, y: Points) -> Mask:
    odd: Mask = ((x + 2 * ONE) * 2 // ONE + (y + 2 * ONE) * 2 // ONE) % 2 == 1
    return odd


def _dots(x: Points, y: Points) -> Mask:
    cell = ONE * 2 // 3
    across, down = (x + 4 * cell) % cell - cell // 2, (y + 4 * cell) % cell - cell // 2
    return across * across + down * down <= (cell // 3) ** 2


FORMS: dict[str, Test] = {
    "circle": _circle,
    "square": _square(),
    "triangle": _regular(3),
    "star": _regular(5, ONE * 2 // 5),
    "cross": _cross(),
    "ring": _ring,
    "hexagon": _regular(6),
    "half": _half,
    "arrow": _arrow(),
    "pentagon": _regular(5),
}
TEXTURES: dict[str, Test] = {
    "plain": _plain,
    "striped": _stripes,
    "checked": _checks,
    "dotted": _dots,
}
MOST_CLASSES = len(FORMS) * len(TEXTURES)


def class_names(classes: int) -> tuple[str, ...]:
    """Names of that many classes: forms, or each form with a texture where these are not enough.

    Examples:
        >>> class_names(4)
        ('circle', 'square', 'triangle', 'star')
        >>> class_names(11)[-1]
        'striped circle'
    """
    if classes <= len(FORMS):
        return tuple(FORMS)[:classes]
    return tuple(f"{texture} {form}" for texture in TEXTURES for form in FORMS)[:classes]
