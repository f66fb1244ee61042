"""The pixels of small images, held once: one block of bytes, and views of it.

A set that is drawn from another, relabelled or put in another order has a view of its own and
copies nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Column
from striate.data.preprocessing import with_channels

#: Bytes. The system has them back as soon as they are let go of: below 32 MiB, glibc keeps blocks
#: in its heap once one as large has been freed (`mallopt`'s ``M_MMAP_THRESHOLD``), and moving the
#: images would hold them twice.
_BLOCK = 64 << 20


@dataclass(frozen=True, eq=False)
class Block:
    """Images one after the other, as uint8 (H, W, channels) each.

    Attributes:
        flat: uint8 (bytes,).
        sizes: (n, 2), height and width.
        channels: 1 or 3, of every image.
    """

    flat: NDArray[np.uint8]
    sizes: NDArray[np.uint16]
    channels: int

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each image begins in `flat`, and where the last one ends: (n + 1,)."""
        lengths = _areas(self.sizes) * self.channels
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])

    @cached_property
    def stacked(self) -> NDArray[np.uint8] | None:
        """All of them as (n, H, W, channels), if they are of one size."""
        if not len(self.sizes) or (self.sizes != self.sizes[0]).any():
            return None
        height, width = self.sizes[0].tolist()
        return self.flat.reshape(len(self.sizes), height, width, self.channels)

    def image(self, row: int) -> NDArray[np.uint8]:
        """The image in that row, a view: (H, W, channels)."""
        if self.stacked is not None:
            whole: NDArray[np.uint8] = self.stacked[row]
            return whole
        height, width = self.sizes[row].tolist()
        own = self.flat[self.starts[row] : self.starts[row + 1]]
        return own.reshape(height, width, self.channels)

    @classmethod
    def of(cls, images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Block:
        """A block of `images`, each (H, W, C) with one C; no copy of an array (n, H, W, C)."""
        if isinstance(images, np.ndarray):
            count, height, width, channels = images.shape
            sizes = np.full((count, 2), (height, width), np.uint16)
            return cls(np.ascontiguousarray(images).reshape(-1), sizes, channels)
        gathered = Gathered()
        for image in images:
            gathered.add(image)
        return gathered.block()


class Pixels(Column[NDArray[np.uint8]]):
    """Small images, each uint8 (H, W, channels): some of a block, in some order.

    Args:
        block: what they lie in.
        rows: int32 (n,), which of its images they are.
        channels: 1 or 3; of a grey block, 3 repeats what is grey as it is asked for.
    """

    def __init__(
        self, block: Block, rows: NDArray[np.int32] | None = None, channels: int | None = None
    ) -> None:
        self.block = block
        self.rows = np.arange(len(block.sizes), dtype=np.int32) if rows is None else rows
        self.channels = channels or block.channels

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int) -> NDArray[np.uint8]:
        """The image at `index`; treat it as read-only."""
        return with_channels(self.block.image(int(self.rows[index])), self.channels)

    def take(self, indices: NDArray[np.int64]) -> Pixels:
        """The images at `indices`."""
        return Pixels(self.block, self.rows[indices], self.channels)

    @cached_property
    def size(self) -> tuple[int, int] | None:
        """Height and width of every image; None where they differ, or there are none."""
        sizes = self.block.sizes[self.rows]
        if not len(sizes) or (sizes != sizes[0]).any():
            return None
        height, width = sizes[0].tolist()
        return height, width

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Copies of the images at `indices`, which are of one `size`: (n, H, W, channels)."""
        if self.block.stacked is None:
            return np.stack([self.item(index) for index in indices.tolist()])
        pixels = self.block.stacked[self.rows[indices]]
        return np.repeat(pixels, 3, axis=3) if self.channels > pixels.shape[3] else pixels

    def with_channels(self, channels: int) -> Pixels:
        """The same images with that many channels; turned grey, they are copied."""
        if channels >= self.block.channels:
            return Pixels(self.block, self.rows, channels)
        return Pixels(Block.of([with_channels(image, channels) for image in self]))


class Gathered:
    """Images that come one by one, to be held in one block; those without colour take a third."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Let go of all of them."""
        self._parts: list[NDArray[np.uint8]] = []
        self._used: list[int] = []  # bytes of each part
        self._sizes = array("H")
        self._grey = bytearray()

    def __len__(self) -> int:
        return len(self._grey)

    def add(self, image: NDArray[np.uint8], grey: bool = False) -> None:
        """Copy an image (H, W, 1 or 3); `grey` where it has no colour."""
        kept = image[:, :, :1] if grey else image
        self._grey.append(kept.shape[2] == 1)
        self._sizes.extend(image.shape[:2])
        if not self._parts or self._used[-1] + kept.size > len(self._parts[-1]):
            self._parts.append(np.empty(max(_BLOCK, kept.size), np.uint8))
            self._used.append(0)
        start = self._used[-1]
        self._used[-1] += kept.size
        self._parts[-1][start : self._used[-1]] = kept.reshape(-1)

    def block(self) -> Block:
        """All of them, moved: nothing is held twice, and nothing left here."""
        sizes = np.array(self._sizes, np.uint16).reshape(-1, 2)
        grey = np.array(self._grey, np.bool_)
        channels = 1 if grey.all() else 3
        block = Block(np.empty(_areas(sizes).sum() * channels, np.uint8), sizes, channels)
        if channels == 1 or not grey.any():
            self._move_parts(block.flat)
        else:
            self._move_images(block, grey)
        self.clear()
        return block

    def _move_parts(self, flat: NDArray[np.uint8]) -> None:
        start = 0
        self._parts.reverse()
        for used in self._used:
            flat[start : start + used] = self._parts.pop()[:used]
            start += used

    def _move_images(self, block: Block, grey: NDArray[np.bool_]) -> None:
        self._parts.reverse()
        starts = block.starts.tolist()
        part, start = self._parts.pop(), 0
        used = iter(self._used)
        end = next(used)
        for row, (area, is_grey) in enumerate(
            zip(_areas(block.sizes).tolist(), grey.tolist(), strict=True)
        ):
            if start == end:
                part, start, end = self._parts.pop(), 0, next(used)
            length = area if is_grey else 3 * area
            own = part[start : start + length].reshape(area, -1)
            block.flat[starts[row] : starts[row + 1]].reshape(area, 3)[:] = own
            start += length


def _areas(sizes: NDArray[np.uint16]) -> NDArray[np.int64]:
    areas: NDArray[np.int64] = sizes.astype(np.int64).prod(axis=1)
    return areas
