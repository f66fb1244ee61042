"""Fixtures that several rooms share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_NUMBERS = itertools.count()

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 210)}


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the caches of all tests; what fixtures of many tests keep is in one of them."""
    folder = tmp_path_factory.mktemp("caches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(folder / "shared"))
        yield folder


@pytest.fixture(autouse=True)
def _own_cache(_caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one, or the person at this machine, has cached."""
    monkeypatch.setenv("STRIATE_CACHE", str(_caches / str(next(_NUMBERS))))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that the environment names; tests that want it skip without."""
    folder = os.environ.get("STRIATE_TEST_DATA")
    if not folder:
        pytest.skip("STRIATE_TEST_DATA names no folder with flowers/, cifar10/ and mnist/")
    return Path(folder)


def make_photographs(
    folder: Path, *, classes: tuple[str, ...] = tuple(COLOURS), count: int = 12, side: int = 80
) -> Path:
    """A folder of class folders with noisy JPEG files, each class of a colour of its own."""
    rng = np.random.default_rng(0)
    palette = list(COLOURS.values())
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            noise = rng.normal(0, 30, (side, side + 8, 3))
            pixels = np.clip(np.array(palette[number % len(palette)]) + noise, 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index:03}.jpg")
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of twelve photographs, of which nothing may be changed."""
    return make_photographs(tmp_path_factory.mktemp("data") / "photographs")


def make_squares(folder: Path, *, count: int = 60, side: int = 24) -> Path:
    """Noisy pictures of a square each, with a table of its side and its level, under odd names."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    lines = ["file_name,side (px),level"]
    for index in range(count):
        size, level = int(rng.integers(4, side - 4)), int(rng.integers(90, 255))
        top, left = rng.integers(0, side - size, 2)
        pixels = rng.integers(0, 40, (side, side)).astype(np.uint8)
        pixels[top : top + size, left : left + size] = level
        name = f"<b>{index:03} 玫瑰.png"
        Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name},{size},{level}")
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty squares with their side and level, of which nothing may be changed."""
    return make_squares(tmp_path_factory.mktemp("numbers") / "squares")
