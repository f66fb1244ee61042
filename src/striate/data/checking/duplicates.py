"""Images that are there twice: byte for byte, or resized, recompressed, slightly changed.

Near duplicates are found in two steps, so that the work grows with the number of images and not
with its square. First, locality-sensitive hashing (Charikar 2002): the sketches, on the axes in
which this set varies most and scaled to vary equally in each, are cut by random planes; images on
the same side of all planes of a band are candidates. A candidate that two near duplicates miss in
one band, they meet in another. Then the candidates whose sketches are alike are compared pixel by
pixel, by squares that are made of them anew: of a million images no more than sketches are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Digests
from striate.data.images import Array
from striate.data.sketches import Sketches

PHOTOGRAPHS = 0.97
"""Squares (32 x 32) of photographs that correlate by less are different pictures.

Judged by eye: in 3,670 photographs of flowers and the 60,000 images of CIFAR-10, every pair above
shows one picture; the first false pair, two horizons, has 0.965.
"""

SIGNS = 0.99
"""The same for small grey images: one person's 1 is like another's, at 0.98 hundreds of them."""

MOST_COLOUR = 24
"""Levels, of 255, by which the mean of any channel may differ between near duplicates."""

_COARSE_MARGIN = 0.02  # in 8 x 8 near duplicates correlate by no less, give or take this
_LEAST_CONTRAST = 6  # std in levels; below, a square shows too little to compare
_BANDS = 16
_AXES = 32
_CELL = 2  # images of a band that one hash value should hold, on average, at most
_MOST_PER_HASH = 256  # a crowd this large is not compared with itself image by image
_PAIRS_AT_ONCE = 1 << 13  # their sketches as numbers take 4 MB, whatever the number of images
_COMPARED_AT_ONCE = 1 << 12
_AT_ONCE = 1 << 15  # sketches that are floating-point numbers together


@dataclass(frozen=True)
class Found:
    """Groups of near duplicates (indices, ascending), and how many images could not be compared."""

    groups: list[list[int]]
    flat: int


def exact_duplicates(digests: Sequence[str]) -> list[list[int]]:
    """Groups of indices (ascending) with the same content.

    Examples:
        >>> exact_duplicates(["aa" * 16, "bb" * 16, "aa" * 16])
        [[0, 2]]
    """
    if not len(digests):
        return []
    rows = Digests.of(digests)
    order = rows.order()
    ends = np.flatnonzero(_steps(rows.rows[order]))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    several = np.flatnonzero(ends - starts > 1)
    groups = [order[starts[run] : ends[run]].tolist() for run in several.tolist()]
    return sorted(groups)  # by first member


def _steps(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a run of equal rows ends: bool (n + 1,), True also at n."""
    steps = np.ones(len(rows) + 1, np.bool_)
    steps[1:-1] = (rows[1:] != rows[:-1]).any(axis=1)
    steps[0] = False
    return steps


def near_duplicates(
    sketches: Sketches,
    squares: Callable[[NDArray[np.int64]], Array],
    digests: Sequence[str],
    least: float = PHOTOGRAPHS,
) -> Found:
    """Groups of images that look alike but are not equal byte for byte.

    Flipped and rotated copies are not looked for.

    Args:
        sketches: of n images.
        squares: gives the squares, uint8 (m, 32, 32), of the images at m indices, ascending; asked
            for those whose sketches are alike.
        digests: content hashes; of equal images only the first is compared.
        least: correlation from which two squares show one picture.
    """
    first = _firsts(digests)
    kept = first[sketches.contrast[first] >= _LEAST_CONTRAST]
    flat = len(first) - len(kept)
    if len(kept) < 2:
        return Found([], flat)
    own = sketches.take(kept)
    pairs = _alike(own, least)
    return Found(_groups(_confirmed(kept[pairs], squares, least)), flat)


def _firsts(digests: Sequence[str]) -> NDArray[np.int64]:
    """The first image of each content, ascending."""
    rows = Digests.of(digests)
    order = rows.order()
    starts = np.concatenate([np.ones(1, np.bool_), _steps(rows.rows[order])[1:-1]])
    return np.sort(order[starts[: len(order)]])


