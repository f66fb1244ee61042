"""The boxes of ISO's base media format (ISO/IEC 14496-12), as far as pictures need them.

HEIC and AVIF (ISO/IEC 23008-12) keep pictures in them as items, JPEG XL (18181-2) its codestream.
Whether a file is cut, where the data of its pictures lie, and how large a JPEG XL is, is read here
before a decoder is asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from striate.data.decoding.flaws import Flaw

_MOST_BOXES = 100_000
_CODED = {b"hvc1", b"av01", b"hev1", b"jpeg", b"avc1"}
_ZEROS = bytes(32)  # which no coder of entropy writes; HEVC forbids three in a row (7.4.1)
_HUGE = 1 << 20


class Box(NamedTuple):
    """A box: its type, and where its content begins and ends."""

    kind: bytes
    start: int
    end: int


def boxes_in(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places of a file.

    Raises:
        Flaw: one ends beyond.
    """
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        begin = start + 8
        if size == 1 and begin + 8 <= end:
            (size,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        if size == 0:  # to the end of the file
            size = end - start
        if size < begin - start:
            raise Flaw("damaged", f"is damaged (no box at byte {start:,})")
        if start + size > end:
            raise Flaw("truncated", f"is truncated ({end:,} of at least {start + size:,} bytes)")
        yield Box(kind, begin, start + size)
        start += size


def refuse_cut(data: bytes) -> None:
    """Walk the boxes of a file to its end.

    Raises:
        Flaw: the file is cut short or damaged.
    """
    for _ in boxes_in(data, 0, len(data)):
        pass


def refuse_zeros(data: bytes) -> None:
    """Look at the coded data of each picture in a HEIF file.

    Decoders of HEVC and AV1 take whatever bits they find for a picture.

    Raises:
        Flaw: there are zeros that no coder writes.
    """
    for start, end in _coded_parts(data):
        place = data.find(_ZEROS, start, end)
        if place >= 0:
            raise Flaw("damaged", f"is damaged (zeros in its picture at byte {place:,})")


def _coded_parts(data: bytes) -> list[tuple[int, int]]:
    """Where the data of coded pictures lie; nowhere that is known where the tables are odd."""
    found: list[tuple[int, int]] = []
    try:
        meta = next(each for each in boxes_in(data, 0, len(data)) if each.kind == b"meta")
        inner = {each.kind: each for each in boxes_in(data, meta.start + 4, meta.end)}
        coded = _coded_items(data, inner[b"iinf"])
        for item, start, length in _extents(data, inner[b"iloc"]):
            if item in coded:
                found.append((start, min(start + length, len(data)) if length else len(data)))
    except (StopIteration, LookupError, struct.error, Flaw):
        return []
    return found


def _coded_items(data: bytes, box: Box) -> set[int]:
    """The numbers of the items that are pictures coded by themselves (``iinf``)."""
    start = box.start + (8 if data[box.start] else 6)
    found = set()
    for entry in boxes_in(data, start, box.end):
        version = data[entry.start]
        wide = version == 3
        at = entry.start + 4
        (item,) = struct.unpack_from(">I" if wide else ">H", data, at)
        kind = data[at + (6 if wide else 4) :][:4] if version >= 2 else b""
        if kind in _CODED:
            found.add(item)
    return found


def _extents(data: bytes, box: Box) -> Iterator[tuple[int, int, int]]:
    """Item, place and length of each part of an item that lies in the file (``iloc``)."""
    version = data[box.start]
    sizes = struct.unpack_from(">BB", data, box.start + 4)
    offset_size, length_size = sizes[0] >> 4, sizes[0] & 15
    base_size, index_size = sizes[1] >> 4, sizes[1] & 15 if version else 0
    at = box.start + 6

    def number(size: int) -> int:
        nonlocal at
        if at + size > box.end:
            raise LookupError
        at += size
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(min(number(4 if version == 2 else 2), _HUGE)):
        item = number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)  # of the file, always this one
        base = number(base_size)
        for _ in range(min(number(2), _HUGE)):
            number(index_size)
            start, length = base + number(offset_size), number(length_size)
            if method == 0:
                yield item, start, length


def jpeg_xl_size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG XL as stored (ISO/IEC 18181-1, D.2); (0, 0) if not found."""
    start = 0
    if not data.startswith(b"\xff\x0a"):
        for box in boxes_in(data, 0, len(data)):
            if box.kind in (b"jxlc", b"jxlp"):
                start = box.start + (4 if box.kind == b"jxlp" else 0)
                break
    if data[start : start + 2] != b"\xff\x0a":
        return 0, 0
    bits, used = int.from_bytes(data[start + 2 : start + 18], "little"), 0

    def read(count: int) -> int:
        nonlocal used
        used += count
        return bits >> (used - count) & (1 << count) - 1

    small = read(1)

    def side() -> int:
        return 8 * (read(5) + 1) if small else read((9, 13, 18, 30)[read(2)]) + 1

    height = side()
    ratio = read(3)
    if not ratio:
        return side(), height
    over, under = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * over // under, height
