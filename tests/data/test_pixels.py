"""Modes, depths and transparency: levels computed by hand, whatever the file stores."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding import pixels
from striate.data.decoding.decode import decode
from striate.data.decoding.in_memory import pixels_of

RNG = np.random.default_rng(0)
SIZE = (6, 9)


def png(values: NDArray[np.generic], depth: int, colour: int, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG of `values` (H, W, C), of `depth` bits each, with `extra` chunks, written by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width = values.shape[:2]
    rows = b""
    for row in values.reshape(height, -1):
        if depth == 16:
            rows += b"\0" + row.astype(">u2").tobytes()
        else:
            bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
            rows += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def on_white(levels: NDArray[np.generic], alpha: NDArray[np.generic]) -> NDArray[np.float64]:
    """8-bit `levels` (H, W, C) laid on white by 8-bit `alpha` (H, W, 1)."""
    share = alpha / 255
    return levels * share + 255 * (1 - share)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_level_may_be_clear_at_every_depth(depth: int) -> None:
    values = RNG.integers(0, 1 << depth, (*SIZE, 1)).astype(np.uint16)
    level = int(values[2, 3, 0])
    if depth == 16:
        values[0, 0] = level ^ 1  # differs in what is dropped
    levels = values >> 8 if depth == 16 else values * (255 // ((1 << depth) - 1))
    assert (decode(png(values, depth, 0), None) == levels).all()
    data = png(values, depth, 0, (b"tRNS", struct.pack(">H", level)))
    assert (decode(data, None) == np.where(values == level, 255, levels)).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_a_colour_may_be_clear_at_every_depth(depth: int) -> None:
    values = RNG.integers(0, 1 << depth, (*SIZE, 3)).astype(np.uint16)
    colour = values[2, 3].copy()
    values[4, 4] = colour
    values[0, 0] = colour ^ np.array([0, 0, 1], np.uint16)
    levels = values >> (depth - 8)
    data = png(values, depth, 2, (b"tRNS", struct.pack(">3H", *colour)))
    clear = (values == colour).all(axis=2, keepdims=True)
    assert clear.sum() == 2
    assert (decode(data, None) == np.where(clear, 255, levels)).all()


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [4, 6], ids=["grey", "colour"])
def test_alpha_is_laid_on_white_at_every_depth(colour: int, depth: int) -> None:
    values = RNG.integers(0, 1 << depth, (*SIZE, 2 if colour == 4 else 4)).astype(np.uint16)
    values[0, 0, -1], values[0, 1, -1] = 0, (1 << depth) - 1
    levels = (values >> (depth - 8)).astype(float)
    expected = on_white(levels[:, :, :-1], levels[:, :, -1:])
    found = decode(png(values, depth, colour), None)
    assert found.shape == expected.shape  # what is stored as grey stays grey
    assert np.abs(found - expected).max() <= 1
    assert (found[0, 0] == 255).all()
    assert (found[0, 1] == levels[0, 1, :-1]).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palettes_alpha_is_laid_on_white(depth: int) -> None:
    count = 1 << depth
    palette = RNG.integers(0, 256, (count, 3)).astype(np.uint8)
    alpha = RNG.integers(0, 256, count).astype(np.uint8)
    alpha[:2] = 0, 128
    values = RNG.integers(0, count, (*SIZE, 1)).astype(np.uint16)
    plain = png(values, depth, 3, (b"PLTE", palette.tobytes()))
    assert (decode(plain) == palette[values[:, :, 0]]).all()
    data = png(values, depth, 3, (b"PLTE", palette.tobytes()), (b"tRNS", alpha.tobytes()))
    expected = on_white(palette[values[:, :, 0]], alpha[values])
    assert np.abs(decode(data) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "RGB", "RGBA", "CMYK", "YCbCr", "PA"])
def test_every_mode_of_a_tiff_is_what_pillow_makes_of_it(mode: str) -> None:
    smooth = Image.linear_gradient("L").resize((40, 30))
    source = Image.merge("RGB", (smooth, smooth.rotate(90), smooth.rotate(180)))
    if mode in ("La", "PA"):
        image = source.convert("LA" if mode == "La" else "P").convert(mode)
    else:
        image = source.convert(mode)
    if "A" in mode or "a" in mode:
        expected = source.convert("L") if mode[0] == "L" else image.convert("RGB")
    else:
        expected = image
    found = pixels_of(image, 3, "image")
    assert np.abs(found - np.asarray(expected.convert("RGB")).astype(int)).max() <= 1


def test_large_images_go_in_strips_and_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for values, depth, colour, extra in (
        (RNG.integers(0, 256, (50, 31, 3)), 8, 2, ()),
        (RNG.integers(0, 256, (50, 31, 4)), 8, 6, ()),
        (RNG.integers(0, 65536, (50, 31, 1)), 16, 0, ((b"tRNS", b"\1\2"),)),
        (RNG.integers(0, 4, (50, 31, 3)), 16, 2, ((b"tRNS", bytes(6)),)),
    ):
        files.append(png(values, depth, colour, *extra))
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (50, 31, 3), np.uint8)).convert("CMYK").save(
        buffer, "JPEG"
    )
    files.append(buffer.getvalue())
    whole = [decode(data, channels) for data in files for channels in (None, 1, 3)]
    monkeypatch.setattr(pixels, "_STRIP", 100)
    parts = [decode(data, channels) for data in files for channels in (None, 1, 3)]
    assert all((one == other).all() for one, other in zip(whole, parts, strict=True))


def test_exif_that_is_a_flood_is_not_read() -> None:
    values = RNG.integers(0, 256, (*SIZE, 3))
    turned = struct.pack("<HHII", 0x0112, 3, 1, 6)
    for count, shape in ((1, (9, 6, 3)), (12_000, (6, 9, 3))):
        entries = turned + struct.pack("<HHII", 1, 3, 1, 0) * (count - 1)
        exif = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4)
        assert decode(png(values, 8, 2, (b"eXIf", exif))).shape == shape
