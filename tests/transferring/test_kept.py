"""Small things kept beside the features: images found sound, heads compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from striate.data import decode, scan
from striate.data.sources import open_data
from striate.errors import DataError
from striate.transferring.kept import IMAGES, compared, keep_seen, seen_in


def test_images_are_decoded_once(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = tmp_path / "cache", str(photographs)
    first = open_data(data, workers=1)
    keep_seen(folder, data, first, seen_in(folder, data))
    known = seen_in(folder, data)
    sides = np.concatenate([part.sizes.max(1) for part in first.splits.values()])
    assert bool(known) == bool((sides > 64).any())
    decoded: list[str] = []
    original = decode.decoded

    def counted(content: bytes, name: str) -> object:
        decoded.append(name)
        return original(content, name)

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
    keep_seen(folder, data, open_data(data, workers=1), {})
    victim = next(each for each in sorted(copy.rglob("*")) if each.is_file())
    victim.write_bytes(victim.read_bytes()[:-200])
    with pytest.raises(DataError, match="cannot be used"):
        open_data(data, workers=1, known=seen_in(folder, data))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"images": {"ab": [1]}}', b'{"images": 3}']
)
def test_damage_costs_another_look(photographs: Path, tmp_path: Path, content: bytes) -> None:
    data = str(photographs)
    keep_seen(tmp_path, data, open_data(data, workers=1), {})
    for file in (tmp_path / IMAGES).glob("*.json"):
        file.write_bytes(content)
    assert seen_in(tmp_path, data) == {}


def test_a_head_is_compared_once(tmp_path: Path) -> None:
    rows, labels = np.ones((4, 3), np.float32), np.arange(4)
    calls: list[int] = []

    def fit() -> dict[str, float]:
        calls.append(1)
        return {"accuracy": 0.5}

    for _ in range(2):
        assert compared(tmp_path, "svm", rows, labels, fit) == {"accuracy": 0.5}
    compared(tmp_path, "svm", rows * 2, labels, fit)
    assert len(calls) == 2
