"""PNG, WebP and GIF: whole files are taken, others told."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding.decode import ImageError, decode, decoding, digest_of


def photograph(height: int = 90, width: int = 120) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / 10 + y / 15)]
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return Image.fromarray((np.stack(planes, axis=2) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def kind_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
    return caught.value.kind


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def chunks_of(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk of a PNG."""
    position = 8
    while position < len(data):
        length = struct.unpack_from(">I", data, position)[0]
        yield data[position + 4 : position + 8], position, position + 12 + length
        position += 12 + length


SAVED = {
    "PNG": encoded(photograph(), "PNG"),
    "palette PNG": encoded(photograph().quantize(64), "PNG", transparency=3),
    "lossy WebP": encoded(photograph(), "WEBP", quality=80),
    "lossless WebP": encoded(photograph(), "WEBP", lossless=True),
    "WebP with alpha": encoded(photograph().convert("RGBA"), "WEBP", quality=80),
    "moving WebP": encoded(
        photograph(), "WEBP", save_all=True, append_images=[photograph().rotate(90)]
    ),
    "GIF": encoded(photograph().quantize(64), "GIF"),
}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("kind", SAVED)
def test_what_was_cut_off_and_filled_up_is_refused(kind: str, share: float) -> None:
    data = SAVED[kind]
    decode(data)
    if kind == "moving WebP":
        share /= 3  # within the first picture, which is the one that counts
    place = int(share * len(data))
    assert kind_of(data[:place]) == "truncated"
    assert kind_of(data[:place] + bytes(len(data) - place)) in ("truncated", "damaged")


@pytest.mark.parametrize("kind", SAVED)
def test_a_lost_or_added_or_overwritten_block_is_refused(kind: str) -> None:
    data = SAVED[kind]
    place, block = len(data) // 3, len(data) // 4
    noise = np.random.default_rng(1).integers(0, 256, block, np.uint8).tobytes()
    assert kind_of(data[:place] + data[place + block :]) in ("truncated", "damaged")
    assert kind_of(data[:place] + noise + data[place:]) in ("truncated", "damaged")
    assert kind_of(data[:place] + bytes(block) + data[place + block :]) in ("truncated", "damaged")


def test_nearly_every_wrong_bit_of_a_lossy_webp_is_noticed() -> None:
    """Arithmetic coding loses its way at once, and then needs another number of bytes."""
    data, refused = SAVED["lossy WebP"], 0
    places = range(100, len(data) - 20, len(data) // 40)
    for place in places:
        wrong = bytearray(data)
        wrong[place] ^= 8
        with suppress(ImageError):
            decode(bytes(wrong))
            continue
        refused += 1
    assert refused > 0.8 * len(places)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
def test_the_checksum_of_every_chunk_that_counts_is_compared(kind: bytes) -> None:
    data = SAVED["palette PNG"]
    end = next(end for found, _, end in chunks_of(data) if found == kind)
    wrong = data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]
    with pytest.raises(ImageError, match=f"checksum of {kind.decode()}"):
        decode(wrong)


def test_a_png_needs_its_end_and_nothing_behind_it() -> None:
    data = SAVED["PNG"]
    assert kind_of(data[:-12]) == "truncated"
    assert (decode(data + b"more") == decode(data)).all()


def test_a_broken_comment_behind_the_picture_spoils_no_png() -> None:
    data = SAVED["PNG"]
    comment = chunk(b"tEXt", b"Comment\0hello")
    broken = comment[:-1] + bytes([comment[-1] ^ 1])
    assert (decode(data[:-12] + broken + data[-12:]) == decode(data)).all()


def test_a_png_that_cannot_hold_its_picture_is_refused_before_memory_is_taken() -> None:
    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(bytes(1000)))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")
    with pytest.raises(ImageError, match=r"no picture of 12,000 x 12,000 fits"):
        decode(data)


def test_a_flood_of_chunks_is_refused() -> None:
    data = SAVED["PNG"]
    assert kind_of(data[:33] + chunk(b"teXt", b"") * 310_000 + data[33:]) == "damaged"


def white_paper() -> Image.Image:
    paper = Image.new("RGB", (500, 400), "white")
    paper.paste(photograph(40, 60), (20, 10))
    return paper


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (white_paper(), {"lossless": True, "method": 0, "quality": 0}),
        (Image.new("RGB", (900, 900), "white"), {"quality": 100, "method": 0}),
    ],
)
def test_zeros_of_a_flat_webp_are_no_damage(image: Image.Image, options: dict[str, object]) -> None:
    data = encoded(image, "WEBP", **options)
    assert bytes(64) in data
    assert (decode(data) == np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))).all()


@pytest.mark.parametrize("size", [(1, 1), (17, 3), (64, 64)])
@pytest.mark.parametrize("lossless", [True, False])
def test_small_and_plain_webps_are_read(size: tuple[int, int], lossless: bool) -> None:
    for colour in ("white", "black", "teal"):
        data = encoded(Image.new("RGB", size, colour), "WEBP", lossless=lossless)
        assert decode(data).shape == (size[1], size[0], 3)


def test_what_was_found_sound_is_not_asked_twice(tmp_path, monkeypatch) -> None:
    from striate.data.decoding import readers

    asked = []
    monkeypatch.setattr(readers.Webp, "refuse_damaged", lambda self: asked.append(self.size))
    file = tmp_path / "a.webp"
    file.write_bytes(SAVED["lossy WebP"])
    with decoding(file, digest=digest_of(file.read_bytes())) as known:
        assert not asked
    assert (decode(file) == known).all()
    assert len(asked) == 1


def gif_parts() -> tuple[bytes, bytes]:
    """A GIF in front of its first picture, and from it on."""
    data = SAVED["GIF"]
    table = 3 << (data[10] & 7) + 1 if data[10] & 128 else 0
    return data[: 13 + table], data[13 + table :]


def test_comments_and_gaps_in_front_of_a_gifs_picture_cost_their_length() -> None:
    head, rest = gif_parts()
    expected = decode(head + rest)
    comment = b"!\xfe" + (b"\xff" + b"x" * 255) * 5000 + b"\0"
    assert (decode(head + comment + rest) == expected).all()
    assert (decode(head + bytes(2_000_000) + rest) == expected).all()
    assert kind_of(head + b"!\xfe\1x\0" * 20_000 + rest) == "truncated"


def test_a_gif_without_a_picture_is_truncated() -> None:
    head, _ = gif_parts()
    assert kind_of(head) == kind_of(head + b";") == "truncated"
