"""Tensors of the protocol: pictures out of what a request holds, answers into what it is sent.

A picture comes as ``BYTES``, the content of an image file, or as ``UINT8``, its pixels. Either
stands in the JSON document (files in base64, numbers nested or flat), or behind it as it is: the
binary extension, in which each element of ``BYTES`` has its length before it.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.serving.pipeline import Picture
from striate.serving.refusals import Refused, malformed

_LENGTH = struct.Struct("<I")
_MOST_AXES, _LARGEST_AXIS = 32, 1 << 31
_DEEPEST = 32  # lists within lists, as NumPy has axes
_SHOWN = 40  # characters


def shape_of(value: Any, name: str) -> tuple[int, ...]:
    """A tensor's shape as it stands in a request.

    Raises:
        Refused: it is no shape.
    """
    if not isinstance(value, list) or not all(type(axis) is int for axis in value):
        raise malformed(f"the input '{name}' has no shape, such as [1]")
    if len(value) > _MOST_AXES:  # the product of thousands takes minutes
        raise malformed(f"the shape of the input '{name}' has more than {_MOST_AXES} axes")
    if not value or not all(0 < axis < _LARGEST_AXIS for axis in value):
        raise malformed(f"the input '{name}' has the shape {value}: every axis must be at least 1")
    return tuple(value)


def files_from_json(data: Any, shape: Sequence[int]) -> list[Picture]:
    """The image files in a JSON document's ``data``: base64, nested or flat."""
    texts = list(_flat(data, math.prod(shape)))
    _refuse_other_number(len(texts), shape)
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError, TypeError):
        raise malformed("an image file in JSON must be written in base64") from None


def files_from_bytes(data: memoryview, shape: Sequence[int]) -> list[Picture]:
    """The image files in a binary tensor: each with its length before it."""
    found: list[Picture] = []
    place, most = 0, math.prod(shape)
    while place < len(data) and len(found) <= most:
        if place + _LENGTH.size > len(data):
            raise malformed("a binary tensor of BYTES ends within a length")
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size + length
        if place > len(data):
            raise malformed("a binary tensor of BYTES ends within an element")
        found.append(bytes(data[place - length : place]))
    _refuse_other_number(len(found), shape)
    return found


def pixels_from_json(data: Any, shape: Sequence[int], most_pixels: int) -> list[Picture]:
    """The pictures in a JSON document's ``data``: numbers from 0 to 255, nested or flat."""
    refuse_no_pictures(shape, most_pixels)
    # Not by np.asarray, which makes every element as wide as the longest text among them.
    values = _flat(data, math.prod(shape))
    _refuse_other_number(len(values), shape)
    try:
        content = bytes(values)
    except TypeError:
        raise malformed("pixels in JSON must be whole numbers") from None
    except (ValueError, OverflowError):
        raise malformed("pixels must lie between 0 and 255") from None
    return list(np.frombuffer(content, np.uint8).reshape(shape))


def pixels_from_bytes(data: memoryview, shape: Sequence[int], most_pixels: int) -> list[Picture]:
    """The pictures in a binary tensor of ``UINT8``."""
    refuse_no_pictures(shape, most_pixels)
    _refuse_other_number(len(data), shape)
    return list(np.frombuffer(data, np.uint8).reshape(shape))


def refuse_no_pictures(shape: Sequence[int], most_pixels: int) -> None:
    """Raise unless `shape` is that of pictures (n, height, width, 1 or 3) that may be so large.

    Raises:
        Refused: it is not.
    """
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise malformed(
            f"UINT8 pictures have the shape [n, height, width, 1 or 3], not {list(shape)}"
        )
    if shape[1] * shape[2] > most_pixels:
        raise Refused(
            422,
            f"a picture has {shape[2]:,} x {shape[1]:,} pixels, of which at most {most_pixels:,} "
            "are taken; make it smaller",
            "picture",
        )


def cut(value: Any) -> str:
    """A value of a request as a refusal shows it: no more of it than a sentence can bear.

    Examples:
        >>> cut("picture"), cut(7), cut([[]]), cut("a" * 1_000_000)
        ("'picture'", '7', 'a list', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…")
    """
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    shown = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _refuse_other_number(found: int, shape: Sequence[int]) -> None:
    wanted = math.prod(shape)
    if found != wanted:
        some = f"more than {wanted:,}" if found > wanted else f"{found:,}"
        raise malformed(f"the shape {list(shape)} means {wanted:,} elements, and there are {some}")


def _flat(data: Any, most: int, deep: int = 0) -> list[Any]:
    """The innermost elements of nested lists, in order; one more than `most` at the most."""
    if not isinstance(data, list) or deep > _DEEPEST:
        raise malformed("the input's data must be a list, nested as its shape says or flat")
    found: list[Any] = []
    for each in data:
        found += _flat(each, most - len(found), deep + 1) if isinstance(each, list) else [each]
        if len(found) > most:
            break
    return found


def labels_of(row: NDArray[np.float32], classes: Sequence[str], count: int) -> list[str]:
    """The classification extension's text for the likeliest classes: ``value:index:label``."""
    best = np.argsort(-row, kind="stable")[:count]
    return [f"{row[k]:f}:{k}:{classes[k]}" for k in best]


def to_bytes(texts: Sequence[str]) -> bytes:
    """A binary tensor of ``BYTES``."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return b"".join(_LENGTH.pack(len(each)) + each for each in encoded)
