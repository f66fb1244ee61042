"""Mean, std and principal colours of a set of images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.images import Array, ImageSet
from striate.data.scan import over_threads

_ENOUGH_SIDE = 256
_LEAST_STD = 1 / 255


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
    """
    chosen = np.linspace(0, len(images) - 1, min(limit, len(images))).astype(np.int64)
    moments = partial(_moments_of, images, channels)
    total = np.zeros((channels + 1, channels + 1))
    for found in over_threads(moments, chosen.tolist(), workers):
        total += found
    total /= max(1, len(chosen))
    mean = total[0, 1:]
    covariance = total[1:, 1:] - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(covariance)
    vectors = vectors.T[::-1]
    greatest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return Statistics(
        mean=_rounded(mean),
        std=_rounded(np.maximum(np.sqrt(np.maximum(covariance.diagonal(), 0)), _LEAST_STD)),
        eigenvalues=_rounded(np.maximum(values[::-1], 0)),
        eigenvectors=tuple(_rounded(vector) for vector in vectors * np.sign(greatest)),
        images=len(chosen),
        of=len(images),
    )


def _moments_of(images: ImageSet, channels: int, index: int) -> NDArray[np.float64]:
    """The mean over one image of (1, R, G, B)ᵀ(1, R, G, B): (channels + 1, channels + 1).

    In whole numbers, hence exact: a matrix product would start threads inside these threads, and
    round differently on every machine.
    """
    with images.reading(index, channels) as whole:
        image = _shrunk(whole)
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
