"""Images that are in memory already, decoded by the rules for files.

What a number stands for is told by its type, as everywhere in this field: whole numbers go from 0
to 255, others from 0 to 1. A tensor has its channels first, an array has them last.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding import memory, pixels
from striate.data.decoding.flaws import Flaw, broken
from striate.data.decoding.readers import EACH
from striate.errors import DataError
from striate.support.settings import without_pillow_limit

if TYPE_CHECKING:
    from torch import Tensor


def pixels_of(picture: Any, channels: int, name: str) -> NDArray[np.uint8]:
    """The pixels of an image of Pillow's, an array or a tensor: uint8 (height, width, channels).

    They are what the image's file would give. An image that Pillow made of others is taken to stand
    upright, whatever it has kept of their metadata.

    Args:
        picture: an image of Pillow's; an array (H, W) or (H, W, 1, 3 or 4), grey, RGB or RGBA; or a
            tensor (H, W) or (1, 3 or 4, H, W). Whole numbers from 0 to 255, others from 0 to 1.
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


def is_tensor(thing: object) -> TypeGuard[Tensor]:
    """Whether it is a tensor, without importing torch where nobody has."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def array_of_tensor(tensor: Any) -> NDArray[Any]:
    """A tensor (…, C, H, W) as an array (…, H, W, C); one of fewer axes as it is."""
    if str(tensor.dtype) == "torch.bfloat16":  # of which NumPy has none
        tensor = tensor.float()
    array: NDArray[Any] = tensor.numpy(force=True)
    return np.moveaxis(array, -3, -1) if array.ndim > 2 else array


def bytes_of(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """The numbers of an array as uint8: whole ones from 0 to 255, others from 0 to 1.

    Raises:
        DataError: it holds others.

    Examples:
        >>> bytes_of(np.array([0.0, 0.5, 1.0]), "image"), bytes_of(np.array([0, 255]), "image")
        (array([  0, 128, 255], dtype=uint8), array([  0, 255], dtype=uint8))
    """
    if array.dtype == np.uint8:
        return array
    kind = array.dtype.kind
    if kind not in "biuf":
        raise DataError(name, f"holds {array.dtype} numbers", "give uint8, from 0 to 255")
    most = 1 if kind in "bf" else 255
    if kind == "b":
        array = array.astype(np.float32)
    if not array.size:
        return array.astype(np.uint8)
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= most):  # which no comparison of what is no number is
        raise DataError(
            name,
            f"holds {array.dtype} numbers from {low:g} to {high:g}",
            "give whole numbers from 0 to 255 (uint8), or others from 0 to 1 (float32)",
        )
    return array.astype(np.uint8) if most == 255 else np.rint(array * 255.0).astype(np.uint8)


def _image_of(picture: Any, name: str) -> Image.Image:
    """An array or a tensor as the image that a file with these pixels would be."""
    array = array_of_tensor(picture) if is_tensor(picture) else picture
    if not isinstance(array, np.ndarray):
        why = f"is of type {type(array).__name__}, not an image"
        raise DataError(name, why, "give a path, a Pillow image, a NumPy array or a tensor")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        order = "height, width"
        wanted = f"({order}) or ({order}, 1, 3 or 4)"
        if is_tensor(picture):
            wanted = f"({order}) or (1, 3 or 4, {order})"
        raise DataError(name, f"has the shape {tuple(picture.shape)}", f"give {wanted}")
    if not array.size:
        raise DataError(name, f"has the shape {tuple(picture.shape)}: no pixels", "give an image")
    return Image.fromarray(np.ascontiguousarray(bytes_of(array, name)))
