"""Cross-validation of heads that is cached, and which small files of the cache are ours."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.data.known import image_files
from striate.data.sources import open_data
from striate.support.cache_files import prune_files
from striate.transfer_learning.cache.comparisons import HEADS, compared, head_files


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
        *(
            lambda _, text=text: json.dumps(text).encode()
            for text in ({}, [], None, 3, [["a", 1]], {"kind": "svm"}, {"images": 3})
        ),
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


def test_without_a_cache_every_head_is_fitted() -> None:
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
    open_data(data, workers=1, cache=tmp_path)
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
    found = [image_files(tmp_path), head_files(tmp_path)]
    assert [len(files) for files in found] == [2, 2]
    assert sum(len(prune_files(files)) for files in found) == 4
    assert all(file.exists() for file in theirs)
    assert (tmp_path / "images" / ("ab" * 16 + ".json")).is_symlink()
    assert image_files(tmp_path) == head_files(tmp_path) == []
