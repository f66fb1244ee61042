"""MNIST's IDX files, packed or not.

The format (LeCun, Cortes and Burges, "The MNIST database"): two zero bytes, a byte for the type of
the numbers (8: unsigned byte), a byte for the number of axes, the length of each axis as a 32-bit
big-endian integer, and the numbers, the last axis fastest.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError

_UNSIGNED_BYTE = 8
_PREFIXES = {"train": "train", "test": "t10k"}
_PLACES = ("", "raw", "MNIST/raw", "FashionMNIST/raw")  # where torchvision puts them


@dataclass(frozen=True)
class ArrayPart:
    """One split in memory: images uint8 (n, H, W, C) and labels int64 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def find_idx(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Files of images and of labels by split (``train``, ``test``); empty where there are none."""
    for place in _PLACES:
        found = {}
        for split, prefix in _PREFIXES.items():
            images, labels = (
                _file(folder / place, f"{prefix}-images", 3),
                _file(folder / place, f"{prefix}-labels", 1),
            )
            if images and labels:
                found[split] = (images, labels)
            elif images or labels:
                present, missing = (images, "labels") if images else (labels, "images")
                raise DataError(str(present), f"the file {prefix}-{missing} is not beside it")
        if "train" in found:
            return found
        if found:
            raise DataError(str(found["test"][0]), "the file train-images is not beside it")
    return {}


def _file(folder: Path, stem: str, axes: int) -> Path | None:
    """The file under any of the names in use: with - or ., packed or not."""
    names = (f"{stem}{dot}idx{axes}-ubyte{end}" for dot in "-." for end in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_idx_part(images: Path, labels: Path) -> ArrayPart:
    """The images and labels of one split. Raises DataError where they do not belong together."""
    pixels, numbers = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(numbers):
        raise DataError(
            str(images), f"holds {len(pixels)} images but {labels.name} {len(numbers)} labels"
        )
    return ArrayPart(pixels[:, :, :, None], numbers.astype(np.int64))


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The numbers of an IDX file of unsigned bytes with that many axes. Raises DataError."""
    what = str(path.resolve())
    try:
        data = path.read_bytes()
        if path.suffix == ".gz" or data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except EOFError:
        raise DataError(what, "is truncated", "get it again") from None
    except (OSError, zlib.error) as error:
        raise DataError(what, f"cannot be read ({error})", "get it again") from None
    header = 4 + 4 * axes
    if len(data) < header or data[:4] != bytes([0, 0, _UNSIGNED_BYTE, axes]):
        raise DataError(what, f"is not an IDX file of unsigned bytes with {axes} axes")
    shape = tuple(int(length) for length in np.frombuffer(data, ">u4", axes, offset=4))
    if len(data) != header + prod(shape):
        raise DataError(
            what, f"holds {len(data) - header} bytes where its header promises {prod(shape)}"
        )
    if not all(shape):
        raise DataError(what, "holds no data")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def digit_names(highest: int) -> tuple[str, ...]:
    """Names for the labels 0 to `highest`, which sort as the numbers do."""
    return tuple(str(label).zfill(len(str(highest))) for label in range(highest + 1))
