"""Whether a file is whole, where its decoder would not tell: PNG, WebP and GIF.

Decoders stop when they have all their pixels, and take whatever bits they find for pixels. What
the formats hold against that (checksums, lengths, an end) is looked at here.
`striate.data.decoding.jpeg` does the same for JPEG. Nothing can be told of BMP, PPM and TIFF
without compression: there every content of a file is a picture, and only a file that is too
short is known to be cut.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from striate.data.decoding.flaws import Flaw

_MOST_CHUNKS = 300_000  # of a PNG: those of a gigabyte, as common encoders cut it
_MOST_BLOCKS = 4_000_000  # of a GIF: 255 bytes each
_DEFLATE = 1032  # to one, at best
_SPARE = 6  # bytes, of which libwebp looks ahead less
_MOST_EXTENSIONS = 10_000  # in front of a GIF's first picture
_GIF_BLOCK = re.compile(rb"[^!,;]*")  # decoders pass over the rest: some writers leave a zero
_SHORT = 32  # bytes
_WEBP_PICTURES = (b"VP8 ", b"VP8L")
_WEBP_FRAME = 16  # bytes in front of the chunks of a frame


def refuse_damaged_png(data: bytes) -> None:
    """Walk the chunks of a PNG to its end.

    Checksums count in the chunks that decide about pixels; a broken comment spoils nothing.

    Raises:
        Flaw: the PNG is cut short or damaged.
    """
    view, position, packed = memoryview(data), 8, 0
    for _ in range(_MOST_CHUNKS):
        if position + 12 > len(data):
            raise Flaw("truncated", "is truncated (a PNG without its last chunk, IEND)")
        length, kind = struct.unpack_from(">I4s", view, position)
        end = position + 12 + length
        if not kind.isalpha():
            raise Flaw("damaged", f"is damaged (no chunk of a PNG at byte {position:,})")
        if end > len(data):
            raise Flaw("truncated", f"is truncated ({len(data):,} of at least {end:,} bytes)")
        if kind[:1].isupper() or kind == b"tRNS":
            (stored,) = struct.unpack_from(">I", view, end - 4)
            if zlib.crc32(view[position + 4 : end - 4]) != stored:
                raise Flaw("damaged", f"is damaged (wrong checksum of {kind.decode()})")
        if kind == b"IDAT":
            packed += length
        if kind == b"IEND":
            _refuse_hollow_png(data, packed)
            return
        position = end
    raise Flaw("damaged", f"is damaged (more than {_MOST_CHUNKS:,} chunks)")


def _refuse_hollow_png(data: bytes, packed: int) -> None:
    """Raise Flaw where `packed` bytes of deflate cannot hold the picture that is promised."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    bits = width * height * depth * {2: 3, 4: 2, 6: 4}.get(colour, 1)
    if bits > 8 * _DEFLATE * packed:
        why = f"is truncated (no picture of {width:,} x {height:,} fits into {packed:,} bytes)"
        raise Flaw("truncated", why)


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP, before a decoder makes room for them; (0, 0) if not found."""
    kind = data[12:16]
    if kind == b"VP8 ":
        return tuple(part & 0x3FFF for part in struct.unpack_from("<2H", data, 26))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        sides = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return next(sides), next(sides)
    return 0, 0


def refuse_damaged_webp(data: bytes) -> None:
    """Walk the chunks of a WebP.

    Raises:
        Flaw: the WebP is cut short or damaged.
    """
    size = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < size:
        raise Flaw("truncated", f"is truncated ({len(data):,} of {size:,} bytes)")
    for kind, start, length in _chunks(data, 12, size):
        if start + length > size or not all(32 <= letter < 127 for letter in kind):
            raise Flaw("damaged", f"is damaged (no chunk of a WebP at byte {start - 8:,})")


def _chunks(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of what each chunk from `position` on holds."""
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind, position + 8, length
        position += 8 + length + length % 2


def shortened_webp(data: bytes) -> bytes | None:
    """A whole WebP without the last few bytes of its first picture's data; None if it has but few.

    A sound picture needs its data up to the last bytes. A decoder that is content without them has
    found its pixels elsewhere: in bits that are not the picture's, of which it needed fewer.
    """
    for kind, start, length in _chunks(data, 12, 8 + int.from_bytes(data[4:8], "little")):
        if kind in _WEBP_PICTURES:
            return _cut(data, start, length, [4])
        if kind == b"ANMF":
            for inner, at, long in _chunks(data, start + _WEBP_FRAME, start + length):
                if inner in _WEBP_PICTURES:
                    return _cut(data, at, long, [4, start - 4])
            return None
    return None


def _cut(data: bytes, start: int, length: int, around: list[int]) -> bytes | None:
    """`data` without the last bytes of the chunk at `start`, all lengths put right."""
    if length < _SHORT:
        return None
    kept = length - _SPARE - length % 2  # even, so that nothing needs to be filled up
    gone = length + length % 2 - kept
    content = bytearray(data)
    content[start - 4 : start] = kept.to_bytes(4, "little")
    for place in around:
        before = int.from_bytes(data[place : place + 4], "little")
        content[place : place + 4] = (before - gone).to_bytes(4, "little")
    del content[start + kept : start + kept + gone]
    return bytes(content)


def refuse_damaged_gif(data: bytes) -> bytes:
    """Walk the blocks of a GIF up to the end of its first picture.

    Returns:
        The GIF without the comments and other extensions in front of its first picture, which a
        decoder goes through block by block.

    Raises:
        Flaw: the GIF is cut short or damaged.
    """
    position = after_tables = 13 + _table_size(data[10:11])
    kept = [data[:after_tables]]
    for _ in range(_MOST_EXTENSIONS):
        position = _GIF_BLOCK.match(data, position).end()  # type: ignore[union-attr]
        sign = data[position : position + 1]
        if sign == b"!":
            end = _end_of_blocks(data, position + 2)
            if data[position + 1 : position + 2] == b"\xf9":
                kept.append(data[position:end])
            position = end
        elif sign == b",":
            start = position + 10 + _table_size(data[position + 9 : position + 10]) + 1
            _end_of_blocks(data, start)
            return b"".join([*kept, data[position:]])
        else:
            break
    raise Flaw("truncated", "is truncated (a GIF without a picture)")


def _table_size(flags: bytes) -> int:
    """The bytes of the colour table that a GIF's flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 128 else 0


def _end_of_blocks(data: bytes, position: int) -> int:
    """Where a chain of sub-blocks ends, after its empty one.

    Raises:
        Flaw: the file ends before.
    """
    for _ in range(_MOST_BLOCKS):
        if position >= len(data):
            raise Flaw("truncated", f"is truncated (a GIF of {len(data):,} bytes without its end)")
        length = data[position]
        position += 1 + length
        if not length:
            return position
    raise Flaw("damaged", f"is damaged (more than {_MOST_BLOCKS:,} blocks)")
