"""What the network looks at: a photograph cut to its input, or a picture of our own."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.support.html import data_address

Pixels = NDArray[np.uint8]

#: Red, green and blue of the sky (top, horizon), the sun, and the hills from far to near.
_SKY = ((0.16, 0.35, 0.50), (0.98, 0.80, 0.58))
_SUN = (1.0, 0.93, 0.74)
_HILLS = ((0.55, 0.60, 0.60), (0.31, 0.47, 0.51), (0.16, 0.33, 0.38), (0.07, 0.19, 0.24))


def landscape(height: int, width: int) -> Pixels:
    """A picture of hills under a low sun, uint8 (height, width, 3): the same at every size.

    It has broad and fine structure in every part, and no two places look alike, so that the part
    that a cell sees is known again.
    """
    y, x = np.mgrid[0:height, 0:width]
    y, x = (y + 0.5) / height, (x + 0.5) / width
    sky = np.clip(y / 0.62, 0, 1)[..., None]
    image = np.array(_SKY[0]) * (1 - sky) + np.array(_SKY[1]) * sky
    away = np.hypot((x - 0.66) * width, (y - 0.36) * height) / min(height, width)
    glow = np.exp(-((away / 0.22) ** 2))[..., None] * 0.5
    image = image * (1 - glow) + np.array(_SUN) * glow
    image = np.where((away < 0.085)[..., None], np.array(_SUN), image)
    for number, colour in enumerate(_HILLS):
        base = 0.52 + 0.12 * number
        waves = sum(
            size * np.sin(2 * np.pi * (often * x + 0.37 * number * often + shift))
            for size, often, shift in ((0.055, 1.1, 0.1), (0.024, 2.7, 0.6), (0.009, 6.3, 0.3))
        )
        below = y - (base + waves / (1 + 0.25 * number))
        # Furrows that run down the hill, finer the farther away.
        furrow = 0.5 + 0.5 * np.sin(2 * np.pi * ((19 - 4 * number) * (x + (0.9 - y) * (x - 0.5))))
        shade = (0.90 + 0.22 * furrow * np.clip(below * 9, 0, 1))[..., None]
        image = np.where((below > 0)[..., None], np.array(colour) * shade, image)
    pixels: Pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return pixels


def cut(photo: Pixels, height: int, width: int) -> Pixels:
    """The largest centred part of `photo`, uint8 (H, W, C), with that shape, resized to it."""
    have_height, have_width = photo.shape[:2]
    scale = min(have_height / height, have_width / width)
    left, top = (have_width - width * scale) / 2, (have_height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    grey = photo.shape[2] == 1
    image = Image.fromarray(photo[:, :, 0] if grey else photo)
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))
    return resized[:, :, None] if grey else resized


def with_channels(picture: Pixels, channels: int) -> Pixels:
    """`picture`, uint8 (H, W, 1 or 3), with that many channels, 1 or 3."""
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    return np.asarray(Image.fromarray(picture).convert("L"))[:, :, None]


def as_address(picture: Pixels, **how: Any) -> str:
    """`picture`, uint8 (H, W, 1 or 3), as a ``data:`` address of a WebP file."""
    held = io.BytesIO()
    flat = picture[:, :, 0] if picture.shape[2] == 1 else picture
    Image.fromarray(flat).save(held, "WEBP", method=4, **how)
    return data_address("image/webp", held.getvalue())
