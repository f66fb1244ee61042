"""Images that are in memory already, decoded by the rules for files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding import memory, pixels
from striate.data.decoding.flaws import Flaw, broken
from striate.data.decoding.readers import EACH
from striate.errors import DataError
from striate.support.settings import without_pillow_limit


def pixels_of(picture: Any, channels: int, name: str) -> NDArray[np.uint8]:
    """The pixels of an image of Pillow's or of an array: uint8 (height, width, channels).

    They are what the image's file would give. An image that Pillow made of others is taken to stand
    upright, whatever it has kept of their metadata.

    Args:
        picture: an image of Pillow's, or uint8 (H, W) or (H, W, 1, 3 or 4): grey, RGB, RGBA.
        channels: 1 or 3.
        name: how errors call it.

    Raises:
        DataError: it is neither, cannot be decoded, or takes more memory than images may.
    """
    image = picture if isinstance(picture, Image.Image) else _image_of(picture, name)
    try:
        with memory.room_for(memory.cost_of(image.size, EACH)), without_pillow_limit(*image.size):
            image.load()
            # Of a PNG's header, what tells grey from colour; its depth is that of the mode by now.
            colour = 0 if image.mode in ("1", "L", "LA", "I", "I;16") else 2
            found = pixels.flatten(image, bytes(24) + bytes([8, colour]))
            turn = pixels.orientation(image) if image.format is not None else 1
            return pixels.in_channels(pixels.upright(found, turn), channels)
    except DataError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        flaw = error if isinstance(error, Flaw) else broken(error)
        raise DataError(name, flaw.why, flaw.remedy) from error


def _image_of(array: Any, name: str) -> Image.Image:
    """An array as the image that a file with these pixels would be."""
    if not isinstance(array, np.ndarray):
        why = f"is of type {type(array).__name__}, not an image"
        raise DataError(name, why, "give a path, a Pillow image or a NumPy array")
    if array.dtype != np.uint8:
        raise DataError(name, f"holds {array.dtype} numbers", "give uint8, from 0 to 255")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        why = f"has the shape {array.shape}"
        raise DataError(name, why, "give (height, width) or (height, width, 1, 3 or 4)")
    if not array.size:
        raise DataError(name, f"has the shape {array.shape}: no pixels", "give an image")
    return Image.fromarray(np.ascontiguousarray(array))
