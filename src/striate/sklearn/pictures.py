"""What scikit-learn calls X: images, as one array or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding.in_memory import array_of_tensor, bytes_of, is_tensor
from striate.data.finding.inputs import Picture, Source
from striate.errors import DataError, parameter

#: Images of one size, uint8 (n, H, W, C), or files and pictures of any.
Pictures: TypeAlias = NDArray[np.uint8] | list[Source]
#: (height, width) or (height, width, channels) of images whose pixels are the rows of a table.
Shape: TypeAlias = Sequence[int]


def pictures_of(given: Any, shape: Shape | None = None) -> Pictures:
    """The images that a person gives for X.

    Args:
        given: an array (n, H, W) or (n, H, W, 1, 3 or 4); a tensor (n, 1, 3 or 4, H, W); or a list,
            a column of pandas or an array of files, Pillow images, arrays and tensors, mixed. Whole
            numbers go from 0 to 255, others from 0 to 1.
        shape: of images that are the rows of a table, (n, pixels).

    Raises:
        DataError: these are no images.
    """
    if isinstance(given, (str, Path, Image.Image)):
        raise DataError(type(given).__name__, "is one image", "give a list of images")
    if is_tensor(given):
        return _of_numbers(array_of_tensor(given), shape)
    if hasattr(given, "to_numpy"):  # of pandas or polars
        given = given.to_numpy()
    listed = _listed(given)
    if listed is not None:
        return listed
    array = np.asarray(given)
    if array.dtype.kind in "OUS":
        raise DataError("X", "holds no images", "give a list of files, images or arrays")
    return _of_numbers(array, shape)


def _listed(given: Any) -> list[Source] | None:
    """Images that are given one by one; None for numbers."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind not in "OU":
            return None
        given = given.ravel() if given.ndim == 2 and given.shape[1] == 1 else given
    if not isinstance(given, Sequence) and getattr(given, "ndim", None) != 1:
        return None
    listed = [str(each) if isinstance(each, np.str_) else each for each in given]
    return listed if listed and all(map(_is_image, listed)) else None


def _is_image(thing: object) -> bool:
    if isinstance(thing, (str, Path, Image.Image)):
        return True
    return (isinstance(thing, np.ndarray) or is_tensor(thing)) and thing.ndim > 1


def _of_numbers(array: NDArray[Any], shape: Shape | None) -> NDArray[np.uint8]:
    """Pixels as uint8 (n, H, W, C)."""
    if array.ndim == 2:
        array = _of_rows(array, shape)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4):
        raise DataError(
            "X",
            f"has the shape {array.shape}",
            "give (images, height, width) or (images, height, width, 1, 3 or 4)",
        )
    if not array.size:
        raise DataError("X", f"has the shape {array.shape}: no images", "give some")
    return bytes_of(array, "X")


def _of_rows(rows: NDArray[Any], shape: Shape | None) -> NDArray[Any]:
    """Images (n, H, W) or (n, H, W, C) of `rows` (n, pixels)."""
    if shape is None:
        raise DataError(
            "X",
            f"has the shape {rows.shape}, rows of numbers and no images",
            f"give images, or {parameter('shape')}: (height, width) or (height, width, channels)",
        )
    wanted = tuple(int(side) for side in shape)
    if len(wanted) not in (2, 3) or int(np.prod(wanted)) != rows.shape[1] or min(wanted) < 1:
        raise DataError(
            parameter("shape", wanted), f"is of other images than rows of {rows.shape[1]:,} numbers"
        )
    return rows.reshape(len(rows), *wanted)


def one_by_one(pictures: Pictures) -> list[Source]:
    """Each image by itself."""
    return list(pictures)


def are_files(pictures: Pictures) -> bool:
    """Whether each of them is a file."""
    return isinstance(pictures, list) and all(isinstance(each, (str, Path)) for each in pictures)


def name_of(number: int, picture: Source | Picture) -> str:
    """What errors call an image."""
    return str(picture) if isinstance(picture, (str, Path)) else f"X[{number}]"
