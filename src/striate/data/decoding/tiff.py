"""TIFF files: refused before they cost minutes or show a thumbnail, decoded without chatter."""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from striate.data.decoding import jpeg
from striate.data.decoding.flaws import Flaw, foreign
from striate.support.settings import Shared

_MOST_TAGS = 4096
_SIZES = np.zeros(256, np.uint64)  # of one value of each type; 0: unknown
_SIZES[1:19] = [1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ROWS, _PLANAR = 256, 257, 258, 259, 278, 284
_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325
_JPEG_TABLES = 347
_DEFLATE, _JPEG, _PACKBITS = (8, 32946), 7, 32773
_PIECE = 1 << 20  # bytes
_PADDING = 1  # byte: parts begin at even places
_NEW_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706


def refuse_odd_tiff(data: bytes) -> None:
    """Raise Flaw for a TIFF whose first directory is a flood, or is a camera's raw file.

    Raw files are TIFFs whose first picture is a thumbnail: decoding it would be a silent mistake.
    """
    tags = _first_directory(data)
    if tags is None:
        return
    if len(tags) > _MOST_TAGS:
        raise Flaw("damaged", f"is damaged (more than {_MOST_TAGS:,} tags)")
    lengths = tags["count"].astype(np.float64) * _SIZES[np.minimum(tags["type"], 255)]
    if lengths.sum() > 4 * len(data) + 4096:
        raise Flaw("damaged", "is damaged (its tags promise more than it holds)")
    values = dict(zip(tags["tag"].tolist(), tags["value"].tolist(), strict=True))
    reduced = values.get(_NEW_SUBFILE_TYPE, 0) & 1
    if _DNG_VERSION in values or (reduced and _SUB_IFDS in values):
        raise foreign("camera raw")


def _first_directory(data: bytes) -> Any:
    """The entries of the first directory as an array with fields; None where there is none."""
    order = "<" if data[:2] == b"II" else ">"
    big = b"+" in data[2:4]
    word, count = ("u8", "u8") if big else ("u4", "u2")
    fields = (("tag", "u2"), ("type", "u2"), ("count", word), ("value", word))
    entry = np.dtype([(name, order + kind) for name, kind in fields])
    try:
        (place,) = np.frombuffer(data, order + word, 1, 8 if big else 4).tolist()
        (number,) = np.frombuffer(data, order + count, 1, place).tolist()
        return np.frombuffer(data, entry, number, place + np.dtype(count).itemsize)
    except ValueError:  # it begins or ends behind the end of the file
        return None


def refuse_damaged_strips(data: bytes, tags: Mapping[int, Any]) -> None:
    """Go through the compressed parts of the first picture once more, for what libtiff lets pass.

    Args:
        data: the file.
        tags: of its first directory, as Pillow has them.

    Raises:
        Flaw: deflate's checksum is wrong, a JPEG's data end too early or too late, or PackBits
            gives another number of bytes than a part has.
    """
    compression = tags.get(_COMPRESSION)
    starts = _numbers(tags, _STRIP_OFFSETS) or _numbers(tags, _TILE_OFFSETS)
    lengths = _numbers(tags, _STRIP_LENGTHS) or _numbers(tags, _TILE_LENGTHS)
    for place, (start, length) in enumerate(zip(starts, lengths, strict=False)):
        part = data[start : start + length]
        if compression in _DEFLATE:
            _refuse_damaged_deflate(part)
        elif compression == _JPEG and len(part) > 2:
            tables = bytes(tags.get(_JPEG_TABLES, b""))
            jpeg.refuse_damaged(tables[:-2] + part[2:] if tables else part)
        elif compression == _PACKBITS and _PLANAR not in tags and tags.get(_ROWS):
            rows = min(tags[_ROWS], tags[_HEIGHT] - place * tags[_ROWS])
            bits = sum(_numbers(tags, _BITS)) or 1
            _refuse_damaged_packbits(part, rows * -(-tags[_WIDTH] * bits // 8))


def _numbers(tags: Mapping[int, Any], tag: int) -> tuple[int, ...]:
    found = tags.get(tag, ())
    return found if isinstance(found, tuple) else (found,)


def _refuse_damaged_deflate(part: bytes) -> None:
    unpacker = zlib.decompressobj()
    while not unpacker.eof:
        try:
            if not unpacker.decompress(part, _PIECE):
                break
        except zlib.error as error:
            raise Flaw("damaged", f"is damaged ({error})") from None
        part = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise Flaw("truncated", "is truncated (compressed data without their end)")


def _refuse_damaged_packbits(part: bytes, expected: int) -> None:
    """Raise Flaw unless the runs of `part` make `expected` bytes."""
    position = made = 0
    while position < len(part) and made < expected:
        sign = part[position]
        if sign < 128:
            made, position = made + sign + 1, position + sign + 2
        else:
            made, position = made + (257 - sign) % 129, position + 2
    if made != expected or len(part) - position > _PADDING:
        raise Flaw("damaged", "is damaged (runs that do not make up its rows)")


def _silence() -> Callable[[], None]:
    """Take libtiff's handler of errors away, of which there is one a process."""
    try:
        # Pillow's own copy of libtiff is found through the module that was linked with it.
        handle = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # linked into the module itself, as on Windows
        return lambda: None
    handle.argtypes, handle.restype = [ctypes.c_void_p], ctypes.c_void_p
    before = handle(None)
    return lambda: handle(before)


_silent = Shared(_silence)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep libtiff, which writes to the process's standard error, silent while the block runs.

    What it has to say of a file comes as an exception as well. Other threads keep their output.
    """
    with _silent.changed():
        yield
