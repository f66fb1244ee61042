"""Batches filled across images, whatever number of views each has, and the means of the answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.engines.session import NOTHING, Answers, Pixels

Key = TypeVar("Key")

WINDOW = 64
"""Images that may wait for batches of their views to be filled."""


class Part(NamedTuple):
    """One view of an image on its way to a network.

    Attributes:
        pixels: uint8 (height, width, channels).
        weight: of its answer in the image's mean; those of an image add up to 1.
        network: which of several computes it.
    """

    pixels: Pixels
    weight: float
    network: int = 0


class Batch(NamedTuple):
    """Views of one size for one network, of one image or several.

    Attributes:
        network: which of several computes it.
        pixels: uint8 (n, height, width, channels).
    """

    network: int
    pixels: Pixels


@dataclass(eq=False)
class _Image(Generic[Key]):
    """An image whose answers are not all there."""

    key: Key
    number: int
    missing: int
    total: NDArray[np.float64] | float = 0.0


def averaged(
    images: Iterable[tuple[Key, list[Part]]],
    compute: Callable[[Iterator[Batch]], Generator[Answers]],
    *,
    batch_size: int,
) -> Generator[tuple[Key, Answers | None]]:
    """The mean of the answers to each image's views, in the order of the images.

    The same bits whoever reads the images, and however far ahead the engine computes.

    Args:
        images: their parts, as they come; an image without any gives None.
        compute: gives answers, (n, K), one array a batch, in the order of the batches.
        batch_size: the most views in a batch. All have so many but the last of each size, and those
            that would keep more than `WINDOW` images waiting.

    Yields:
        The image's key, and float32 (K,).
    """
    filling = _Filling(images, batch_size)
    batches = filling.batches()
    with closing(batches), closing(compute(batches)) as answers:
        for rows in answers:
            yield from filling.take(rows)
    yield from filling.take(NOTHING, ended=True)


class _Filling(Generic[Key]):
    """Which rows of which batch are whose."""

    def __init__(self, images: Iterable[tuple[Key, list[Part]]], batch_size: int) -> None:
        self._images, self._batch_size = images, batch_size
        self._waiting: deque[_Image[Key]] = deque()
        self._owners: deque[list[tuple[_Image[Key], float]]] = deque()
        self._buckets: dict[tuple[int, tuple[int, ...]], list[tuple[_Image[Key], Part]]] = {}

    def batches(self) -> Generator[Batch]:
        """Batches as they are filled; an empty one where only images without views are waiting."""
        for number, (key, parts) in enumerate(self._images):
            image = _Image(key, number, len(parts))
            self._waiting.append(image)
            for part in parts:
                place = part.network, part.pixels.shape
                bucket = self._buckets.setdefault(place, [])
                bucket.append((image, part))
                if len(bucket) == self._batch_size:
                    yield self._emptied(place)
            for place, ((oldest, _), *_) in list(self._buckets.items()):
                if number - oldest.number >= max(WINDOW, self._batch_size):
                    yield self._emptied(place)
            if not parts and not self._buckets:
                self._owners.append([])
                yield Batch(0, np.empty((0, 1, 1, 1), np.uint8))
        for place in list(self._buckets):
            yield self._emptied(place)

    def _emptied(self, place: tuple[int, tuple[int, ...]]) -> Batch:
        bucket = self._buckets.pop(place)
        self._owners.append([(image, part.weight) for image, part in bucket])
        return Batch(place[0], np.stack([part.pixels for _, part in bucket]))

    def take(self, rows: Answers, *, ended: bool = False) -> Iterator[tuple[Key, Answers | None]]:
        """Add the answers to the oldest batch, and give the images that are whole now."""
        owners = [] if ended else self._owners.popleft()
        first = 0
        while first < len(owners):  # of neighbours of one image at once: a view may be computed in
            image, weight = owners[first]  # less time than it takes to add a row
            end = first + 1
            while end < len(owners) and owners[end][0] is image and owners[end][1] == weight:
                end += 1
            image.total = image.total + weight * rows[first:end].sum(0, dtype=np.float64)
            image.missing -= end - first
            first = end
        while self._waiting and not self._waiting[0].missing:
            done = self._waiting.popleft()
            total = done.total
            yield done.key, None if isinstance(total, float) else total.astype(np.float32)
