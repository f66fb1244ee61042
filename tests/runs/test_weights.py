"""The weights file and what proves it whole."""

from __future__ import annotations

from pathlib import Path

import torch

from striate.runs.weights import digest, read_weights, write_weights


def test_weights_file_has_no_room_for_chance(tmp_path: Path) -> None:
    weights = {name: torch.arange(6.0).reshape(2, 3) for name in ("b", "a")}
    for name in ("1", "2"):
        write_weights(tmp_path / name, weights, identity="i", epoch=1)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    read, stamp = read_weights(tmp_path / "1")
    assert stamp.digest == digest(read) == digest(weights)
