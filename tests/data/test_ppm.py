"""PBM, PGM and PPM: the levels of Pillow, and none of its minutes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding.decode import ImageError, decode

RNG = np.random.default_rng(0)


def plain(kind: int, values: np.ndarray, most: int) -> bytes:
    height, width = values.shape[:2]
    head = f"P{kind}\n# a comment\n{width} {height}\n" + ("" if kind == 1 else f"{most}\n")
    return (head + " ".join(map(str, values.reshape(-1).tolist())) + "\n").encode()


def raw(kind: int, values: np.ndarray, most: int) -> bytes:
    height, width = values.shape[:2]
    head = f"P{kind} {width} {height}" + ("\n" if kind == 4 else f" {most}\n")
    if kind == 4:
        return head.encode() + np.packbits(values.astype(bool), axis=1).tobytes()
    return head.encode() + values.astype(np.uint8 if most < 256 else ">u2").tobytes()


@pytest.mark.parametrize("most", [1, 7, 255, 256, 1000, 65535])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_greatest_level_gives_what_pillow_gives(channels: int, most: int) -> None:
    shape = (7, 13) if channels == 1 else (7, 13, 3)
    values = RNG.integers(0, most + 1, shape)
    values.flat[:2] = 0, most
    for data in (
        plain(channels if channels == 3 else 2, values, most),
        raw(6 if channels == 3 else 5, values, most),
    ):
        image = Image.open(io.BytesIO(data))
        expected = np.asarray(image).astype(np.int64)
        if channels == 1 and most > 255:
            expected >>= 8
        assert (decode(data, None).squeeze() == expected).all()


def test_bits_plain_and_raw_with_and_without_space() -> None:
    bits = RNG.integers(0, 2, (7, 13))
    expected = 255 * (1 - bits)
    tight = b"P1 13 7\n" + b"".join(map(str.encode, map(str, bits.reshape(-1).tolist())))
    for data in (plain(1, bits, 1), tight, raw(4, bits, 1)):
        assert (decode(data, None)[:, :, 0] == expected).all()
        assert (np.asarray(Image.open(io.BytesIO(data)).convert("L")) == expected).all()


def test_comments_stand_between_values() -> None:
    assert decode(b"P2\n2 1\n255\n12#twelve\n34 # and more", None).tolist() == [[[12], [34]]]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"P5 3 3\n255\n12345678", "truncated"),
        (b"P4 9 3\n12345", "truncated"),
        (b"P2 3 3\n255\n1 2 3", "truncated"),
        (b"P1 3 3\n1010", "truncated"),
        (b"P2 3 1\n255\n1 2 300", "damaged"),
        (b"P2 3 1\n255\n1 -2 3", "damaged"),
        (b"P2 3 1\n255\n1 two 3", "damaged"),
        (b"P2 1 1\n255\n" + b"1" * 3_000_000, "damaged"),
        (b"P1 3 1\n1 2 1", "damaged"),
        (b"P5 0 3\n255\n", "damaged"),
        (b"P5 3 3\n0\n123456789", "damaged"),
        (b"P5 3 3\n70000\n123456789", "damaged"),
        (b"P6\n#" + b"x" * 200_000 + b"\n1 1\n255\n123", "damaged"),
        (b"P3\n1 1\n255\n" + b"#\n1 " * 150_000, "damaged"),
    ],
)
def test_damage_is_told_and_floods_are_refused(data: bytes, kind: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.kind == kind
