"""Columns of numbers in a cache, one file: a line of JSON, then the arrays as they lie in memory.

The line says whose the file is (its mark, as in `striate.support.cache_files`), what it is about,
and of each array name, type and shape; sums over the numbers tell a damaged file. Whatever is not
as it was written counts as not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import StriateError
from striate.support.cache_files import MARK
from striate.support.files import write_atomically

_ALIGNED = 64
_SUMMED = 1 << 20  # bytes that one sum is of
_LONGEST_LINE = 256 << 20


def write_arrays(
    path: Path, kind: str, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> bool:
    """Write the file at `path`, whole or not at all; returns whether that was possible.

    Args:
        path: the file; its folder is made where it is missing.
        kind: its mark.
        about: what JSON can hold.
        arrays: contiguous, of numbers; they are not copied.
    """
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    sums = [total for array in arrays.values() for total in _sums(_bytes_of(array))]
    head = {MARK: kind, "about": about, "arrays": listed, "sums": sums}
    line = json.dumps(head).encode() + b"\n"

    def write(part: Path) -> None:
        with part.open("wb") as file:
            file.write(line)
            for array in arrays.values():
                file.write(bytes(-file.tell() % _ALIGNED))
                file.write(_bytes_of(array).data)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, write)
    except (OSError, StriateError):
        return False
    return True


def read_arrays(
    path: Path, kind: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | tuple[None, None]:
    """What the file is about, and its arrays; two None unless it is as it was written.

    The arrays are read-only and lie in the file, of which they stay valid when it is replaced or
    removed.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
            head = json.loads(line)
            if head[MARK] != kind:
                return None, None
            content = np.memmap(file, np.uint8, mode="r")
        arrays: dict[str, NDArray[Any]] = {}
        sums: list[int] = []
        start = len(line)
        for name, dtype, shape in head["arrays"]:
            start += -start % _ALIGNED
            own = content[start : start + prod(shape) * np.dtype(dtype).itemsize]
            start += len(own)
            sums += _sums(own)
            arrays[name] = own.view(np.ndarray).view(dtype).reshape(shape)
        if start != len(content) or sums != head["sums"] or not isinstance(head["about"], dict):
            return None, None
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None, None
    with suppress(OSError):  # a cache that may only be read has no last use
        os.utime(path)
    return head["about"], arrays


def _bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


def _sums(content: NDArray[np.uint8]) -> list[int]:
    """A sum of each part, modulo 2⁶⁴: ten times as fast as a CRC, and gigabytes wait for it."""
    parts = (content[at : at + _SUMMED] for at in range(0, len(content), _SUMMED))
    return list(map(_sum, parts))


def _sum(part: NDArray[np.uint8]) -> int:
    words = len(part) // 8 * 8
    total = part[:words].view(np.uint64).sum(dtype=np.uint64)
    return int(total + part[words:].sum(dtype=np.uint64))
