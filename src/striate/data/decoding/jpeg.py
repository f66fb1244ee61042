"""JPEG files: their structure, and their pixels from a decoder that tells what it had to invent.

Pillow decodes by libjpeg-turbo and drops its warnings, so that a file whose picture data end too
early, or are followed by what belongs to no picture, looks like a sound one. simplejpeg, the same
library in another coat, gives the same pixels in half the time and the warnings too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray

from striate.data.decoding.flaws import Flaw

#: simplejpeg's names for the modes of Pillow that it decodes.
_COLOURS = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}

_MOST_SEGMENTS = 10_000
_MOST_SCANS = 100  # a dozen is usual, and each goes over the whole picture
_MUCH_FILL = 4096  # bytes between the segments of a header
_MOST_HEADER = 1 << 22  # bytes
_MOST_METADATA = 16  # segments of one marker: a megabyte
_ZERO_RUN = bytes(32)
_PADDING = 16  # bytes; encoders that fill up to whole words leave a few behind the picture
_STRAY = 2  # bytes; some webcams leave that many of anything

_SOI, _EOI, _SOS, _DHT = 0xD8, 0xD9, 0xDA, 0xC4
_FRAMES = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1}  # Huffman-coded, all of a block at once
#: What a decoder needs: frames, tables, restarts, and the two marks that tell the kind of colour.
_NEEDED = {*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD, 0xDE, 0xE0, 0xEE}
_STANDS_ALONE = {0x01, *range(0xD0, 0xD8), _SOI}

_FILL = re.compile(rb"\xff*")
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
#: Warnings that say nothing about the pixels: odd headers, and a refinement out of its order.
_HARMLESS = ("unknown JFIF revision", "Adobe color transform", "Inconsistent progression", "ICC")


class Segment(NamedTuple):
    """One segment of a header; ``data[start:end]`` is all of it, its marker included."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """Everything in front of the picture data of a JPEG: its segments, the last one a SOS."""

    segments: list[Segment]
    fill: int  # bytes that belong to no segment

    @property
    def end(self) -> int:
        """Where the picture data begin, or the file ends."""
        return self.segments[-1].end if self.segments else 2

    @property
    def progressive(self) -> bool:
        """Whether the picture comes in refinements, each of which goes over all of it."""
        return any(s.marker in _FRAMES - _SEQUENTIAL for s in self.segments)

    @property
    def complete(self) -> bool:
        """Whether there is a start of scan."""
        return bool(self.segments) and self.segments[-1].marker == _SOS


def read_header(data: bytes) -> Header:
    """The segments in front of the first scan.

    What is none is passed over in one step, however long: a decoder does so byte by byte.

    Raises:
        Flaw: there are too many of them.
    """
    segments: list[Segment] = []
    marks, fill, position = 0, 0, 2
    while (mark := data.find(b"\xff", position)) >= 0:
        place = mark + 1
        if data[place : place + 1] == b"\xff":
            place = _FILL.match(data, place).end()  # type: ignore[union-attr]
        fill += place - 1 - position
        if place + 3 > len(data) or data[place] == _EOI:
            break
        marks += 1
        if marks > _MOST_SEGMENTS:
            raise Flaw("damaged", f"is damaged (more than {_MOST_SEGMENTS:,} segments)")
        marker, position = data[place], place + 1
        if marker in _STANDS_ALONE or not marker:
            continue
        end = position + int.from_bytes(data[position : position + 2])
        segments.append(Segment(marker, place - 1, min(end, len(data))))
        if marker == _SOS:
            break
        position = end
    return Header(segments, fill)


def lean(data: bytes, header: Header) -> bytes:
    """`data` itself, or, where its header is a flood, without what nobody needs of it.

    That is fill between the segments, and metadata beyond the first ones.
    """
    if header.fill < _MUCH_FILL and header.end < _MOST_HEADER:
        return data
    seen: Counter[int] = Counter()
    kept = []
    for segment in header.segments:
        seen[segment.marker] += 1
        if segment.marker in _NEEDED | {_SOS} or seen[segment.marker] <= _MOST_METADATA:
            kept.append(data[segment.start : segment.end])
    return b"".join([data[:2], *kept, data[header.end :]])


def refuse_missing_end(data: bytes, header: Header) -> None:
    """Raise Flaw for a JPEG without an end: cut off, or a download filled up with zeros."""
    if not data.endswith(b"\xff\xd9") and data.find(b"\xff\xd9", header.end) < 0:
        raise Flaw("truncated", "is truncated (a JPEG without its end marker)")


def decode(
    data: bytes, header: Header, mode: str, size: tuple[int, int], factor: int = 1
) -> NDArray[np.uint8] | None:
    """The pixels of a JPEG, uint8 (height, width, channels), found whole; None if not for us.

    Args:
        data: the file.
        header: of `data`.
        mode: Pillow's name for its colours: ``L``, ``RGB`` or ``CMYK``, which comes as
            Pillow has it.
        size: its width and height.
        factor: that its sides are divided by, rounded up: 1, 2, 4 or 8.

    Returns:
        None for the rare kinds that simplejpeg does not decode: CMYK with coarser channels, other
        steps between the channels than 1, 2 and 4, and what no decoder takes.

    Raises:
        Flaw: the picture data end too early, or hold what belongs to no picture.
    """
    refuse_missing_end(data, header)
    _refuse_zeros(data, header)
    sizes = {_size_in(data, s) for s in header.segments if s.marker in _FRAMES}
    if sizes != {size}:
        raise Flaw("damaged", "is damaged (its size is given twice, and not the same)")
    if header.progressive and data.count(b"\xff\xda", header.end) > _MOST_SCANS:
        raise Flaw("damaged", f"is damaged (more than {_MOST_SCANS} scans)")
    colour = _COLOURS.get(mode)
    if colour is None:
        return None
    width, height = size
    least = (-(-height // factor), -(-width // factor)) if factor > 1 else (0, 0)
    pixels = _pixels(data, header, colour, least)
    return np.subtract(255, pixels, out=pixels) if mode == "CMYK" and pixels is not None else pixels


def _size_in(data: bytes, frame: Segment) -> tuple[int, int]:
    """Width and height that a frame's segment gives."""
    height, width = data[frame.start + 5 : frame.start + 7], data[frame.start + 7 : frame.start + 9]
    return int.from_bytes(width), int.from_bytes(height)