def _alike(sketches: Sketches, least: float) -> NDArray[np.int64]:
    """Pairs (m, 2) of images with like sketches, each once."""
    count = len(sketches.contrast)
    found = [np.zeros(0, np.int64)]
    for one, other in map(np.transpose, _candidates(sketches)):
        left, right = _coarse(sketches.blocks[one]), _coarse(sketches.blocks[other])
        alike = (left * right).sum(axis=1) >= least - _COARSE_MARGIN
        one, other = one[alike], other[alike]  # noqa: PLW2901 - fewer of them
        apart = np.abs(sketches.colour[one] - sketches.colour[other]).max(axis=1, initial=0)
        found.append(np.unique((one * count + other)[apart <= MOST_COLOUR]))
    keys = np.unique(np.concatenate(found))
    return np.stack([keys // count, keys % count], axis=1)


def _confirmed(
    pairs: NDArray[np.int64], squares: Callable[[NDArray[np.int64]], Array], least: float
) -> NDArray[np.int64]:
    """Those of the `pairs` (m, 2) whose squares show one picture."""
    images, places = np.unique(pairs, return_inverse=True)
    if not len(images):
        return pairs
    pixels = squares(images).reshape(len(images), -1)
    places = places.reshape(pairs.shape)
    alike = np.zeros(len(pairs), np.bool_)
    for start in range(0, len(pairs), _COMPARED_AT_ONCE):
        part = places[start : start + _COMPARED_AT_ONCE]
        left, right = _standardised(pixels[part[:, 0]]), _standardised(pixels[part[:, 1]])
        alike[start : start + len(part)] = (left * right).sum(axis=1) >= least
    return pairs[alike]


def _coarse(blocks: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Sketches (n, 64) as grey levels without their mean, of length one."""
    return _standardised(blocks.astype(np.float32) / 16)


def _standardised(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Rows without their mean, of length one."""
    rows = pixels.astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.sqrt((rows * rows).sum(axis=1, keepdims=True)), 1e-6)
    return rows


def _candidates(sketches: Sketches) -> Iterator[NDArray[np.int64]]:
    """Pairs (m, 2) of images on one side of all planes of a band; some come repeatedly.

    Sorted by hash, the images at distance 1, 2, 3 … in a run of equal values are the pairs.
    """
    places = _places(sketches.blocks)
    count = len(places)
    bits = max(1, int(np.ceil(np.log2(count / _CELL))))
    planes = np.random.default_rng(0).standard_normal((_BANDS, _AXES, bits), np.float32)
    weights = 1 << np.arange(bits, dtype=np.int64)
    for plane in planes:
        band = np.concatenate([(part @ plane > 0) @ weights for part in _portions(places)])
        order = np.argsort(band, kind="stable").astype(np.int32)
        sorted_band = band[order]
        same = np.arange(count)
        for step in range(1, min(_MOST_PER_HASH, count)):
            same = same[same + step < count]
            same = same[sorted_band[same + step] == sorted_band[same]]
            if not len(same):
                break
            for part in _portions(same, _PAIRS_AT_ONCE):
                pairs = np.stack([order[part], order[part + step]], axis=1)
                yield np.sort(pairs, axis=1).astype(np.int64)


def _places(blocks: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Where sketches lie on the axes in which they vary most, scaled to vary alike: (n, axes)."""
    mean = np.zeros(blocks.shape[1])
    products = np.zeros((blocks.shape[1], blocks.shape[1]))
    for part in _portions(blocks):
        mean += _coarse(part).sum(axis=0, dtype=np.float64) / len(blocks)
    middle = mean.astype(np.float32)
    for part in _portions(blocks):
        rows = _coarse(part) - middle
        products += rows.T @ rows
    values, vectors = np.linalg.eigh((products / len(blocks)).astype(np.float32))
    axes = vectors[:, -_AXES:] / np.sqrt(np.maximum(values[-_AXES:], 1e-6))
    places = np.empty((len(blocks), axes.shape[1]), np.float32)
    for start in range(0, len(blocks), _AT_ONCE):
        places[start : start + _AT_ONCE] = (
            _coarse(blocks[start : start + _AT_ONCE]) - middle
        ) @ axes
    return places


def _portions(rows: NDArray[Any], at_once: int = _AT_ONCE) -> Iterator[NDArray[Any]]:
    return (rows[start : start + at_once] for start in range(0, len(rows), at_once))


def _groups(pairs: NDArray[np.int64]) -> list[list[int]]:
    """Connected groups of the graph whose edges are `pairs`, each sorted, by first member."""
    parent: dict[int, int] = {}

    def root(item: int) -> int:
        while parent.setdefault(item, item) != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for left, right in np.unique(pairs, axis=0).tolist():
        a, b = root(left), root(right)
        parent[max(a, b)] = min(a, b)
    members: dict[int, list[int]] = {}
    for item in sorted(parent):
        members.setdefault(root(item), []).append(item)
    return list(members.values())
