"""HEIC, AVIF and JPEG XL, where what reads them is installed, and the word for where it is not."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from striate.data.decoding import boxes
from striate.data.decoding.decode import ImageError, decode, decoders
from striate.data.decoding.formats import kind_of, kind_of_content
from striate.data.sources import open_data
from striate.errors import DataError

pillow_heif = pytest.importorskip("pillow_heif")
pillow_jxl = pytest.importorskip("pillow_jxl")
if not features.check("avif"):
    pytest.skip("this Pillow has no AVIF", allow_module_level=True)

Array = np.ndarray
KINDS = {"HEIC": ".heic", "AVIF": ".avif", "JPEG XL": ".jxl"}


def picture(height: int = 40, width: int = 56) -> Array:
    """A smooth picture that differs in every corner."""
    rows, columns = np.mgrid[:height, :width]
    levels = [rows * 4, columns * 4, 250 - rows * 2 - columns]
    return np.stack(levels, axis=2).clip(0, 255).astype(np.uint8)


def heic(pixels: Array, mode: str = "RGB", **how: object) -> bytes:
    content = io.BytesIO()
    height, width = pixels.shape[:2]
    made = pillow_heif.from_bytes(mode, (width, height), np.ascontiguousarray(pixels).tobytes())
    made.save(content, quality=-1, chroma=444, **how)
    return content.getvalue()


def avif(pixels: Array, **how: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "AVIF", quality=100, subsampling="4:4:4", **how)
    return content.getvalue()


def jpeg_xl(pixels: Array, **how: object) -> bytes:
    height, width = pixels.shape[:2]
    mode = {2: "L", 3: {3: "RGB", 4: "RGBA"}.get(pixels.shape[-1])}[pixels.ndim]
    encoder = pillow_jxl.Encoder(mode=mode, lossless=True, quality=0.0, **how)
    return encoder(np.ascontiguousarray(pixels).tobytes(), width, height, jpeg_encode=False)


ENCODERS: dict[str, Callable[..., bytes]] = {"HEIC": heic, "AVIF": avif, "JPEG XL": jpeg_xl}
each_kind = pytest.mark.parametrize("kind", list(KINDS))


@each_kind
def test_pixels_are_those_that_were_saved(tmp_path: Path, kind: str) -> None:
    pixels = picture()
    file = tmp_path / f"a{KINDS[kind]}"
    file.write_bytes(ENCODERS[kind](pixels))
    assert kind_of(file) == kind == kind_of_content(file.read_bytes()[:132])
    found = decode(file)
    assert found.shape == pixels.shape
    assert np.abs(found.astype(int) - pixels).max() <= (0 if kind == "JPEG XL" else 3)
    assert decode(file, 1).shape == (40, 56, 1)


@each_kind
def test_what_is_clear_shows_white(kind: str) -> None:
    pixels = np.dstack([picture(), np.full((40, 56), 255, np.uint8)])
    pixels[:20, :, 3] = 0
    content = heic(pixels, "RGBA") if kind == "HEIC" else ENCODERS[kind](pixels)
    found = decode(content)
    assert found[:18].min() >= 252
    assert np.abs(found[22:].astype(int) - pixels[22:, :, :3]).max() <= 3


def test_they_are_turned_as_the_picture_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    pixels = picture()
    wanted = np.rot90(pixels, -1).astype(int)
    image = Image.fromarray(pixels)
    content = io.BytesIO()
    image.save(content, "AVIF", quality=100, subsampling="4:4:4", exif=exif.tobytes())
    assert np.abs(decode(content.getvalue()) - wanted).max() <= 3
    made = pillow_heif.from_pillow(image)
    content = io.BytesIO()
    made.save(content, quality=-1, chroma=444, exif=exif.tobytes())
    assert np.abs(decode(content.getvalue()) - wanted).max() <= 3
    # A JPEG that was packed without loss is that JPEG again, and turned as it says.
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=90, exif=exif.tobytes())
    encoder = pillow_jxl.Encoder(mode="RGB", lossless=True, quality=0.0)
    packed = encoder(jpeg.getvalue(), 56, 40, jpeg_encode=True)
    assert kind_of_content(packed[:132]) == "JPEG XL"
    assert (decode(packed) == decode(jpeg.getvalue())).all()


def test_ten_bits_are_brought_to_eight() -> None:
    levels = (np.arange(40 * 56 * 3).reshape(40, 56, 3) * 7 % 1024).astype(np.uint16)
    levels.sort(axis=1)
    pixels = heic(levels << 6, "RGB;16", save_as_10bit=True)
    assert np.abs(decode(pixels).astype(int) - (levels >> 2)).max() <= 4


@each_kind
def test_damage_is_found(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    whole = ENCODERS[kind](noise)
    assert decode(whole).shape == (64, 80, 3)
    for part in (0.02, 0.2, 0.5, 0.8, 0.99):
        place = int(len(whole) * part)
        harmed = {
            "cut": whole[:place],
            "zeros to the end": whole[:place] + bytes(len(whole) - place),
            "64 zeros": whole[:place] + bytes(64) + whole[place + 64 :],
            "lost": whole[:place] + whole[place + 64 :],
        }
        for how, content in harmed.items():
            with pytest.raises(ImageError) as caught:
                decode(content)
            assert "\n" not in str(caught.value), (how, part)
    for content in (whole[:14], whole[:4] + bytes(20)):
        with pytest.raises(ImageError):
            decode(content)


@each_kind
def test_size_is_known_before_the_picture_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ENCODERS[kind](np.zeros((300, 400, 3), np.uint8) + 9)
    monkeypatch.setenv("STRIATE_IMAGE_MEMORY", "1M")
    with pytest.raises(ImageError, match="400 x 300 pixels and would take 2 MiB"):
        decode(whole)


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (100, 200), (300, 257), (16, 9), (1, 5000)])
def test_the_size_of_a_jpeg_xl_is_read_from_its_header(size: tuple[int, int]) -> None:
    width, height = size
    content = jpeg_xl(np.zeros((height, width), np.uint8))
    assert boxes.jpeg_xl_size(content) == size


@each_kind
def test_without_its_package_a_file_names_what_to_install(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pillow_heif", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(features.modules, "avif")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"x{KINDS[kind]}").write_bytes(ENCODERS[kind](picture()))
    package = {"HEIC": "pillow-heif", "AVIF": "pillow>=11.3", "JPEG XL": "pillow-jxl-plugin"}[kind]
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    said = str(caught.value)
    assert f"is {kind}, which needs another package to be read; `pip install '{package}'`" in said
    assert "convert it to JPEG or PNG" in said


def test_what_is_kept_of_images_hangs_on_what_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = decoders()
    monkeypatch.delitem(features.modules, "avif")
    assert decoders() != before


def test_zeros_beside_the_picture_do_no_harm() -> None:
    # Cameras fill up their notes.
    exif = Image.Exif()
    exif[0x010E] = "x"
    pixels = picture()
    content = io.BytesIO()
    notes = exif.tobytes() + bytes(500)
    Image.fromarray(pixels).save(content, "AVIF", quality=100, exif=notes)
    assert bytes(400) in content.getvalue()
    assert decode(content.getvalue()).shape == pixels.shape
