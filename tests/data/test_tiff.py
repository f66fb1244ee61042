"""TIFF: raw files, floods, damage that libtiff lets pass, and silence."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding.decode import ImageError, decode
from striate.data.decoding.tiff import without_chatter

Tag = tuple[int, int, int, int]  # number, type, count, value


def photograph(height: int = 90, width: int = 120) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / 10 + y / 15)]
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return Image.fromarray((np.stack(planes, axis=2) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


def by_hand(values: np.ndarray, photometric: int, extra: tuple[Tag, ...] = ()) -> bytes:
    """An uncompressed grey TIFF of `values`, little-endian."""
    height, width = values.shape
    body = values.astype(values.dtype.newbyteorder("<")).tobytes()
    tags: list[Tag] = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8 * values.itemsize),
        (259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, 1),
        (278, 4, 1, height), (279, 4, 1, len(body)), *extra,
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def kind_of(data: bytes, name: str = "") -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, name=name)
    return caught.value.kind


LEVELS = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
def test_white_may_be_zero(photometric: int) -> None:
    for values in (LEVELS, (LEVELS >> 8).astype(np.uint8)):
        upper = values >> 8 * (values.itemsize - 1)
        expected = upper if photometric else 255 - upper
        assert (decode(by_hand(values, photometric), 1)[:, :, 0] == expected).all()
        assert (decode(by_hand(values, photometric), 3) == expected[:, :, None]).all()


@pytest.mark.parametrize(
    "extra",
    [
        ((50706, 1, 4, 0x0401),),  # DNGVersion
        ((254, 4, 1, 1), (330, 4, 1, 8)),  # a thumbnail, with the picture elsewhere
    ],
    ids=["DNG", "NEF"],
)
def test_a_cameras_raw_file_is_not_read_as_its_thumbnail(extra: tuple[Tag, ...]) -> None:
    assert decode(by_hand(LEVELS, 1)).shape == (16, 16, 3)
    with pytest.raises(ImageError, match="is camera raw, which is not read here; develop it"):
        decode(by_hand(LEVELS, 1, extra))


def test_a_raw_files_name_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "a.NEF"
    file.write_bytes(by_hand(LEVELS, 1))
    with pytest.raises(ImageError, match="camera raw"):
        decode(file)


def test_a_flood_of_tags_or_of_their_values_is_refused() -> None:
    tags = tuple((1000 + i, 3, 1, 0) for i in range(5000))
    assert kind_of(by_hand(LEVELS, 1, tags)) == "damaged"
    large = tuple((1000 + i, 7, 500, 8) for i in range(1000))
    assert kind_of(by_hand(LEVELS, 1, large)) == "damaged"


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "jpeg", "tiff_lzw"])
def test_a_lost_or_overwritten_block_is_refused(compression: str) -> None:
    data = encoded(photograph(), compression=compression)
    assert decode(data).shape == (90, 120, 3)
    place, block = len(data) // 3, len(data) // 4
    assert kind_of(data[:place] + bytes(block) + data[place + block :]) in ("truncated", "damaged")
    assert kind_of(data[:place] + data[place + block :]) in ("truncated", "damaged")
    assert kind_of(data[:place]) in ("truncated", "damaged")


@pytest.mark.parametrize("strip", [1 << 12, 1 << 30])
@pytest.mark.parametrize(
    "compression", ["tiff_adobe_deflate", "jpeg", "tiff_lzw", "packbits", "group4", "raw"]
)
def test_what_is_whole_is_read_as_pillow_reads_it(compression: str, strip: int) -> None:
    flat = Image.new("RGB", (120, 90), "white")
    flat.paste(photograph(40, 50), (10, 10))
    for image in (photograph(), flat, photograph().convert("L"), photograph().convert("1")):
        if (compression == "group4") != (image.mode == "1"):
            continue
        data = encoded(image, compression=compression, strip_size=strip)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert (decode(data) == expected).all()


def test_libtiff_says_nothing_on_the_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encoded(photograph(), compression="tiff_lzw"))
    data[200:9000] = bytes(8800)
    assert kind_of(bytes(data)) == "damaged"
    assert capfd.readouterr().err == ""
    with without_chatter(), without_chatter():  # as on two threads
        pass
    with pytest.raises(OSError, match="decoder error"):
        Image.open(io.BytesIO(data)).load()
    assert capfd.readouterr().err  # for others all is as it was
