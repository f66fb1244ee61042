"""JPEG: the pixels of Pillow, and files that are whole."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

from striate.data.decoding.decode import ImageError, decode
from striate.data.decoding.jpeg import decode as decode_jpeg
from striate.data.decoding.jpeg import lean, read_header

EOI = b"\xff\xd9"


def photograph(height: int = 120, width: int = 160) -> Image.Image:
    """Something with the smoothness and the noise of a photograph."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / 10 + y / 15)]
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return Image.fromarray((np.stack(planes, axis=2) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def kind_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
    return caught.value.kind


KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "optimised": {"optimize": True},
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "many restarts": {"restart_marker_blocks": 3},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
    "RGB": {"keep_rgb": True},
}


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_pillows_to_the_bit(kind: str, mode: str) -> None:
    for size in ((120, 160), (33, 47), (1, 17), (1, 1)):
        data = encoded(photograph(*size).convert(mode), quality=85, **KINDS[kind])
        assert (decode(data) == by_pillow(data)).all()
        if mode != "CMYK":  # which Pillow subsamples in a way of its own: Pillow decodes that
            header = read_header(data)
            assert decode_jpeg(data, header, mode, size[::-1]) is not None


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_turned_by_its_exif_is_as_pillow_turns_it(orientation: int, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = photograph(33, 47).convert(mode)
    for kind in ("plain", "4:4:4", "progressive"):
        data = encoded(picture, quality=85, exif=exif, **KINDS[kind])
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        assert (decode(data) == np.asarray(upright.convert("RGB"))).all(), kind


def test_ycck_is_told_from_cmyk_by_its_mark() -> None:
    data = encoded(photograph().convert("CMYK"), quality=85)
    mark = data.index(b"Adobe") + 11
    assert data[mark] == 0
    ycck = data[:mark] + b"\2" + data[mark + 1 :]
    assert (decode(ycck) == by_pillow(ycck)).all()
    assert not (decode(ycck) == decode(data)).all()


SOUND = {name: encoded(photograph(), quality=85, **KINDS[name]) for name in KINDS}
SOUND["grey"] = encoded(photograph().convert("L"), quality=85)
SOUND["CMYK"] = encoded(photograph().convert("CMYK"), quality=85)
SOUND["two pictures"] = encoded(
    photograph(), "MPO", quality=85, save_all=True, append_images=[photograph(60, 80)]
)


def picture_of(data: bytes) -> tuple[int, int]:
    """Where the data of the (first) picture lie."""
    start = read_header(data).end
    return start, data.index(EOI, start)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", SOUND)
def test_what_was_cut_off_and_filled_up_is_refused(kind: str, share: float) -> None:
    data = SOUND[kind]
    start, end = picture_of(data)
    place = int(start + share * (end - start))
    assert kind_of(data[:place]) == "truncated"
    assert kind_of(data[:place] + bytes(len(data) - place)) in ("truncated", "damaged")
    # A second picture, or a download that got its last block, leaves an end in the file.
    assert kind_of(data[:place] + bytes(end - place) + data[end:]) in ("truncated", "damaged")
    assert kind_of(data[:place] + bytes(end - place) + EOI) in ("truncated", "damaged")


@pytest.mark.parametrize("kind", SOUND)
def test_a_lost_or_added_or_overwritten_block_is_refused(kind: str) -> None:
    data = SOUND[kind]
    start, end = picture_of(data)
    place, block = (start + end) // 3, (end - start) // 4
    noise = np.random.default_rng(1).integers(0, 255, block, np.uint8).tobytes()
    assert kind_of(data[:place] + data[place + block :]) in ("truncated", "damaged")
    assert kind_of(data[:place] + noise + data[place:]) in ("truncated", "damaged")
    assert kind_of(data[:place] + bytes(block) + data[place + block :]) in ("truncated", "damaged")
    ones = b"\xff" * block
    assert kind_of(data[:place] + ones + data[place + block :]) in ("truncated", "damaged")


@pytest.mark.parametrize(("quality", "count"), [(75, 32), (85, 48), (95, 64)])
def test_a_short_stretch_of_zeros_is_refused_that_libjpeg_is_content_with(
    quality: int, count: int
) -> None:
    data = encoded(photograph(240, 320), quality=quality)
    start, end = picture_of(data)
    places = range(start + 50, end - count - 20, (end - start) // 40)
    damaged = [data[:place] + bytes(count) + data[place + count :] for place in places]
    assert all(kind_of(each) in ("truncated", "damaged") for each in damaged)
    content = 0
    for each in damaged:
        with suppress(ValueError):  # which it raises for what libjpeg warns of
            simplejpeg.decode_jpeg(each)
            content += 1
    assert content > len(damaged) / 2 or quality > 90


def test_zeros_of_a_flat_picture_are_no_damage() -> None:
    """In optimised tables the code of zeros is "the rest is nothing": white paper is full of it."""
    flat = Image.new("RGB", (1500, 1000), "white")
    flat.paste(photograph(), (40, 30))
    data = encoded(flat, optimize=True)
    assert bytes(32) in data
    assert (decode(data) == by_pillow(data)).all()
    for level in (0, 90, 255):
        data = encoded(Image.new("L", (900, 900), level), optimize=True)
        assert (decode(data) == by_pillow(data)).all()


def test_what_cameras_and_programs_do_is_no_damage() -> None:
    data = SOUND["plain"]
    start, end = picture_of(data)
    expected = by_pillow(data)
    for sound in (
        data + b"more" * 1000,  # films, sounds and notes behind the picture
        data + bytes(5000),
        data[:end] + bytes(6) + data[end:],  # filled up to whole words
        data[:end] + b"\xff" * 40 + data[end:],
        data[:end] + b"abcd" + data[end:],  # a webcam's stray bytes
        data[:2] + b"\xff\xff\xff" + data[3:],  # fill between segments
        data[:20] + b"stray" + data[20:],
        data[: start - 3] + b"\0\0\0" + data[start:],  # a scan "of no coefficients": telephones
        data[:2] + b"\xff\xfe" + struct.pack(">H", 8) + EOI * 3 + data[2:],  # an end in a comment
    ):
        assert (decode(sound) == expected).all()


def test_more_than_stray_bytes_behind_the_picture_are_damage() -> None:
    data = SOUND["plain"]
    _, end = picture_of(data)
    assert kind_of(data[:end] + b"abcdefghijkl" + data[end:]) == "damaged"
    assert kind_of(data[:end] + bytes(30) + data[end:]) == "damaged"


def test_a_warning_about_the_header_does_not_hide_one_about_the_picture() -> None:
    data = SOUND["plain"]
    start, end = picture_of(data)
    assert data[start - 3 : start] == b"\0\x3f\0"
    odd = data[: start - 3] + b"\0\0\0" + data[start:]
    place = (start + end) // 2
    assert kind_of(odd[:place] + odd[place + 500 :]) in ("truncated", "damaged")


def test_a_picture_without_its_end_marker_is_truncated_and_a_second_end_is_none() -> None:
    data = SOUND["plain"]
    assert kind_of(data[:-2]) == "truncated"
    with pytest.raises(ImageError, match="without its end marker"):
        decode(data[:-2])


def test_another_size_than_the_data_have_is_refused() -> None:
    data = SOUND["plain"]
    frame = data.index(b"\xff\xc0") + 5
    for height, width in ((120, 200), (200, 160), (60, 160), (120, 80)):
        wrong = data[:frame] + struct.pack(">HH", height, width) + data[frame + 4 :]
        assert kind_of(wrong) in ("truncated", "damaged")


@pytest.mark.parametrize(
    "flood",
    [b"\xff\xfe\0\2", b"\xff\xd0", b"\xff\0", b"\xff\x01", b"\xff\xe1\0\2"],
    ids=["comments", "restarts", "stuffing", "alone", "metadata"],
)
def test_a_flood_of_segments_is_refused_at_once(flood: bytes) -> None:
    data = SOUND["plain"]
    with pytest.raises(ImageError, match="segments"):
        decode(data[:2] + flood * 50_000 + data[2:])


def test_fill_and_metadata_cost_their_length() -> None:
    data = SOUND["plain"]
    expected = by_pillow(data)
    exif = b"\xff\xe1\xff\xff" + b"Exif\0\0" + bytes(65533 - 6)
    assert (decode(data[:2] + b"\xff" * 3_000_000 + data[2:]) == expected).all()
    flooded = data[:2] + exif * 80 + data[2:]
    assert (decode(flooded) == expected).all()
    assert len(lean(flooded, read_header(flooded))) < 2_000_000


def test_a_flood_of_scans_is_refused() -> None:
    data = SOUND["progressive"]
    last = data.rindex(b"\xff\xda")
    assert kind_of(data[:last] + data[last:-2] * 200 + EOI) == "damaged"


def test_no_real_photograph_is_refused(real_data: Path) -> None:
    files = sorted((real_data / "flowers").rglob("*.jpg"))[::40]
    files += sorted((real_data / "cifar10").rglob("*.jp*g"))[::1500]
    assert files
    for file in files:
        assert (decode(file) == by_pillow(file.read_bytes())).all()
