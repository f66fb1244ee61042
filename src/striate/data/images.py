"""The set of images that training and evaluation work on: one split, on disk or in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import taken
from striate.data.decoding.decode import decoding
from striate.data.pixels import Block, Gathered, Pixels
from striate.data.preprocessing import Preprocessing, with_channels
from striate.data.reduction import Reduction
from striate.data.targets import Target
from striate.errors import DataError
from striate.support.prefetch import prefetch

_AHEAD = 64  # images a thread
if TYPE_CHECKING:
    from striate.data.working_copies.made import Made

Array: TypeAlias = NDArray[np.uint8]

SMALL = 64
"""Sets whose images have no side longer than this many pixels are held in memory, decoded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """The images of one split, all of which have been decoded once and found sound.

    Args:
        classes: names of the classes.
        labels: int64 (n,), the index in `classes` of each image.
        names: how each image is called: its path relative to the origin, or ``train[17]``.
        digests: hash of each file's bytes (or of an array's shape and pixels), hexadecimal.
        sizes: int32 (n, 2), height and width in pixels of each upright image.
        grey: bool (n,), whether each image is without any colour, however it is stored.
        paths: file of each image; None for sets that never were files.
        pixels: decoded images of a small set: (H, W, C) each, or one uint8 array (n, H, W, C); C is
            1 where all are grey, else 3. None for sets read from files.
        made: what was made of large images, so that their files need not be decoded each time.
        targets: the numbers that each image is answered with; empty where images have classes.
            Where there are some, there are no classes, and all labels are 0.
        values: float64 (n, targets), those numbers, finite, in their own units; None for classes.

    Names, digests and paths of many images are columns (`striate.data.columns`), and their pixels
    are views of what is held once (`striate.data.pixels`).
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    names: Sequence[str]
    digests: Sequence[str]
    sizes: NDArray[np.int32]
    grey: NDArray[np.bool_]
    paths: Sequence[Path] | None = None
    pixels: Array | Sequence[Array] | None = None
    made: Made | None = None
    targets: tuple[Target, ...] = ()
    values: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def largest_side(self) -> int:
        """The longest side of any image, in pixels; 0 for an empty set."""
        return int(self.sizes.max(initial=0))

    @cached_property
    def is_grey(self) -> bool:
        """Whether no image has any colour."""
        return bool(self.grey.all())

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Images of each class, (classes,); of numbers, (0,)."""
        if not self.classes:
            return np.zeros(0, np.int64)
        return np.bincount(self.labels, minlength=len(self.classes)).astype(np.int64)

    def path(self, index: int) -> Path | None:
        """The file of an image, where it has one."""
        return None if self.paths is None else self.paths[index]

    def digest(self, index: int) -> str:
        """The content hash of an image: equal for equal files."""
        return self.digests[index]

    def read(self, index: int, channels: int | None = 3) -> Array:
        """The pixels of an image, upright: uint8 (H, W, channels).

        With None, as many channels as the image is stored in. Treat the array as read-only.

        Raises:
            DataError: the file has since gone or changed: its content is compared with `digests`,
                every time.
        """
        with self.reading(index, channels) as image:
            return image

    @contextmanager
    def reading(
        self, index: int, channels: int | None = 3, reduction: Reduction | None = None
    ) -> Iterator[Array]:
        """The pixels as `read` gives them, for the time of a block; see `decode.decoding`."""
        if self.pixels is not None:
            image = self.pixels[index]
            yield image if channels is None else with_channels(image, channels)
            return
        if self.paths is None:
            raise DataError(self.names[index], "has neither a file nor pixels")
        digest = self.digests[index]
        with decoding(self.paths[index], channels, digest=digest, reduction=reduction) as image:
            yield image

    @contextmanager
    def reading_for_crops(self, index: int, channels: int) -> Iterator[Array]:
        """The pixels that a training image is cut from, as `reading` gives them."""
        copies = None if self.made is None else self.made.copies
        if copies is None or self.pixels is not None:
            opened = self.reading(index, channels)
        else:
            opened = copies.reading(self, index, channels)
        with opened as image:
            yield image

    def read_fitted(
        self, index: int, preprocessing: Preprocessing, *, reduced: bool = False
    ) -> Array:
        """An image as evaluation sees it: uint8 (height, width, channels) of `preprocessing`.

        With `reduced`, a large JPEG may be reduced while it is decoded.

        Raises:
            DataError: see `read`.
        """
        fitted = None if self.made is None else self.made.fitted
        if fitted is not None and fitted.suits(preprocessing) and self.pixels is None:
            return fitted.read(self, index)
        reading = partial(self.reading, index, preprocessing.channels)
        return preprocessing.fitted(reading, reduced=reduced)

    def in_memory(self, channels: int, workers: int = 0) -> Pixels:
        """All images decoded, with that many channels.

        Meant for sets whose `largest_side` is at most SMALL pixels. Treat them as read-only.

        Raises:
            DataError: as `read`.
        """
        if isinstance(self.pixels, Pixels):
            return self.pixels.with_channels(channels)
        if self.pixels is not None:
            return Pixels(Block.of(self.pixels)).with_channels(channels)
        gathered = Gathered()
        read = partial(self.read, channels=channels)
        whole = prefetch(read, range(len(self)), workers=workers, ahead=_AHEAD * workers)
        with closing(whole):
            for image in whole:
                gathered.add(image)
        return Pixels(gathered.block())

    def relabelled(self, classes: tuple[str, ...], labels: NDArray[np.int64]) -> ImageSet:
        """The same images under other classes."""
        return replace(self, classes=classes, labels=labels)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> ImageSet:
        """The images at `indices`, in that order."""
        chosen = np.asarray(indices, np.int64)
        pixels = self.pixels
        if isinstance(pixels, np.ndarray):
            pixels = Pixels(Block.of(pixels))
        return replace(
            self,
            labels=self.labels[chosen],
            names=taken(self.names, chosen),
            digests=taken(self.digests, chosen),
            sizes=self.sizes[chosen],
            grey=self.grey[chosen],
            paths=None if self.paths is None else taken(self.paths, chosen),
            pixels=None if pixels is None else taken(pixels, chosen),
            values=None if self.values is None else self.values[chosen],
        )


def has_no_colour(image: Array) -> bool:
    """Whether an image (H, W, C) is grey in every pixel."""
    if image.shape[2] == 1:
        return True
    row = image[image.shape[0] // 2]  # most coloured images are given away by one row
    if (row[:, :1] != row[:, 1:]).any():
        return False
    return not (image[:, :, :1] != image[:, :, 1:]).any()
