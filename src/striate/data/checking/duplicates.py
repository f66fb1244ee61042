"""Images that are there twice: byte for byte, or resized, recompressed, slightly changed.

Near duplicates are found in two steps, so that the work grows with the number of images and not
with its square. First, locality-sensitive hashing (Charikar 2002): the thumbnails, on the axes in
which this set varies most and scaled to vary equally in each, are cut by random planes; images on
the same side of all planes of a band are candidates. Then each pair of candidates is compared
pixel by pixel. A candidate that two near duplicates miss in one band, they meet in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.images import Array

PHOTOGRAPHS = 0.97
"""Thumbnails (32 x 32) of photographs that correlate by less are different pictures.

Judged by eye: in 3,670 photographs of flowers and the 60,000 images of CIFAR-10, every pair above
shows one picture; the first false pair, two horizons, has 0.965.
"""

SIGNS = 0.99
"""The same for small grey images: one person's 1 is like another's, at 0.98 hundreds of them."""

MOST_COLOUR = 24
"""Levels, of 255, by which the mean of any channel may differ between near duplicates."""

_COARSE_MARGIN = 0.02  # in 8 x 8 near duplicates correlate by no less, give or take this
_LEAST_CONTRAST = 6  # std in levels; below, a thumbnail shows too little to compare
_BANDS = 16
_AXES = 32
_CELL = 2  # images of a band that one hash value should hold, on average, at most
_MOST_PER_HASH = 256  # a crowd this large is not compared with itself image by image
_PAIRS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Found:
    """Groups of near duplicates (indices, ascending), and how many images could not be compared."""

    groups: list[list[int]]
    flat: int


def exact_duplicates(digests: Sequence[str]) -> list[list[int]]:
    """Groups of indices (ascending) with the same content.

    Examples:
        >>> exact_duplicates(["a", "b", "a"])
        [[0, 2]]
    """
    places: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        places.setdefault(digest, []).append(index)
    return [group for group in places.values() if len(group) > 1]


def near_duplicates(
    thumbnails: Array,
    colours: NDArray[np.float32],
    digests: Sequence[str],
    least: float = PHOTOGRAPHS,
) -> Found:
    """Groups of images that look alike but are not equal byte for byte.

    Flipped and rotated copies are not looked for.

    Args:
        thumbnails: uint8 (n, 32, 32), grey.
        colours: (n, 3), mean of each channel, 0 to 255.
        digests: content hashes; of equal images only the first is compared.
        least: correlation from which two thumbnails show one picture.
    """
    first = np.unique(digests, return_index=True)[1]
    first.sort()
    pixels = thumbnails[first].reshape(len(first), -1)
    contrast = pixels.std(axis=1, dtype=np.float32) if len(first) else np.zeros(0)
    kept = first[contrast >= _LEAST_CONTRAST]
    flat = len(first) - len(kept)
    if len(kept) < 2:
        return Found([], flat)
    pixels = thumbnails[kept].reshape(len(kept), -1)
    coarse = _coarse(pixels)
    pairs = [
        _alike(pixels, coarse, colours[kept], chunk, least)
        for chunk in _candidates(_hashes(coarse))
    ]
    return Found(_groups(kept[np.concatenate(pairs)] if pairs else np.zeros((0, 2), int)), flat)


def _alike(
    pixels: Array,
    coarse: NDArray[np.float32],
    colours: NDArray[np.float32],
    pairs: NDArray[np.int64],
    least: float,
) -> NDArray[np.int64]:
    """Those of the `pairs` (m, 2) that show one picture; what is cheap to compare comes first."""
    left, right = coarse[pairs[:, 0]], coarse[pairs[:, 1]]
    pairs = pairs[(left * right).sum(axis=1) >= least - _COARSE_MARGIN]
    left, right = colours[pairs[:, 0]], colours[pairs[:, 1]]
    pairs = np.unique(pairs[np.abs(left - right).max(axis=1) <= MOST_COLOUR], axis=0)
    left, right = _standardised(pixels[pairs[:, 0]]), _standardised(pixels[pairs[:, 1]])
    alike: NDArray[np.int64] = pairs[(left * right).sum(axis=1) >= least]
    return alike


def _coarse(pixels: Array) -> NDArray[np.float32]:
    """Thumbnails (n, 1024) as 8 x 8 grey levels without their mean, of length one: (n, 64)."""
    blocks = pixels.reshape(len(pixels), 8, 4, 8, 4).mean(axis=(2, 4), dtype=np.float32)
    return _standardised(blocks.reshape(len(pixels), 64))


def _standardised(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Rows without their mean, of length one."""
    rows = pixels.astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.sqrt((rows * rows).sum(axis=1, keepdims=True)), 1e-6)
    return rows


def _hashes(coarse: NDArray[np.float32]) -> NDArray[np.int64]:
    """One hash a band of each thumbnail: (bands, n)."""
    count = len(coarse)
    rows = coarse - coarse.mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows / count)
    axes = vectors[:, -_AXES:] / np.sqrt(np.maximum(values[-_AXES:], 1e-6))
    places = rows @ axes
    bits = max(1, int(np.ceil(np.log2(count / _CELL))))
    planes = np.random.default_rng(0).standard_normal((_BANDS, _AXES, bits), np.float32)
    weights = 1 << np.arange(bits)
    return np.stack([(places @ plane > 0) @ weights for plane in planes])


def _candidates(hashes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Pairs (m, 2) of images with an equal hash in some band, in portions; some come repeatedly.

    Sorted by hash, the images at distance 1, 2, 3 … in a run of equal values are the pairs.
    """
    for band in hashes:
        order = np.argsort(band, kind="stable")
        sorted_band = band[order]
        for step in range(1, min(_MOST_PER_HASH, len(order))):
            same = np.flatnonzero(sorted_band[step:] == sorted_band[:-step])
            if not len(same):
                break
            for start in range(0, len(same), _PAIRS_AT_ONCE):
                part = same[start : start + _PAIRS_AT_ONCE]
                yield np.sort(np.stack([order[part], order[part + step]], axis=1), axis=1)


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
