"""From a set of images to batches, prepared on threads while the network trains.

A batch is a pure function of (seed, epoch, step) and of the size that the epoch is trained at:
worker threads change when it is ready, never what it holds, and a run that goes on in the middle of
an epoch sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.augmentation import crops
from striate.data.augmentation.colour import ColourStatistics, draw_colours
from striate.data.augmentation.mixing import draw_erasing, draw_mixing
from striate.data.augmentation.settings import NOTHING, Augmentation
from striate.data.batch import Batch
from striate.data.images import SMALL, ImageSet
from striate.data.pixels import Block, Pixels
from striate.data.preprocessing import Preprocessing, resize
from striate.data.random import CROP, FLIP, Key, permutation, uniforms
from striate.errors import DataError, RecipeError, StriateError
from striate.support import paths
from striate.support.prefetch import prefetch

_AHEAD = 3  # batches prepared or being prepared before they are asked for
MOST_FITTED = 256 << 20
"""Bytes that the images of a small set may take at the size of the network's input."""

_CHUNK = 8  # images a task, where each has to be decoded

#: What the second pass over the images within an epoch adds to its number: it draws what no other
#: epoch draws. Odd, since horizontal flips take turns.
_PASS = (1 << 40) + 1

Size = tuple[int, int]
"""(height, width) in pixels."""


