"""A run, pictures and their predictions in bulk, which all tests here share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import striate

SHARD = 7


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bulk") / "run"
    return striate.train("digits", net="lenet", epochs=1, out=out, workers=0).run


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pictures of several sizes and kinds under odd names, three of them unreadable."""
    folder = tmp_path_factory.mktemp("pictures") / '<b>玫瑰 it\'s "one"'
    random = np.random.default_rng(0)
    modes = ("L", "RGB", "RGBA", "I;16", "CMYK")
    for number in range(27):
        place = folder / str(number % 10)
        place.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (20 + number % 3, 24, 3), np.uint8)
        mode = modes[number % 5]
        image = Image.fromarray(pixels)
        if mode == "I;16":
            image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        elif mode != "RGB":
            image = image.convert(mode)
        image.save(place / f"{number} ü.{'jpg' if mode == 'CMYK' else 'png'}")
    (folder / "0" / "empty.jpg").write_bytes(b"")
    (folder / "1" / "page.png").write_text("<html>")
    whole = (folder / "4" / "4 ü.jpg").read_bytes()
    (folder / "4" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session")
def whole(run: Path, pictures: Path) -> Path:
    """The predictions as they are where nothing happens."""
    out = run.parent / "whole"
    striate.predict_bulk(run, pictures, out, shard_size=SHARD, workers=0)
    return out


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def rows(folder: Path) -> list[dict[str, Any]]:
    # A folder of Parquet files, as every reader takes it: what is ours alone is passed over.
    return pq.read_table(folder).to_pylist()
