"""Netpbm's formats PBM, PGM and PPM, plain and raw, by NumPy: the same levels as Pillow gives.

Pillow goes through what is plain, and whatever has another greatest level than 255, value by value
in Python: minutes for a photograph. (The formats: netpbm.sourceforge.net/doc/ppm.html.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.data.decoding.flaws import Flaw

_GAP = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])+"
_NUMBER = rb"(\d{1,10})"
_BITMAP = re.compile(rb"P([14])" + _GAP + _NUMBER + _GAP + _NUMBER)
_LEVELS = re.compile(rb"P([2356])" + _GAP + _NUMBER + _GAP + _NUMBER + _GAP + _NUMBER)
_MOST_HEADER = 1 << 16  # bytes
_COMMENT = re.compile(rb"#[^\r\n]*+")
_MOST_COMMENTS = 100_000
_SPACES = bytes.maketrans(b"\t\r\n\v\f", b"     ")
_PIECE = 1 << 20  # bytes of text at a time


@dataclass(frozen=True)
class Header:
    """The header of a file, in front of its values, which begin at `end`."""

    kind: int  # 1 to 6, the number in its name
    width: int
    height: int
    most: int  # the level that is white
    end: int

    @property
    def channels(self) -> int:
        """Of PPM three, else one."""
        return 3 if self.kind in (3, 6) else 1


def read_header(data: bytes) -> Header:
    """The header of a file.

    Raises:
        Flaw: there is none, or its numbers make no picture.
    """
    found = (_BITMAP if data[1:2] in b"14" else _LEVELS).match(data, 0, _MOST_HEADER)
    if not found:
        raise Flaw("damaged", "is damaged (a PPM without width, height and greatest level)")
    kind, width, height, *most = map(int, found.groups())
    header = Header(kind, width, height, most[0] if most else 1, found.end() + 1)
    if not (width and height and 0 < header.most < 1 << 16):
        raise Flaw("damaged", "is damaged (a size or greatest level that is none)")
    return header


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """The pixels, uint8 (height, width, 1 or 3): 8 bits of each level, scaled.

    Raises:
        Flaw: the pixels are cut short or damaged.
    """
    count = header.width * header.height * header.channels
    if header.kind == 1:
        levels = _plain_bits(data[header.end - 1 :], count)
    elif header.kind == 4:
        levels = _raw_bits(data[header.end :], header)
    elif header.kind in (2, 3):
        levels = _plain_levels(data[header.end - 1 :], count, header)
    else:
        levels = _raw_levels(data, count, header)
    return levels.reshape(header.height, header.width, header.channels)


def _plain_bits(text: bytes, count: int) -> NDArray[np.uint8]:
    """Digits with or without space between them; 1 is black."""
    digits = _without_comments(text).translate(None, b" \t\r\n\v\f")[:count]
    _refuse_short(len(digits), count)
    if digits.strip(b"01"):
        raise Flaw("damaged", "is damaged (something else than 0 and 1 among its bits)")
    return np.where(np.frombuffer(digits, np.uint8) == ord("0"), np.uint8(255), np.uint8(0))


def _without_comments(text: bytes) -> bytes:
    if text.count(b"#") > _MOST_COMMENTS:
        raise Flaw("damaged", f"is damaged (more than {_MOST_COMMENTS:,} comments)")
    return _COMMENT.sub(b"", text)


def _raw_bits(data: bytes, header: Header) -> NDArray[np.uint8]:
    """Eight pixels a byte, each row beginning with a byte of its own; 1 is black."""
    row = -(-header.width // 8)
    _refuse_short(len(data), row * header.height)
    packed = np.frombuffer(data, np.uint8, row * header.height).reshape(header.height, row)
    return 255 * (1 - np.unpackbits(packed, axis=1, count=header.width))


def _plain_levels(text: bytes, count: int, header: Header) -> NDArray[np.uint8]:
    """Decimal numbers with space between them, piece by piece."""
    text = _without_comments(text).translate(_SPACES) + b" "
    scale, levels = _scale(header), np.empty(count, np.uint8)
    done = start = 0
    while done < count and start < len(text):
        end = text.rfind(b" ", start, start + _PIECE) + 1
        try:
            values = np.array(text[start:end].split(), np.int64)[: count - done] if end else None
        except (ValueError, OverflowError):
            values = None
        if values is None or (values < 0).any() or (values > header.most).any():
            raise Flaw("damaged", "is damaged (something else than levels among its levels)")
        levels[done : done + len(values)] = scale[values]
        done, start = done + len(values), end
    _refuse_short(done, count)
    return levels


def _raw_levels(data: bytes, count: int, header: Header) -> NDArray[np.uint8]:
    """A byte a level, or two of them, the upper one first."""
    kind = np.dtype(np.uint8 if header.most < 256 else ">u2")
    _refuse_short((len(data) - header.end) // kind.itemsize, count)
    values = np.frombuffer(data, kind, count, header.end)
    if header.most == 255:
        return values.astype(np.uint8, copy=False)
    levels = np.empty(count, np.uint8)
    scale = _scale(header)
    for start in range(0, count, _PIECE):
        part = slice(start, start + _PIECE)
        levels[part] = scale[np.minimum(values[part], header.most)]
    return levels


def _scale(header: Header) -> NDArray[np.uint8]:
    """The 8 bits of each level from 0 to the greatest: of 16-bit grey the upper eight."""
    shares = np.arange(header.most + 1) / header.most
    if header.most > 255 and header.channels == 1:
        return (np.rint(shares * 65535).astype(np.int64) >> 8).astype(np.uint8)
    return np.rint(shares * 255).astype(np.uint8)


def _refuse_short(held: int, count: int) -> None:
    if held < count:
        raise Flaw("truncated", f"is truncated ({held:,} of {count:,} values)")
