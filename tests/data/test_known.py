"""What is known of images from the last time, and when they are decoded anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.data import scan
from striate.data.decoding import decode
from striate.data.known import IMAGES, known_images, remember_images
from striate.data.sources import open_data
from striate.errors import DataError
from striate.support import cache_files


def test_images_are_decoded_once(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = tmp_path / "cache", str(photographs)
    first = open_data(data, workers=1)
    remember_images(folder, data, first, known_images(folder, data))
    known = known_images(folder, data)
    sides = np.concatenate([part.sizes.max(1) for part in first.splits.values()])
    assert bool(known) == bool((sides > 64).any())
    decoded: list[str] = []
    original = decode.decoded

    def counted(content: bytes, name: str, *, sound: bool) -> object:
        decoded.append(name)
        return original(content, name, sound=sound)

    monkeypatch.setattr(scan, "decoded", counted)
    again = open_data(data, workers=1, known=known)
    assert len(decoded) == (sides <= 64).sum()
    assert again.fingerprint == first.fingerprint
    for name, part in again.splits.items():
        np.testing.assert_array_equal(part.sizes, first.splits[name].sizes)
        np.testing.assert_array_equal(part.grey, first.splits[name].grey)


def test_a_known_image_that_is_cut_short_is_found(photographs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(photographs, copy)
    data, folder = str(copy), tmp_path / "cache"
    remember_images(folder, data, open_data(data, workers=1), {})
    victim = next(each for each in sorted(copy.rglob("*")) if each.is_file())
    victim.write_bytes(victim.read_bytes()[:-200])
    with pytest.raises(DataError, match="cannot be used"):
        open_data(data, workers=1, known=known_images(folder, data))


IMAGE = "ab" * 16
UNSOUND: list[Any] = [
    {},
    [],
    None,
    3,
    [["a", 1]],
    {"kind": "svm"},
    {"images": 3},
    {"images": {IMAGE: [1]}},
    {"images": {IMAGE: [10, 10**30, 0]}},
    {"images": {IMAGE: [10, -3, 0]}},
    {"images": {IMAGE: [10, 3.5, 0]}},
    {"images": {IMAGE: [10, True, 0]}},
    {"images": {IMAGE: ["10", 3, 0]}},
    {"images": {"../../x": [10, 3, 0]}},
]


@pytest.mark.parametrize("content", UNSOUND)
def test_what_is_no_size_of_an_image_costs_another_look(
    photographs: Path, tmp_path: Path, content: Any
) -> None:
    """Also where the sum is right: what is read has to be what is needed."""
    data = str(photographs)
    remember_images(tmp_path, data, open_data(data, workers=1), {})
    (file,) = (tmp_path / IMAGES).glob("*.json")
    for text in (
        content,
        {"striate": IMAGES, "sha256": cache_files._sum_of(content), "content": content},
    ):
        file.write_text(json.dumps(text))
        assert known_images(tmp_path, data) == {}


def test_without_a_cache_nothing_is_known(photographs: Path) -> None:
    data = str(photographs)
    remember_images(None, data, open_data(data, workers=1), {})
    assert known_images(None, data) == {}
