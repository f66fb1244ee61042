"""Which files are images, whatever they are called."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding.formats import FOREIGN, SUFFIXES, kind_of, kind_of_content, remedy_for

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8))


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
@pytest.mark.parametrize("name", ["photo", "a.jpg_large", "a.jpg?w=600", "a.b.c", "IMG_1.JPG~2"])
def test_content_tells_where_the_name_does_not(tmp_path: Path, form: str, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(encoded(form))
    assert kind_of(file) == form


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JPG", "JPEG"),
        ("a.pjpeg", "JPEG"),
        ("a.mpo", "JPEG"),
        ("a.Tif", "TIFF"),
        ("a.heics", "HEIC"),
        ("a.hif", "HEIC"),
        ("a.jxl", "JPEG XL"),
        ("a.jpx", "JPEG 2000"),
        ("a.raf", "camera raw"),
        ("a.RW2", "camera raw"),
        ("a.orf", "camera raw"),
        ("a.tga", "Targa"),
        ("a.exr", "OpenEXR"),
        ("a.dcm", "DICOM"),
    ],
)
def test_a_name_that_tells_is_believed(tmp_path: Path, name: str, kind: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"anything")
    assert kind_of(file) == kind


@pytest.mark.parametrize("name", ["a.txt", "a.jpg.part", "a.jpg.crdownload", "a.THM", "a.json"])
def test_what_says_that_it_is_something_else_is_not_opened(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(encoded("JPEG"))
    assert kind_of(file) == ""


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC"),
        (b"\0\0\0\x18ftypmif1", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"\0\0\0\x18ftypcrx ", "camera raw"),
        (b"\0\0\0\x18ftypisom", ""),  # a film
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
        (b"II*\0\x08\0\0\0\x0a\0\0\1", "TIFF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
        (b"8BPS\0\x01", "Photoshop"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n", "high-dynamic-range"),
        (b"IIII\x94waR\x08\0\0\0", "camera raw"),
        (b"MMMMRaw\x94\0\0\0\x08", "camera raw"),
        (b"MMMM, a text that begins so", ""),
        (b"BM: Bavarian Motors, a text that begins so", ""),
        (b"P5 and P6 are the names of two rooms", ""),
        (b"P6\n# a comment\n3 2\n255\n", "PPM"),
        (b"RIFF\x10\0\0\0WAVEfmt ", ""),
        (b"", ""),
        (b"some notes", ""),
    ],
)
def test_first_bytes(head: bytes, kind: str) -> None:
    assert kind_of_content(head) == kind


def test_what_cannot_be_opened_is_no_image_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "loop", "zero", "nowhere", "folder", "n" * 300, "a\0b"):
        assert kind_of(tmp_path / name) == ""


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("ride.FIT", b"\x0e\x10\xd9\x07\x10\0\0\0.FIT", ""),  # Garmin
        ("m31.fit", b"SIMPLE  =                    T", "FITS"),
        ("scene.hdr", b"ENVI\nsamples = 512\n", ""),
        ("brain.hdr", b"\x5c\1\0\0dsr      \0\0", ""),  # Analyze
        ("sky.hdr", b"#?RADIANCE\n", "high-dynamic-range"),
        ("font.pfm", b"\0\1\x8b\2\0\0", ""),
        ("depth.pfm", b"Pf\n3 2\n-1.0\n", "high-dynamic-range"),
        ("wire.cap", b"\xd4\xc3\xb2\xa1\2\0\4\0", ""),  # packets of a network
        ("a.cap", b"IIII\x94waR\x08\0\0\0", "camera raw"),
        ("a.ori", b"IIRO\x08\0\0\0", "camera raw"),
        ("cube.ori", b"0.1 0.2 0.3\n", ""),
        ("dump.raw", bytes(64), ""),
        ("a.raw", b"IIU\0\x18\0\0\0", "camera raw"),
        ("a.raw", b"MM\0*\0\0\0\x08", "camera raw"),  # not the thumbnail at its beginning
        ("a.raw", b"\xff\xd8\xff\xe0", "JPEG"),
        ("a.raw", b"", ""),
    ],
)
def test_endings_that_others_use_too_are_not_believed(
    tmp_path: Path, name: str, head: bytes, kind: str
) -> None:
    file = tmp_path / name
    file.write_bytes(head)
    assert kind_of(file) == kind


def test_every_foreign_kind_has_a_remedy_and_no_name_means_two_things() -> None:
    assert all(remedy_for(kind).split()[0] for kind in FOREIGN.values())
    assert not set(SUFFIXES) & set(FOREIGN)
    assert all(name == name.lower() and name[0] == "." for name in [*SUFFIXES, *FOREIGN])
