"""MNIST's IDX files, packed or not.

The format (LeCun, Cortes and Burges, "The MNIST database"): two zero bytes, a byte for the type of
the numbers (8: unsigned byte), a byte for the number of axes, the length of each axis as a 32-bit
big-endian integer, and the numbers, the last axis fastest.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.support import paths

_UNSIGNED_BYTE = 8
_DEFLATE = 1032  # to one, at best
_PREFIXES = {"train": "train", "test": "t10k"}
_PLACES = ("", "raw", "MNIST/raw", "FashionMNIST/raw")  # where torchvision puts them


@dataclass(frozen=True)
class ArrayPart:
    """One split in memory: images uint8 (n, H, W, C), or (H, W, C) each; labels int64 (n,)."""

    images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
    labels: NDArray[np.int64]


def find_idx(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Files of images and of labels by split (``train``, ``test``); empty where there are none."""
    for place in _PLACES:
        found = {}
        present = _names_in(folder / place)
        for split, prefix in _PREFIXES.items():
            images, labels = (
                _file(folder / place, present, f"{prefix}-images", 3),
                _file(folder / place, present, f"{prefix}-labels", 1),
            )
            if images and labels:
                found[split] = (images, labels)
            elif images or labels:
                lonely = paths.shown(images or labels or folder)
                missing = f"{prefix}-{'labels' if images else 'images'}"
                raise DataError(lonely, f"the file {missing} is not beside it")
        if "train" in found:
            return found
        if found:
            raise DataError(paths.shown(found["test"][0]), "the file train-images is not beside it")
    return {}


def _file(folder: Path, present: set[str], stem: str, axes: int) -> Path | None:
    """The file under any of the names in use: with - or ., packed or not."""
    names = (f"{stem}{dot}idx{axes}-ubyte{end}" for dot in "-." for end in ("", ".gz"))
    found = (folder / name for name in names if name in present)
    return next((path for path in found if paths.is_file(path, kind=DataError)), None)


def _names_in(folder: Path) -> set[str]:
    """What lies in `folder`; nothing where there is no such folder, or nobody may look."""
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return set()


def read_idx_part(images: Path, labels: Path) -> ArrayPart:
    """The images and labels of one split.

    Raises:
        DataError: a file cannot be used, or the two do not belong together.
    """
    pixels, numbers = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(numbers):
        raise DataError(
            paths.shown(images),
            f"holds {len(pixels)} images but {labels.name} {len(numbers)} labels",
        )
    return ArrayPart(pixels[:, :, :, None], numbers.astype(np.int64))


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The numbers of an IDX file of unsigned bytes with that many axes.

    Raises:
        DataError: there is no such file, or it is not one of these.
    """
    what = paths.shown(path)
    try:
        data = paths.read_file(path, kind=DataError)
        stream: io.BufferedIOBase = io.BytesIO(data)
        if path.suffix == ".gz" or data.startswith(b"\x1f\x8b"):
            stream = gzip.GzipFile(fileobj=stream)
        most = min(_DEFLATE * len(data), paths.LARGEST_FILE)
        return _read_numbers(stream, axes, what, most)
    except FileNotFoundError:
        raise DataError(what, "is not there any more", "get it again") from None
    except EOFError:
        raise DataError(what, "is truncated", "get it again") from None
    except (OSError, zlib.error) as error:
        raise DataError(what, f"cannot be read ({paths.reason(error)})", "get it again") from None


def _read_numbers(stream: io.BufferedIOBase, axes: int, what: str, most: int) -> NDArray[np.uint8]:
    """The numbers in `stream`, of which no more is unpacked than its header promises.

    `most` is what the file can hold at best, or is read at most, whatever it promises.
    """
    header = stream.read(4 + 4 * axes)
    if len(header) < 4 + 4 * axes or header[:4] != bytes([0, 0, _UNSIGNED_BYTE, axes]):
        raise DataError(what, f"is not an IDX file of unsigned bytes with {axes} axes")
    shape = tuple(int(length) for length in np.frombuffer(header, ">u4", axes, offset=4))
    if not all(shape):
        raise DataError(what, "holds no data")
    promised = prod(shape)
    numbers = stream.read(promised) if promised <= most else b""
    if len(numbers) < promised:
        held = f"at most {most:,}" if promised > most else f"{len(numbers):,}"
        why = f"holds {held} bytes where its header promises {promised:,}"
        raise DataError(what, why, "get it again")
    if stream.read(1):
        raise DataError(what, f"holds more bytes than the {promised:,} that its header promises")
    return np.frombuffer(numbers, np.uint8).reshape(shape)


def digit_names(highest: int) -> tuple[str, ...]:
    """Names for the labels 0 to `highest`, which sort as the numbers do.

    Examples:
        >>> digit_names(9)[:3], digit_names(10)[:3]
        (('0', '1', '2'), ('00', '01', '02'))
    """
    return tuple(str(label).zfill(len(str(highest))) for label in range(highest + 1))