class Loader:
    """Batches of `images` as a network takes them.

    Images of sets with no side above 64 pixels are held in memory, at the size of the network's
    input where that takes little; others are decoded anew in each epoch, or their working copies.
    Over several processes each batch is shared out in contiguous parts of near-equal size.

    Args:
        images: the set to go through once an epoch.
        preprocessing: the way from an image to the network without chance in it.
        augmentation: the chance in it; None for evaluation.
        batch_size: images a step, over all processes together.
        seed: of the order and of the augmentation.
        workers: threads that prepare batches ahead; with 0, the caller prepares each as it asks for
            it.
        shuffle: a new order each epoch, a function of (seed, epoch); else the set's own order.
        drop_last: leave out what is left at the end of an epoch, unless it would be the only batch.
        rank: number of this process, from 0.
        world: how many processes there are. Shuffled, all have the same number of batches (a last
            one too small to share out is left out). Not shuffled, every image comes exactly once
            over all processes, and some may have a batch less.
        statistics: the data's principal colours, for ``augmentation.pca``.
        answers: what the outputs for each image are compared with, (images, …); the labels of the
            set if None.

    Raises:
        RecipeError: settings contradict each other or the pre-processing.
        DataError: there are fewer images than processes.
    """

    def __init__(
        self,
        images: ImageSet,
        preprocessing: Preprocessing,
        augmentation: Augmentation | None,
        *,
        batch_size: int,
        seed: int = 0,
        workers: int = 0,
        shuffle: bool,
        drop_last: bool = False,
        rank: int = 0,
        world: int = 1,
        statistics: ColourStatistics | None = None,
        answers: NDArray[np.float32] | None = None,
    ) -> None:
        self.answers = images.labels if answers is None else answers
        self.images, self.preprocessing = images, preprocessing
        self.augmentation = augmentation or NOTHING
        self.batch_size, self.seed, self.workers = batch_size, seed, workers
        self.shuffle, self.drop_last, self.rank, self.world = shuffle, drop_last, rank, world
        self.statistics = statistics
        self._crop = self.augmentation.crop_for(preprocessing.height, preprocessing.width)
        self._check()
        self._spans = self._share_out()
        # Crops that start from the image as evaluation sees it, and so may be cut from arrays.
        self._fits = self._crop in ("none", "padded") or preprocessing.fit == "pad"
        self._held: Pixels | None = None
        self._fits_late = False  # what is held has its own size, and is fitted batch by batch

    def _check(self) -> None:
        size = max(self.preprocessing.height, self.preprocessing.width)
        if self.batch_size < 1 or self.workers < 0:
            raise RecipeError(
                f"batch_size = {self.batch_size}, workers = {self.workers}",
                "batch_size must be at least 1 and workers at least 0",
            )
        if not 0 <= self.rank < self.world:
            raise ValueError(f"rank (={self.rank}) must lie in 0 … world - 1 (={self.world - 1})")
        if self._crop == "corner" and self.augmentation.sizes[0] < size:
            raise RecipeError(
                f"[augmentation] sizes = {self.augmentation.sizes!r}",
                f"a crop of {size} pixels cannot be cut from a shorter side",
                f"begin the range at {size} or more",
            )
        if self.augmentation.pca and self.statistics is None:
            raise RecipeError("[augmentation] pca", "the data's principal colours are not known")
        if self.shuffle and min(len(self.images), self.batch_size) < self.world:
            raise DataError(
                f"a batch of {min(len(self.images), self.batch_size)} images",
                f"cannot be shared out among {self.world} processes",
                "start fewer processes or take a larger batch",
            )

    def _share_out(self) -> NDArray[np.int64]:
        """This process's part of each batch, as positions in the order of the epoch: (steps, 2)."""
        first = np.arange(0, len(self.images), self.batch_size)
        sizes = np.minimum(self.batch_size, len(self.images) - first)
        least = 1
        if self.shuffle:
            least = self.world
        if self.drop_last:
            least = min(self.batch_size, len(self.images))
        ends = [first + sizes * rank // self.world for rank in (self.rank, self.rank + 1)]
        spans = np.stack(ends, axis=1)
        return spans[(sizes >= least) & (spans[:, 0] < spans[:, 1])]

    @property
    def steps(self) -> int:
        """Batches that this process gets in an epoch."""
        return len(self._spans)

    def batches(
        self, epoch: int, start: int = 0, stop: int | None = None, *, size: Size | None = None
    ) -> Generator[Batch, None, None]:
        """The batches of `epoch` from step `start` on; none before it is computed.

        Closing the iterator, or leaving the loop that holds it, ends its threads.

        Args:
            epoch: its number, from 0.
            start: how many steps are left out at its beginning.
            stop: the step before which it ends; that after one pass over the images by default.
                With more, further passes follow, each in an order of its own.
            size: height and width of the batches; those of the pre-processing by default. Crops,
                padding and what evaluation would see scale with it.

        Raises:
            DataError: an image can no longer be read, in the step that needs it.
        """
        self._hold()
        size = size or self.preprocessing.input_size[1:]
        # As one task a batch if the images lie ready, else as one every few images.
        ready = self._held is not None and not self._fits_late
        chunk = self.batch_size if ready or not self.workers else _CHUNK
        most = int((self._spans[:, 1] - self._spans[:, 0]).max(initial=1))

        def fill(part: _Part) -> _Part:
            key, first = part.key, part.first
            if chunk >= len(key.indices):
                return part._replace(pixels=self._pixels(key, size))
            within = key._replace(indices=key.indices[first : first + chunk])
            part.pixels[first : first + chunk] = self._pixels(within, size)
            return part

        keys = self._keys(epoch, start, self.steps if stop is None else stop)
        filled = prefetch(
            fill,
            (part for key in keys for part in self._parts(key, chunk, size)),
            workers=self.workers,
            ahead=_AHEAD * -(-most // chunk),
            name="striate-loader",
        )
        with closing(filled):
            for part in filled:
                if part.first + chunk >= len(part.key.indices):
                    yield self._batch(part.key, part.pixels)

    def _keys(self, epoch: int, start: int, stop: int) -> Iterator[Key]:
        """What the batches from step `start` to before `stop` are made of."""
        n, number = len(self.images), -1
        for step in range(start, stop):
            if step // self.steps != number:
                number = step // self.steps
                drawn = epoch + number * _PASS
                order = permutation(self.seed, drawn, n) if self.shuffle else np.arange(n)
            first, last = self._spans[step % self.steps]
            yield Key(self.seed, drawn, order[first:last])

    def _parts(self, key: Key, chunk: int, size: Size) -> Iterator[_Part]:
        """A batch that is still to be filled, `chunk` images a part."""
        count = len(key.indices)
        pixels = np.empty((count, *size, self.preprocessing.channels), np.uint8)
        return (_Part(key, pixels, first) for first in range(0, count, chunk))

    def _batch(self, key: Key, pixels: NDArray[np.uint8]) -> Batch:
        """`pixels` with the labels and with the draws for all that happens on the device."""
        import torch

        indices, (_, *size, channels) = key.indices, pixels.shape
        return Batch(
            images=torch.from_numpy(pixels),
            labels=torch.from_numpy(self.answers[indices]),
            indices=torch.from_numpy(indices),
            preprocessing=self.preprocessing,
            colours=draw_colours(self.augmentation, self.statistics, channels, key),
            erased=draw_erasing(self.augmentation.erasing, size, key),
            mixing=draw_mixing(self.augmentation, size, key),
        )

    def _pixels(self, key: Key, size: Size) -> NDArray[np.uint8]:
        """The images of `key`, cut and flipped: uint8 (n, height, width, channels).

        Runs on the workers: NumPy and Pillow only.
        """
        scaled = self.augmentation.scaled(size, self.preprocessing.input_size[1:])
        if self._crop in ("resized", "corner"):
            return self._cut(key, size, scaled)
        pixels = self._fitted(key.indices)
        if pixels.shape[1:3] != size:
            pixels = _resized(pixels, size, self.preprocessing)
        if self._crop == "padded":
            draws = uniforms(*key, 2, CROP)
            fill = None if scaled.border == "reflect" else self.preprocessing.fill
            pixels = crops.padded_crops(pixels, draws, scaled.padding, fill)
        if scaled.horizontal_flip:
            crops.flip(pixels, self._flipped(key))
        return pixels

    def _cut(self, key: Key, size: Size, settings: Augmentation) -> NDArray[np.uint8]:
        """Crops that begin at the image as it is, or padded where the pre-processing pads."""
        shape, resized = (*size, self.preprocessing.channels), self._crop == "resized"
        how = self.preprocessing.interpolation
        count = crops.RESIZED_DRAWS if resized else crops.CORNER_DRAWS
        draws = uniforms(*key, count, CROP).tolist()
        flipped = self._flipped(key)
        pixels = np.empty((len(key.indices), *shape), np.uint8)
        for position, index in enumerate(key.indices.tolist()):
            with self._image(index) as image:
                given = (image, size, draws[position])
                if resized:
                    crop = crops.resized_crop(
                        *given, settings.scale, settings.ratio, interpolation=how
                    )
                else:
                    crop = crops.corner_crop(*given, settings.sizes, interpolation=how)
            crop = crops.flipped(crop) if flipped[position] else crop
            pixels[position] = np.asarray(crop).reshape(shape)
        return pixels

    def _flipped(self, key: Key) -> NDArray[np.bool_]:
        # Every image turns round in every second epoch, and chance decides which of the two: seeing
        # it both ways in turn teaches more than coins that repeat (Jordan 2024, arXiv 2404.00498,
        # Sec. 3.6).
        first = uniforms(self.seed, 0, key.indices, 1, FLIP)[:, 0] < 0.5
        return (first ^ bool(key.epoch % 2)) & self.augmentation.horizontal_flip

    def _fitted(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """New copies of the images as evaluation sees them: uint8 (n, height, width, channels)."""
        if self._held is not None and self._held.size is not None and not self._fits_late:
            return self._held.gather(indices)
        channels, *size = self.preprocessing.input_size
        pixels = np.empty((len(indices), *size, channels), np.uint8)
        for position, index in enumerate(indices.tolist()):
            with self._image(index) as image:
                pixels[position] = image
        return pixels

    @contextmanager
    def _image(self, index: int) -> Iterator[NDArray[np.uint8]]:
        """The image that crops begin at, from memory or from its file. Do not write to it."""
        if self._held is not None:
            held = self._held[index]
            yield self.preprocessing.fit_image(held) if self._fits_late else held
            return
        try:
            if self._fits:
                yield self.images.read_fitted(index, self.preprocessing)
                return
            with self.images.reading_for_crops(index, self.preprocessing.channels) as image:
                yield image
        except StriateError:
            raise
        except Exception as error:
            path = self.images.path(index)
            name = paths.shown(path) if path else self.images.names[index]
            raise DataError(name, str(error) or type(error).__name__) from error

    def _hold(self) -> None:
        """Decode a set of small images, once; fit them too where that takes little memory."""
        if self._held is not None or self.images.largest_side > SMALL:
            return
        images = self.images.in_memory(self.preprocessing.channels, self.workers)
        if self._fits and not _are_fitted(images, self.preprocessing):
            self._fits_late = len(images) * prod(self.preprocessing.input_size) > MOST_FITTED
            images = images if self._fits_late else _fit_all(images, self.preprocessing)
        self._held = images


class _Part(NamedTuple):
    """The images of a batch from position `first` on, as many as are one task."""

    key: Key
    """Of the whole batch."""
    pixels: NDArray[np.uint8]
    """Of the whole batch."""
    first: int


def _resized(
    images: NDArray[np.uint8], size: Size, preprocessing: Preprocessing
) -> NDArray[np.uint8]:
    """`images` as evaluation sees them, (n, H, W, C), each brought to `size`."""
    how = preprocessing.interpolation
    return np.stack([resize(image, *size, interpolation=how) for image in images])


def _are_fitted(images: Pixels, preprocessing: Preprocessing) -> bool:
    """Whether `fit_image` would change none of the images."""
    size = (preprocessing.height, preprocessing.width)
    return images.size == size == preprocessing.resized(*size)


def _fit_all(images: Pixels, preprocessing: Preprocessing) -> Pixels:
    """`fit_image` of every image: uint8 (height, width, channels) each."""
    size = (preprocessing.height, preprocessing.width)
    fitted = np.empty((len(images), *size, preprocessing.channels), np.uint8)
    for position, image in enumerate(images):
        fitted[position] = preprocessing.fit_image(image)
    return Pixels(Block.of(fitted))
