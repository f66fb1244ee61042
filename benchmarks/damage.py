"""How much damage is found: photographs saved in every format, damaged, and read again.

    python benchmarks/damage.py FOLDER [--images 20] [--seed 0]

FOLDER holds photographs at any depth. The table, which docs/data.md quotes, says in how many of the
damaged files the damage was found; those that still give the same pixels are left out.
"""

from __future__ import annotations

import argparse
import io
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pillow_heif
import pillow_jxl  # noqa: F401 - registers itself
from PIL import Image

from striate.data.decoding.decode import ImageError, decode
from striate.data.decoding.formats import kind_of

SAVED: dict[str, tuple[str, str, dict[str, object]]] = {
    "JPEG": ("RGB", "JPEG", {"quality": 85}),
    "JPEG, optimised": ("RGB", "JPEG", {"quality": 75, "optimize": True}),
    "JPEG, progressive": ("RGB", "JPEG", {"quality": 85, "progressive": True}),
    "JPEG, restarts": ("RGB", "JPEG", {"quality": 85, "restart_marker_rows": 1}),
    "JPEG, grey": ("L", "JPEG", {"quality": 85}),
    "MPO, first picture": ("RGB", "MPO", {"quality": 85, "save_all": True}),
    "PNG": ("RGB", "PNG", {}),
    "WebP": ("RGB", "WEBP", {"quality": 80}),
    "WebP, lossless": ("RGB", "WEBP", {"lossless": True}),
    "GIF": ("P", "GIF", {}),
    "TIFF, LZW": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "TIFF, deflate": ("RGB", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, JPEG": ("RGB", "TIFF", {"compression": "jpeg"}),
    "TIFF, PackBits": ("RGB", "TIFF", {"compression": "packbits"}),
    "TIFF, BMP, PPM, plain": ("RGB", "TIFF", {}),
}
PLUGGED: dict[str, tuple[str, str, dict[str, object]]] = {
    "HEIC": ("RGB", "HEIF", {"quality": 80}),
    "AVIF": ("RGB", "AVIF", {"quality": 80}),
    "JPEG XL": ("RGB", "JXL", {"quality": 80}),
}
"""Those that need packages of the extra ``formats``."""

Damage = Callable[[bytes, int, random.Random], bytes]

pillow_heif.register_heif_opener()


def lost(count: int) -> Damage:
    return lambda data, place, _: data[:place] + data[place + count :]


def zeros(count: int) -> Damage:
    return lambda data, place, _: data[:place] + bytes(count) + data[place + count :]


def flipped(data: bytes, place: int, chance: random.Random) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


DAMAGE: dict[str, Damage] = {
    "cut off": lambda data, place, _: data[:place],
    "zeros to the end": lambda data, place, _: data[:place] + bytes(len(data) - place),
    "64 zeros": zeros(64),
    "1,024 zeros": zeros(1024),
    "64 bytes lost": lost(64),
    "256 bytes lost": lost(256),
    "1,024 bytes lost": lost(1024),
    "a bit flipped": flipped,
}


def saved(image: Image.Image, mode: str, form: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    if form == "MPO":
        options = {**options, "append_images": [image.resize((64, 64))]}
    (image.quantize(128) if mode == "P" else image.convert(mode)).save(buffer, form, **options)
    return buffer.getvalue()


def outcome(data: bytes, sound: bytes) -> str:
    try:
        found = decode(data)
    except ImageError:
        return "found"
    expected = decode(sound)
    return "same" if found.shape == expected.shape and (found == expected).all() else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if kind_of(path) == "JPEG")
    seen: Counter[tuple[str, str, str]] = Counter()
    for ways in (SAVED, PLUGGED):
        chance = random.Random(options.seed)
        measure(chance.sample(files, options.images), ways, chance, seen)
    print("| saved as | " + " | ".join(DAMAGE) + " |")
    print("|---" * (1 + len(DAMAGE)) + "|")
    for name in SAVED | PLUGGED:
        shares = []
        for damage in DAMAGE:
            found, missed = seen[name, damage, "found"], seen[name, damage, "missed"]
            shares.append(f"{found} of {found + missed}")
        print(f"| {name} | " + " | ".join(shares) + " |")


def measure(
    files: Sequence[Path],
    ways: Mapping[str, tuple[str, str, dict[str, object]]],
    chance: random.Random,
    seen: Counter[tuple[str, str, str]],
) -> None:
    for file in files:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
        for name, way in ways.items():
            sound = saved(image, *way)
            length = sound.find(b"\xff\xd9", 4000) if way[1] == "MPO" else len(sound)
            for damage, inflict in DAMAGE.items():
                place = chance.randrange(length // 5, length - 1100)
                seen[name, damage, outcome(inflict(sound, place, chance), sound)] += 1


if __name__ == "__main__":
    main()
