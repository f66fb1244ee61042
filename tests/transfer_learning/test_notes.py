"""Small things kept beside the features: images found sound, heads compared."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.data import scan
from striate.data.decoding import decode
from striate.data.sources import open_data
from striate.errors import DataError
from striate.transfer_learning.cache import notes as kept
from striate.transfer_learning.cache.notes import HEADS, IMAGES, compared, keep_seen, seen_in


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
    keep_seen(tmp_path, data, open_data(data, workers=1), {})
    (file,) = (tmp_path / IMAGES).glob("*.json")
    for text in (content, {"striate": IMAGES, "sha256": kept._sum_of(content), "content": content}):
        file.write_text(json.dumps(text))
        assert seen_in(tmp_path, data) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: b"{",
        lambda content: b"\xff" + content,
        lambda content: content.replace(b"0.5", b"0.6"),
        lambda content: content.replace(b"heads", b"images"),
        lambda content: b"[" * 100_000,
        *(lambda _, text=text: json.dumps(text).encode() for text in UNSOUND),
    ],
)
def test_a_damaged_comparison_is_made_again(tmp_path: Path, damage: Any) -> None:
    rows, labels = np.ones((4, 3), np.float32), np.arange(4)

    def fit(accuracy: float) -> dict[str, Any]:
        return {"kind": "svm", "accuracy": accuracy}

    assert compared(tmp_path, "svm", rows, labels, lambda: fit(0.5)) == fit(0.5)
    (file,) = (tmp_path / HEADS).iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert compared(tmp_path, "svm", rows, labels, lambda: fit(0.7)) == fit(0.7)
    assert compared(tmp_path, "svm", rows, labels, lambda: fit(0.9)) == fit(0.7)


def test_a_pipe_in_the_cache_is_not_waited_for(tmp_path: Path) -> None:
    rows, labels = np.ones((4, 3), np.float32), np.arange(4)
    compared(tmp_path, "svm", rows, labels, lambda: {"accuracy": 0.5})
    (file,) = (tmp_path / HEADS).iterdir()
    file.unlink()
    os.mkfifo(file)
    assert compared(tmp_path, "svm", rows, labels, lambda: {"accuracy": 0.7})["accuracy"] == 0.7


def test_without_a_cache_nothing_is_kept(photographs: Path) -> None:
    data = str(photographs)
    keep_seen(None, data, open_data(data, workers=1), {})
    assert seen_in(None, data) == {}
    rows, labels = np.ones((4, 3), np.float32), np.arange(4)
    for accuracy in (0.5, 0.7):
        found = compared(None, "svm", rows, labels, lambda a=accuracy: {"a": a})  # type: ignore[misc]
        assert found == {"a": accuracy}


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


def test_only_our_own_files_are_removed(photographs: Path, tmp_path: Path) -> None:
    """``images`` and ``heads`` are names that anybody may have given to his own folders."""
    data, rows = str(photographs), np.ones((4, 3), np.float32)
    keep_seen(tmp_path, data, open_data(data, workers=1), {})
    compared(tmp_path, "svm", rows, np.arange(4), lambda: {"kind": "svm"})
    name = "0123456789abcdef" * 2
    before = {"images": '{"data": "here", "images": {}}', "heads": '{"kind": "svm"}'}
    for kind, text in before.items():
        (tmp_path / kind / f"{name}.json").write_text(text)  # before there was a mark
    theirs = [
        tmp_path / "images" / "instances.json",
        tmp_path / "images" / f"{name[::-1]}.json",
        tmp_path / "images" / f"{name.upper()}.json",
        tmp_path / "heads" / f"{name[::-1]}.json",
        tmp_path / "heads" / f"{name}.json.txt",
    ]
    for file in theirs:
        file.write_text('{"images": [], "annotations": []}')
    (tmp_path / "images" / ("ab" * 16 + ".json")).symlink_to(theirs[0])
    (tmp_path / "heads" / ("cd" * 16 + ".json")).mkdir()
    told = kept.notes(tmp_path)
    assert [len(told[kind]) for kind in (IMAGES, HEADS)] == [2, 2]
    assert len(kept.prune_notes(tmp_path)) == 4
    assert all(file.exists() for file in theirs)
    assert (tmp_path / "images" / ("ab" * 16 + ".json")).is_symlink()
    assert kept.notes(tmp_path) == {IMAGES: [], HEADS: []}
