from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from striate.data.decoding.decode import ImageError, decode, decoded
from striate.data.decoding.in_memory import pixels_of
from striate.errors import DataError


def smooth(height: int = 40, width: int = 60) -> np.ndarray:
    """A colourful image without sharp edges, so that lossy formats keep it."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / 10 + y / 15)]
    return np.stack(planes, axis=2).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def close(left: np.ndarray, right: np.ndarray, levels: float) -> bool:
    return bool(np.abs(left.astype(int) - right.astype(int)).mean() <= levels)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_the_pixels_back(form):
    assert (decode(encoded(smooth(), form)) == smooth()).all()


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_lossy_formats_give_nearly_the_pixels_back(form):
    assert close(decode(encoded(smooth(), form, quality=95)), smooth(), 2)


def test_grey_jpeg_in_every_number_of_channels():
    data = encoded(Image.fromarray(smooth()).convert("L"), "JPEG")
    grey, colour, stored = (decode(data, channels) for channels in (1, 3, None))
    assert grey.shape == stored.shape == (40, 60, 1)
    assert (colour == grey).all()
    assert colour.shape == (40, 60, 3)


def test_colour_as_grey_is_pillows_luma():
    expected = np.asarray(Image.fromarray(smooth()).convert("L"))
    assert (decode(encoded(smooth(), "PNG"), 1)[:, :, 0] == expected).all()


def test_cmyk_jpeg_keeps_its_colours():
    data = encoded(Image.fromarray(smooth()).convert("CMYK"), "JPEG", quality=95)
    assert close(decode(data), smooth(), 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(form, orientation):
    upright = smooth()
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if form in ("JPEG", "WEBP") else {}
    stored = np.ascontiguousarray(undo[orientation](upright))
    data = encoded(stored, form, exif=exif, **options)
    assert decode(data).shape == upright.shape
    assert close(decode(data), upright, 2)


def test_unreadable_exif_does_not_spoil_a_picture():
    data = encoded(smooth(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")
    with pytest.warns(UserWarning, match="EXIF"):
        assert decode(data).shape == (40, 60, 3)


def test_transparency_shows_white():
    image = Image.fromarray(smooth()).convert("RGBA")
    image.putalpha(0)
    assert (decode(encoded(image, "PNG")) == 255).all()
    image.putalpha(128)
    expected = smooth() / 2 + 127.5
    assert close(decode(encoded(image, "PNG")), expected, 1.5)
    assert close(decode(encoded(image, "WEBP", lossless=True)), expected, 1.5)


def test_grey_with_alpha_stays_grey():
    image = Image.fromarray(smooth()).convert("LA")
    assert decode(encoded(image, "PNG"), None).shape == (40, 60, 1)


def test_palette_with_and_without_transparency():
    image = Image.fromarray(smooth()).quantize(32)
    expected = np.asarray(image.convert("RGB"))
    assert (decode(encoded(image, "PNG")) == expected).all()
    seen = decode(encoded(image, "PNG", transparency=5))
    clear = np.asarray(image) == 5
    assert clear.any()
    assert (seen[clear] == 255).all()
    assert (seen[~clear] == expected[~clear]).all()


def test_one_bit_becomes_black_and_white():
    values = decode(encoded(Image.fromarray(smooth()).convert("1"), "PNG"), None)
    assert values.shape[2] == 1
    assert set(np.unique(values)) == {0, 255}


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(form):
    values = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    assert (decode(encoded(values, form), 1)[:, :, 0] == values >> 8).all()


def test_sixteen_bit_colour_is_scaled_and_not_clipped():
    values = smooth().astype(np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    assert (decode(png(60, 40, 16, 2, rows)) == smooth()).all()


def test_gif_gives_its_first_frame():
    first, second = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (20, 10), "blue")
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    assert (decode(data) == (255, 0, 0)).all()


def kind_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, name="flower.jpg")
    assert str(caught.value).startswith("flower.jpg: ")
    assert "\n" not in str(caught.value)
    return caught.value.kind


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_half_a_file_is_truncated(form):
    data = encoded(smooth(), form)
    assert kind_of(data[: len(data) // 2]) == "truncated"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_ten_bytes_of_a_file_are_truncated(form):
    assert kind_of(encoded(smooth(), form)[:10]) == "truncated"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF"])
def test_a_file_filled_up_with_zeros_is_refused(form):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    data = encoded(noise, form)
    assert kind_of(data[: len(data) // 2] + bytes(len(data) // 2)) in ("truncated", "damaged")


def test_a_jpeg_followed_by_other_data_is_read():
    thumbnail = b"\xff\xd8 a thumbnail \xff\xd9"
    data = encoded(smooth(), "JPEG", comment=thumbnail)
    assert decode(data + b"more" * 100).shape == (40, 60, 3)
    body = data[:-2]
    assert kind_of(body + bytes(5000)) == "truncated"  # the thumbnail's end is not the picture's


def test_damaged_png_is_refused():
    data = bytearray(encoded(smooth(), "PNG"))
    data[len(data) // 2] ^= 0x55
    assert kind_of(bytes(data)) == "damaged"


@pytest.mark.parametrize(
    ("data", "kind", "word"),
    [
        (b"", "empty", "0 bytes"),
        (b"<!DOCTYPE html><html>not found</html>", "unreadable", "HTML"),
        (b"some notes", "unreadable", "format"),
        (b"version https://git-lfs.github.com/spec/v1", "unreadable", "LFS"),
        (bytes(1000), "damaged", "zero bytes"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0", "unsupported", "camera raw"),
    ],
)
def test_what_is_no_image_says_what_it_is(data, kind, word):
    assert kind_of(data) == kind
    with pytest.raises(ImageError, match=word):
        decode(data)


@pytest.mark.parametrize("side", [13_500, 30_000])
def test_what_cannot_hold_its_picture_is_refused_before_memory_is_taken(side, recwarn):
    assert kind_of(png(side, side, 8, 0, b"")) == "truncated"


def test_numbers_without_a_range_are_refused():
    assert kind_of(encoded(np.zeros((4, 4), np.float32), "TIFF")) == "unsupported"
    assert kind_of(encoded(np.zeros((4, 4), np.int32), "TIFF")) == "unsupported"


def test_a_missing_file_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match=str(tmp_path / "no.jpg")) as caught:
        decode(Path("no.jpg"))
    assert caught.value.kind == "unreadable"


def test_the_format_is_told_apart_from_the_name(tmp_path):
    file = tmp_path / "flower.png"
    file.write_bytes(encoded(smooth(), "JPEG"))
    with decoded(file.read_bytes(), "flower.png") as (_, form):
        assert form == "JPEG"
    assert decode(file).shape == (40, 60, 3)


def test_pillow_is_left_as_it_was():
    before = Image.MAX_IMAGE_PIXELS
    decode(encoded(smooth(), "JPEG"))
    assert before == Image.MAX_IMAGE_PIXELS
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_pillows_limit_of_pixels_is_neither_a_warning_nor_an_error_here(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    forms = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
    files = [encoded(smooth(), form) for form in forms]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in files:
            assert decode(data).shape == (40, 60, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_an_image_of_pillows_is_refused_by_the_same_limit(monkeypatch):
    monkeypatch.setenv("STRIATE_IMAGE_MEMORY", "1M")
    with pytest.raises(DataError, match="image: has 1,000 x 1,000 pixels"):
        pixels_of(Image.new("L", (1000, 1000)), 1, "image")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is JPEG 2000, which is not read here; convert it"),
        (b"\0\0\0\x18ftypcrx ", "is camera raw, which is not read here; develop it"),
        (b"\0\0\0\x18ftypisom", r"is a film \('isom'\)"),
        (b"8BPS\0\1", "is Photoshop"),
        (bytes(128) + b"DICM", "is DICOM"),
    ],
)
def test_an_image_that_is_not_read_here_is_named_with_what_to_do(data, word):
    assert kind_of(data + bytes(200)) == "unsupported"
    with pytest.raises(ImageError, match=word):
        decode(data + bytes(200))