def refuse_damaged(data: bytes) -> None:
    """Decode a JPEG for nothing but its flaws.

    Raises:
        Flaw: the JPEG is damaged.
    """
    header = read_header(data)
    for segment in header.segments:
        if segment.marker in _FRAMES and segment.start + 9 < len(data):
            colour = {1: "GRAY", 3: "RGB", 4: "CMYK"}.get(data[segment.start + 9])
            if colour:
                _pixels(data, header, colour)


def _pixels(
    data: bytes, header: Header, colour: str, least: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8] | None:
    """The pixels, reduced as far as they still have the height and width `least`; all for zeros."""
    pixels: NDArray[np.uint8]
    decoded = partial(
        simplejpeg.decode_jpeg, colorspace=colour, min_height=least[0], min_width=least[1]
    )
    try:
        pixels = decoded(data)
        return pixels
    except ValueError as error:
        said = str(error)
    # A decoder keeps its first warning only. What it said may be of the header, and hide another.
    bare = _bare(data, header)
    try:
        pixels = decoded(bare)
        return pixels
    except ValueError as error:
        said = str(error)
    try:
        pixels = decoded(bare, strict=False)
    except ValueError:
        return None  # no warning but the end: Pillow will say so
    if not (any(sign in said for sign in _HARMLESS) or _is_padding(said, data, header)):
        early = "remature end" in said
        said = said.removeprefix("Corrupt JPEG data: ")
        raise Flaw(
            *("truncated", f"is truncated ({said})")
            if early
            else ("damaged", f"is damaged ({said})")
        )
    return pixels


def _bare(data: bytes, header: Header) -> bytes:
    """`data` with nothing in its header but what a decoder needs, and with a plain first scan."""
    kept = [s for s in header.segments if s.marker in _NEEDED]
    parts = [data[s.start : s.end] for s in kept if s.marker != _SOS]
    scan = bytearray(data[header.segments[-1].start : header.end])
    if not header.progressive and len(scan) > 7:
        scan[-3:] = b"\0\x3f\0"  # all of a block; some telephones write something else, and mean it
    return b"".join([data[:2], *parts, scan, data[header.end :]])


def _is_padding(said: str, data: bytes, header: Header) -> bool:
    """Whether what was left over is what encoders fill up with, or next to nothing."""
    found = _EXTRANEOUS.search(said)
    if not found:
        return False
    count, end = int(found[1]), data.find(b"\xff\xd9", header.end)
    rest = data[max(0, end - count) : end]
    return count <= _STRAY or (count <= _PADDING and len(set(rest)) == 1)


def _refuse_zeros(data: bytes, header: Header) -> None:
    """Raise Flaw for a stretch of zeros in picture data that cannot hold one.

    Zero bits are the first code of each table. Where that is not "the rest of the block is nothing"
    in the table of every channel, 256 of them draw a pattern that no photograph and no drawing has.
    """
    place = data.find(_ZERO_RUN, header.end)
    if place < 0 or not header.complete or _zeros_may_be_flat(data, header):
        return
    if not re.search(rb"\xff[\xd9\xda]", data[header.end : place]):
        raise Flaw("damaged", f"is damaged (a stretch of zeros in its picture, at byte {place:,})")


def _zeros_may_be_flat(data: bytes, header: Header) -> bool:
    """Whether zero bits may be a flat part of the picture, as far as the Huffman tables tell."""
    if header.progressive:
        return True
    firsts: dict[int, int] = {}
    for segment in header.segments:
        if segment.marker == _DHT:
            firsts.update(_first_symbols(data[segment.start + 4 : segment.end]))
    scan = data[header.segments[-1].start + 4 : header.end]
    tables = [0x10 | (scan[2 + 2 * i] & 15) for i in range(scan[0]) if 2 + 2 * i < len(scan)]
    return all(firsts.get(table, 0) == 0 for table in tables)


def _first_symbols(tables: bytes) -> dict[int, int]:
    """The symbol of the all-zero code in each table of a DHT segment, by class and number."""
    found: dict[int, int] = {}
    position = 0
    while position + 17 < len(tables):
        count = sum(tables[position + 1 : position + 17])
        found[tables[position]] = tables[position + 17]
        position += 17 + count
    return found
