"""Whether a file is whole, where its decoder would not tell: PNG, WebP and GIF.

Decoders stop when they have all their pixels, and take whatever bits they find for pixels. What
the formats hold against that (checksums, lengths, an end) is looked at here. `striate.data.jpeg`
does the same for JPEG. Nothing can be told of BMP, PPM and TIFF without compression: there every
content of a file is a picture, and only a file that is too short is known to be cut.
"""

from __future__ import annotations

import re
import struct
import zlib

from striate.data.flaws import Flaw

_MOST_CHUNKS = 300_000  # of a PNG: those of a gigabyte, as common encoders cut it
_MOST_BLOCKS = 4_000_000  # of a GIF: 255 bytes each
_DEFLATE = 1032  # to one, at best
_MOST_HEADER = 1 << 16  # bytes of a PPM's, which is text
_SPARE = 6  # bytes, of which libwebp looks ahead less
_GAP = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])+"
_PPM_HEADER = re.compile(rb"P(?:[14]|[2356]" + _GAP + rb"\d+)" + _GAP + rb"\d+" + _GAP + rb"\d+")
_ZERO_RUN = bytes(32)


def refuse_damaged_png(data: bytes) -> None:
    """Walk the chunks of a PNG to its end. Raises Flaw.

    Checksums count in the chunks that decide about pixels; a broken comment spoils nothing.
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


def refuse_damaged_webp(data: bytes) -> bytes | None:
    """Walk the chunks of a WebP. Raises Flaw.

    Returns:
        Where its picture data hold a stretch of zeros, the same file without the last few bytes of
        them; else None. A sound picture may hold many zeros, but needs its data up to the last
        bytes. A decoder that is content without them has found its pixels elsewhere: in zeros that
        filled a gap, of which it needs fewer than there were bytes lost.
    """
    size = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < size:
        raise Flaw("truncated", f"is truncated ({len(data):,} of {size:,} bytes)")
    position, doubtful = 12, None
    while position + 8 <= size:
        kind, length = struct.unpack_from("<4sI", data, position)
        start, end = position + 8, position + 8 + length
        if end > size or not all(32 <= letter < 127 for letter in kind):
            raise Flaw("damaged", f"is damaged (no chunk of a WebP at byte {position:,})")
        if kind in (b"VP8 ", b"VP8L") and data.find(_ZERO_RUN, start, end) >= 0:
            doubtful = _shortened(data, position, length)
        position = end + length % 2
    return doubtful


def _shortened(data: bytes, position: int, length: int) -> bytes:
    """The WebP with the last bytes of the chunk at `position` taken out."""
    start, cut = position + 8, _SPARE + length % 2  # an even length needs no filling
    body = data[start : start + length - cut]
    rest = data[start + length + length % 2 : 8 + int.from_bytes(data[4:8], "little")]
    head = data[12 : position + 4] + len(body).to_bytes(4, "little")
    content = b"WEBP" + head + body + rest
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def refuse_damaged_gif(data: bytes) -> bytes:
    """Walk the blocks of a GIF up to the end of its first picture. Raises Flaw.

    Returns:
        The GIF without the comments and other extensions in front of its first picture, which a
        decoder goes through block by block.
    """
    position = after_tables = 13 + _table_size(data[10:11])
    kept = [data[:after_tables]]
    while position < len(data):
        sign = data[position : position + 1]
        if sign == b"!":
            end = _end_of_blocks(data, position + 2)
            if data[position + 1 : position + 2] == b"\xf9":
                kept.append(data[position:end])
            position = end
        elif sign == b",":
            start = position + 10 + _table_size(data[position + 9 : position + 10]) + 1
            end = _end_of_blocks(data, start)
            after = data[end : end + 1]
            if after and after not in b"!,;\0":
                raise Flaw("damaged", f"is damaged (no block of a GIF at byte {end:,})")
            return b"".join([*kept, data[position:]])
        elif sign == b";":
            break
        else:
            position += 1  # as decoders do: some writers leave a zero between blocks
    raise Flaw("truncated", "is truncated (a GIF without a picture)")


def _table_size(flags: bytes) -> int:
    """The bytes of the colour table that a GIF's flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 128 else 0


def _end_of_blocks(data: bytes, position: int) -> int:
    """Where a chain of sub-blocks ends, after its empty one. Raises Flaw."""
    for _ in range(_MOST_BLOCKS):
        if position >= len(data):
            raise Flaw("truncated", f"is truncated (a GIF of {len(data):,} bytes without its end)")
        length = data[position]
        position += 1 + length
        if not length:
            return position
    raise Flaw("damaged", f"is damaged (more than {_MOST_BLOCKS:,} blocks)")


def refuse_long_ppm_header(data: bytes) -> None:
    """Raise Flaw for a PPM whose comments a decoder would read for minutes, byte by byte."""
    if not _PPM_HEADER.match(data, 0, _MOST_HEADER):
        raise Flaw("damaged", "is damaged (a PPM without width, height and greatest level)")
