"""From an image as Pillow has it to uint8 pixels: one rule, in one order, for every mode.

First the levels: 16 bits give their upper eight, one bit gives 0 and 255, a palette its colours.
Then transparency: what is clear shows white, by an alpha channel, by the alpha of a palette, or by
a level that a PNG names as clear, which is compared at the depth that the file has. Last, grey or
RGB. All of it goes in strips, so that a large image is never held in several modes at once.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin

from striate.data.decoding.flaws import unsupported

Array: TypeAlias = NDArray[np.uint8]

_STRIP = 1 << 20  # pixels
_WHITE_IS_ZERO = 0
_LEVELS = {"1", "L", "LA", "La"}
_COLOURS = {"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "HSV"}
_ALPHA = {"LA", "La", "RGBA", "RGBa", "PA"}
_PNG_GREY = (0, 4)  # its types of colour that have none

_ORIENTATION = 0x0112
_WHERE_ORIENTATION_HIDES = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_MOST_EXIF = 1 << 17  # bytes: twice what fits into a JPEG


def flatten(image: Image.Image, data: bytes = b"") -> Array:
    """The pixels of a loaded `image`, not yet upright: uint8 (height, width, 1 or 3).

    Args:
        image: by Pillow, loaded.
        data: the file that it is from. Without it, what Pillow does not say of a PNG is not known:
            that grey was stored in more than 8 bits with alpha, and how deep a clear level is.

    Raises:
        Flaw: its numbers have no agreed range.
    """
    mode = image.mode
    sixteen = mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM"))
    if not (sixteen or mode in _LEVELS | _COLOURS):
        raise unsupported(f"its pixels (Pillow's mode '{mode}') have no agreed range")
    # A PNG of 16-bit grey with alpha comes as RGBA, for want of a mode of its own.
    depth, colour = data[24:26] if image.format == "PNG" and data else (8, None)
    grey = sixteen or mode in _LEVELS or colour in _PNG_GREY
    clear, lower = _clear_level(image, depth), _lower_levels(image, data, depth)
    pixels = np.empty(0, np.uint8)
    for rows, strip in strips(image):
        values: NDArray[Any]
        if sixteen:
            values = np.asarray(strip).astype(np.uint16)[:, :, None]
            levels = (values >> 8).astype(np.uint8)
            levels = 255 - levels if _white_is_zero(image) else levels
        else:
            shown = _on_white(strip) if _has_alpha(image) else strip
            wanted = "L" if grey else "RGB"
            values = levels = np.asarray(shown if shown.mode == wanted else shown.convert(wanted))
            values = levels = levels.reshape(*levels.shape[:2], -1)
        if lower is not None:
            values = levels.astype(np.uint16) << 8 | np.asarray(_rows_of(lower, rows))
        if clear is not None:
            hidden = (values == clear).all(axis=2, keepdims=True)
            levels = np.where(hidden, np.uint8(255), levels)
        if len(levels) == image.height:
            return levels
        if not pixels.size:
            pixels = np.empty((image.height, *levels.shape[1:]), np.uint8)
        pixels[rows] = levels
    return pixels


def strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """`image` in strips of whole rows, of about a million pixels, with the rows that each is."""
    height = max(1, _STRIP // image.width)
    for top in range(0, image.height, height):
        rows = slice(top, min(top + height, image.height))
        yield rows, _rows_of(image, rows)


def _rows_of(image: Image.Image, rows: slice) -> Image.Image:
    whole = rows.start == 0 and rows.stop == image.height
    return image if whole else image.crop((0, rows.start, image.width, rows.stop))


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in _ALPHA or (image.mode == "P" and image.has_transparency_data)


def _on_white(strip: Image.Image) -> Image.Image:
    """`strip`, which has alpha, laid on white, in RGBA."""
    if strip.mode == "La":  # Pillow converts it to LA only
        strip = strip.convert("LA")
    ground = Image.new("RGBA", strip.size, "white")
    ground.alpha_composite(strip.convert("RGBA"))
    return ground


def _clear_level(image: Image.Image, depth: int) -> NDArray[np.int64] | None:
    """The level, or the levels of red, green and blue, that are clear throughout; else None."""
    level = image.info.get("transparency")
    if level is None or image.mode in _ALPHA or image.mode == "P":
        return None
    levels = np.atleast_1d(np.asarray(level, np.int64))
    if image.mode == "L" and depth < 8:
        return np.asarray(levels * (255 // (2**depth - 1)))  # stretched, as the pixels are
    return levels


def _lower_levels(image: Image.Image, data: bytes, depth: int) -> Image.Image | None:
    """What Pillow drops of a PNG of 16-bit colour of which one is clear: its lower eight bits."""
    if image.mode != "RGB" or depth != 16 or "transparency" not in image.info:
        return None
    again = PngImagePlugin.PngImageFile(io.BytesIO(data))
    # Read as if the lower byte of each number stood first, of which it takes "the upper".
    again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
    again.load()
    return again


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts from white; Pillow turns it round itself but for 16 bits."""
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation that is still to be applied, 1 to 8; Pillow itself turns TIFF."""
    found = [image.info[key] for key in _WHERE_ORIENTATION_HIDES if image.info.get(key)]
    if image.format == "TIFF" or not found or max(map(len, found)) > _MOST_EXIF:
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # metadata that cannot be read do not spoil the picture
        return 1


def upright(pixels: Array, turn: int) -> Array:
    """`pixels` (H, W, C) turned as the EXIF orientation `turn` asks."""
    if turn in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def from_cmyk(inks: Array) -> Array:
    """RGB (H, W, 3) of CMYK (H, W, 4) by the plain formula, as Pillow has both."""
    pixels = np.empty((*inks.shape[:2], 3), np.uint8)
    height = max(1, _STRIP // inks.shape[1])
    for top in range(0, len(inks), height):
        strip = Image.fromarray(inks[top : top + height], "CMYK")
        pixels[top : top + height] = np.asarray(strip.convert("RGB"))
    return pixels


def in_channels(pixels: Array, channels: int | None) -> Array:
    """`pixels` with 1 or 3 channels; None leaves them. Grey is Pillow's (ITU-R 601)."""
    if channels is None or pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    grey = np.empty((*pixels.shape[:2], 1), np.uint8)
    height = max(1, _STRIP // pixels.shape[1])
    for top in range(0, len(pixels), height):
        strip = Image.fromarray(pixels[top : top + height])
        grey[top : top + height, :, 0] = np.asarray(strip.convert("L"))
    return grey
