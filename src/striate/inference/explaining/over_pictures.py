"""Where a heat map lies over the picture that it is of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    from striate.engines.heat_maps import Laid


def seen(
    preprocessing: Preprocessing, height: int, width: int
) -> tuple[float, float, float, float]:
    """What the network sees of a picture: left, top, right and bottom, in the picture's pixels.

    Where the picture is padded, they lie outside it.

    Examples:
        >>> fit = Preprocessing(resize=256, height=224, width=224, mean=(0, 0, 0), std=(1, 1, 1))
        >>> seen(fit, 512, 1024)
        (288.0, 32.0, 736.0, 480.0)
    """
    fitted = preprocessing.resized(height, width)
    sides = []
    for whole, scaled, crop in (
        (width, fitted[1], preprocessing.width),
        (height, fitted[0], preprocessing.height),
    ):
        first = (scaled - crop) // 2 if scaled >= crop else -((crop - scaled) // 2)
        sides.append((first * whole / scaled, (first + crop) * whole / scaled))
    (left, right), (top, bottom) = sides
    return left, top, right, bottom


@dataclass(frozen=True)
class Part:
    """A map, and the part of it, in positions from its top left corner, that an image covers."""

    values: NDArray[np.float32]
    box: tuple[float, float, float, float]


def cut(values: NDArray[np.float32], seen: tuple[int, int], laid: Laid | None) -> Part:
    """What of a map lies over an image of (height, width) pixels; beyond it its border goes on."""
    (height, width), edges, around = values.shape, [], []
    for count, pixels, axis in zip((height, width), seen, laid or (None, None), strict=True):
        first, step = axis or (pixels / count / 2 - 0.5, pixels / count)
        low = (-0.5 - first) / step + 0.5
        high = (pixels - 0.5 - first) / step + 0.5
        more = math.ceil(max(-low, high - count, 0))
        around.append((more, more))
        edges.append((low + more, high + more))
    (top, bottom), (left, right) = edges
    return Part(np.pad(values, around, mode="edge"), (left, top, right, bottom))


def spread(
    part: Part, size: tuple[int, int], box: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A map spread over a `box` of a picture of `size`: its values (H, W), and what is inside."""
    left, top, right, bottom = box
    shape = max(right - left, 1), max(bottom - top, 1)
    whole = Image.fromarray(part.values)
    field = np.asarray(whole.resize(shape, Image.Resampling.BICUBIC, part.box))
    values, inside = np.zeros(size[::-1], np.float32), np.zeros(size[::-1], np.bool_)
    rows = slice(max(top, 0), min(bottom, size[1]))
    columns = slice(max(left, 0), min(right, size[0]))
    shown = field[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    values[rows, columns] = shown
    inside[rows, columns] = True
    return values, inside
