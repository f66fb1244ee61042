"""Mean, std and principal colours of a set of images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding.decode import decoders
from striate.data.images import Array, ImageSet
from striate.data.scan import over_threads
from striate.errors import StriateError
from striate.support.cache_files import CachedFile, cached_files, hashed, read_cached, write_cached
from striate.support.tables import from_table

STATISTICS = "statistics"
"""The kind of their files in the cache."""

_ENOUGH_SIDE = 256
_LEAST_STD = 1 / 255
_RULES = 1  # raised by whatever changes what is found of the same images
_LARGE = 1 << 20  # pixels; below, an image is decoded again in the time that its moments take
_MOST_LARGE = 4000  # images; a choice among many more is cheaper decoded than the moments of all
_REPEATED = [0, 1, 1, 1]


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Statistics of the pixels, each channel in the range 0 to 1, each image weighing the same.

    Args:
        mean: one number a channel.
        std: one number a channel, at least 1/255, so that it can be divided by.
        eigenvalues: variances along the principal colours, the greatest first (Krizhevsky et al.
            2012, Sec. 4.1). One number for grey images.
        eigenvectors: ``eigenvectors[i]`` is the unit vector (R, G, B) of ``eigenvalues[i]``; its
            greatest component is positive.
        images: how many images were looked at.
        of: how many there are.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    eigenvalues: tuple[float, ...]
    eigenvectors: tuple[tuple[float, ...], ...]
    images: int
    of: int


def channel_statistics(
    images: ImageSet, channels: int, limit: int = 2000, workers: int = 0
) -> Statistics:
    """Statistics of `images` read with that many `channels` (1 or 3).

    Of more than `limit` images an evenly spaced choice is looked at; photographs are first shrunk
    (by a whole factor, to some 256 pixels), since a network never sees their finest grain. The
    result depends on neither chance nor the number of threads.

    What ``images.made`` holds of an image is not computed again, with the same result.
    """
    chosen = np.linspace(0, len(images) - 1, min(limit, len(images))).astype(np.int64)
    cache = None if images.made is None else images.made.cache
    name = _name_of([images.digest(index) for index in chosen.tolist()], channels)
    known = _parsed(read_cached(cache, STATISTICS, name), channels)
    if known is not None:
        return replace(known, images=len(chosen), of=len(images))
    moments = partial(_moments_of, images, channels)
    total = np.zeros((channels + 1, channels + 1))
    for own in over_threads(moments, chosen.tolist(), workers):
        total += own
    total /= max(1, len(chosen))
    mean = total[0, 1:]
    covariance = total[1:, 1:] - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(covariance)
    vectors = vectors.T[::-1]
    greatest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    found = Statistics(
        mean=_rounded(mean),
        std=_rounded(np.maximum(np.sqrt(np.maximum(covariance.diagonal(), 0)), _LEAST_STD)),
        eigenvalues=_rounded(np.maximum(values[::-1], 0)),
        eigenvectors=tuple(_rounded(vector) for vector in vectors * np.sign(greatest)),
        images=len(chosen),
        of=len(images),
    )
    if images.pixels is None:  # what lies in memory is looked at in no time
        write_cached(cache, STATISTICS, name, asdict(found))
    return found


def statistics_files(cache: Path) -> list[CachedFile]:
    """The files about colours in the cache."""
    return cached_files(cache, STATISTICS)


def _name_of(digests: Sequence[str], channels: int) -> str:
    """The name of the cached statistics of images with those hashes."""
    key = json.dumps([_RULES, *decoders(), channels, *digests])
    return hashed(key.encode())


def _parsed(content: dict[str, Any], channels: int) -> Statistics | None:
    """The statistics in a file of the cache; None for what is none."""
    try:
        found = from_table(Statistics, content, STATISTICS, kind=StriateError)
    except StriateError:
        return None
    several = (found.mean, found.std, found.eigenvalues, found.eigenvectors, *found.eigenvectors)
    return found if all(len(each) == channels for each in several) else None


class Moments:
    """Moments of large images, taken while they are decoded for something else.

    It is a `striate.data.scan.Visitor`. Of small ones decoding again takes next to nothing.
    """

    def __init__(self) -> None:
        self._of: dict[str, NDArray[np.float64]] = {}

    def visit(self, digest: str, pixels: Array, split: str = "") -> None:
        """Take the moments of a large image."""
        if pixels.shape[0] * pixels.shape[1] >= _LARGE and len(self._of) < _MOST_LARGE:
            self._of[digest] = moments_of(pixels)

    def get(self, digest: str, channels: int) -> NDArray[np.float64] | None:
        """What `moments_of` gives of an image with so many channels; None where it is not known."""
        found = self._of.get(digest)
        if found is None or len(found) - 1 == channels:
            return found
        # Grey that is repeated has its own moments in every channel; colour made grey has others.
        return found[np.ix_(_REPEATED, _REPEATED)] if channels == 3 else None


def _moments_of(images: ImageSet, channels: int, index: int) -> NDArray[np.float64]:
    """`moments_of` an image of a set, read with that many channels."""
    moments = None if images.made is None else images.made.moments
    found = None if moments is None else moments.get(images.digest(index), channels)
    if found is not None:
        return found
    with images.reading(index, channels) as whole:
        return moments_of(whole)


def moments_of(whole: Array) -> NDArray[np.float64]:
    """The mean over an image (H, W, C), shrunk, of (1, R, G, B)ᵀ(1, R, G, B): (C + 1, C + 1).

    In whole numbers, hence exact: a matrix product would start threads inside these threads, and
    round differently on every machine.
    """
    image = _shrunk(whole)
    channels = image.shape[2]
    planes = np.moveaxis(image, 2, 0).reshape(channels, -1).astype(np.uint16)  # 255² fits
    moments = np.ones((channels + 1, channels + 1))
    for row, plane in enumerate(planes, start=1):
        moments[0, row] = moments[row, 0] = plane.sum(dtype=np.int64) / 255
        for column, other in enumerate(planes[:row], start=1):
            product = (plane * other).sum(dtype=np.int64) / 255**2
            moments[row, column] = moments[column, row] = product
    moments[0, 0] = planes.shape[1]
    return moments / planes.shape[1]


def _shrunk(image: Array) -> Array:
    factor = min(image.shape[:2]) // _ENOUGH_SIDE
    if factor < 2:
        return image
    grey = image.shape[2] == 1
    reduced = np.asarray(Image.fromarray(image[:, :, 0] if grey else image).reduce(factor))
    return reduced[:, :, None] if grey else reduced


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Six places: below them lies rounding, which may differ between processors."""
    return tuple(round(float(value), 6) for value in values)
