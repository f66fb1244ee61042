"""The table of damage that is found: of every format, and never of a whole file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "damage.py"


def test_it_counts_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("damage_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    y, x = np.mgrid[0:200, 0:240]
    noise = np.random.default_rng(0).normal(0, 20, (200, 240, 3))
    pixels = np.stack([x, y, 127 + 100 * np.sin(x / 10)], axis=2) + noise
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(sys, "argv", ["damage.py", str(tmp_path), "--images", "1"])
    module.main()
    head, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(module.SAVED | module.PLUGGED)
    for row in rows:
        assert row.split(" | ")[1] == "1 of 1", row  # cut off
        assert row.count("|") == head.count("|")
    documented = (SCRIPT.parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    assert head in documented
    assert all(f"| {name} |" in documented for name in module.SAVED | module.PLUGGED)
