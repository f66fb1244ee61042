"""What is kept of every image so that near duplicates can be told: 8 x 8 grey levels and a colour.

A sketch takes 144 bytes. It shows which pairs of images may be near duplicates; the few pairs that
may are compared by larger squares (`square_of`), for which their images are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.preprocessing import resize, with_channels

SQUARE = 32
"""Side in pixels of the grey squares by which near duplicates are known."""

BLOCKS = 8
"""Side of a sketch: each of its numbers is the sum of 4 x 4 grey levels of the square."""


class Sketch(NamedTuple):
    """A sketch of one image."""

    blocks: NDArray[np.uint16]
    """(64,)"""
    contrast: float
    """Standard deviation of the square, in levels."""
    colour: tuple[float, float, float]
    """Mean of each channel, 0 to 255."""


@dataclass(frozen=True, eq=False)
class Sketches:
    """The sketches of n images, in columns.

    Attributes:
        blocks: uint16 (n, 64).
        contrast: float32 (n,).
        colour: float32 (n, 3).
    """

    blocks: NDArray[np.uint16]
    contrast: NDArray[np.float32]
    colour: NDArray[np.float32]

    @classmethod
    def empty(cls, count: int) -> Sketches:
        """Room for so many; the contrast of one that is not known is not a number."""
        return cls(
            np.zeros((count, BLOCKS * BLOCKS), np.uint16),
            np.full(count, np.nan, np.float32),
            np.zeros((count, 3), np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence[Sketches]) -> Sketches:
        """Those of all `parts`, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.blocks for part in parts]),
            np.concatenate([part.contrast for part in parts]),
            np.concatenate([part.colour for part in parts]),
        )

    def put(self, index: int, sketch: Sketch) -> None:
        """Write one down."""
        self.blocks[index], self.contrast[index], self.colour[index] = sketch

    def take(self, indices: NDArray[np.int64]) -> Sketches:
        """Those at `indices`; if these are all in their order, nothing is copied."""
        if np.array_equal(indices, np.arange(len(self.contrast))):
            return self
        return Sketches(self.blocks[indices], self.contrast[indices], self.colour[indices])


def sketch_of(pixels: NDArray[np.uint8]) -> Sketch:
    """The sketch of an image, uint8 (H, W, C)."""
    small = resize(pixels, SQUARE, SQUARE)
    mean = small.reshape(-1, small.shape[2]).mean(axis=0)
    red, green, blue = (float(mean[c % len(mean)]) for c in range(3))
    square = with_channels(small, 1)[:, :, 0]
    step = SQUARE // BLOCKS
    blocks = square.reshape(BLOCKS, step, BLOCKS, step).sum(axis=(1, 3), dtype=np.uint16)
    contrast = float(square.reshape(-1).std(dtype=np.float32))
    return Sketch(blocks.reshape(-1), contrast, (red, green, blue))


def square_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, uint8 (H, W, C), squeezed into a grey square: (32, 32)."""
    return with_channels(resize(pixels, SQUARE, SQUARE), 1)[:, :, 0]
