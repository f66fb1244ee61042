"""Crops and horizontal flips of uint8 pictures, in NumPy and Pillow alone.

They run on the loader's threads: Pillow and the larger copies of NumPy let go of the interpreter's
lock, whereas an operation of PyTorch would start a pool of processor threads for every caller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import RESAMPLING, Interpolation

_TRIES = 10
RESIZED_DRAWS = 2 * _TRIES + 2  # uniform numbers that `resized_crop` takes
CORNER_DRAWS = 3  # … and `corner_crop`


def resized_crop(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    draws: Sequence[float],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    *,
    interpolation: Interpolation = "bilinear",
) -> Image.Image:
    """A random part of `image` uint8 (H, W, C), resized to `size` (height, width).

    The part has a share of the area drawn from `scale` and an aspect (width over height,
    log-uniform) from `ratio`: Szegedy et al. 2015, Going deeper with convolutions, Sec. 6. As
    torchvision's RandomResizedCrop, it makes ten tries at one that fits, then takes the largest
    centred one of an allowed aspect. `draws` are `RESIZED_DRAWS` uniform numbers.
    """
    top, left, height, width = _random_box(image.shape[0], image.shape[1], draws, scale, ratio)
    part = image[top : top + height, left : left + width]
    return _resize(np.ascontiguousarray(part), size, interpolation)


def corner_crop(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    draws: Sequence[float],
    sizes: tuple[int, int],
    *,
    interpolation: Interpolation = "bilinear",
) -> Image.Image:
    """A random crop of `size` (height, width) after the short side was resized.

    The short side's new length is drawn from `sizes`. Resize-256-crop-224 of Krizhevsky et al.
    2012, Sec. 4.1, is ``sizes=(256, 256)``; the scale jitter of Simonyan and Zisserman 2015, Sec.
    3.1, is ``(256, 512)`` and that of He et al. 2016, Sec. 3.4, ``(256, 480)``. Only the crop is
    computed: up to rounding, what resizing all of the image and cropping then gives. `draws` are
    `CORNER_DRAWS` uniform numbers.
    """
    height, width = image.shape[:2]
    short = sizes[0] + int(draws[0] * (sizes[1] - sizes[0] + 1))
    tall, wide = (short * side // min(height, width) for side in (height, width))
    top = int(draws[1] * (tall - size[0] + 1))
    left = int(draws[2] * (wide - size[1] + 1))
    bottom, right = (top + size[0]) * height / tall, (left + size[1]) * width / wide
    region = (left * width / wide, top * height / tall, min(right, width), min(bottom, height))
    return _resize(image, size, interpolation, region)


def _random_box(
    height: int,
    width: int,
    draws: Sequence[float],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[int, int, int, int]:
    """Top, left, height and width in pixels of a part of an image of `height` x `width`."""
    low, high = math.log(ratio[0]), math.log(ratio[1])
    down, right = draws[-2:]
    for share, shape in zip(draws[:_TRIES], draws[_TRIES:-2], strict=True):
        area = height * width * (scale[0] + share * (scale[1] - scale[0]))
        aspect = math.exp(low + shape * (high - low))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(down * (height - h + 1)), int(right * (width - w + 1)), h, w
    w = min(width, max(1, round(height * ratio[1])))
    h = min(height, max(1, round(width / ratio[0])))
    return (height - h) // 2, (width - w) // 2, h, w


def _resize(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    interpolation: Interpolation,
    region: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """`region` (left, top, right, bottom) of `image`, antialiased, at `size`."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return picture.resize(size[::-1], RESAMPLING[interpolation], region)


def padded_crops(
    images: NDArray[np.uint8], draws: NDArray[np.float64], padding: int, fill: int | None
) -> NDArray[np.uint8]:
    """`images` (N, H, W, C) with `padding` pixels all round, cut back to (H, W) anywhere.

    Four pixels of padding on CIFAR: He et al. 2016, Sec. 4.2, after Lee et al. 2015,
    Deeply-supervised nets. The padding has the level `fill`, or, if that is None, is the image
    reflected at its border. `draws` are uniform numbers (N, 2).
    """
    n, height, width, channels = images.shape
    margins = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    if fill is None:
        ground = np.ascontiguousarray(np.pad(images, margins, mode="reflect"))
    else:
        ground = np.pad(images, margins, constant_values=fill)
    top, left = (draws * (2 * padding + 1)).astype(np.int64).T
    # A row of a crop lies in one piece in memory. Seeing the memory as rows that begin at every
    # byte makes the crops one gather, which copies whole rows.
    row = np.dtype((np.void, width * channels))
    rows = np.ndarray((ground.size - row.itemsize + 1,), row, ground, strides=(1,))
    lines = (np.arange(n) * ground.shape[1] + top)[:, None] + np.arange(height)
    starts = lines * ground.strides[1] + left[:, None] * channels
    return np.asarray(rows[starts].view(np.uint8).reshape(images.shape))


def flip(images: NDArray[np.uint8], which: NDArray[np.bool_]) -> None:
    """Turn left and right round, in place, in those of contiguous `images` (N, H, W, C)."""
    pixels = images.view(np.dtype((np.void, images.shape[3])))[..., 0]
    pixels[which] = pixels[which][:, :, ::-1]


def flipped(picture: Image.Image) -> Image.Image:
    """`picture` with left and right exchanged."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
