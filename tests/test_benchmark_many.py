"""The benchmark of many files runs, on a few; what it finds on so few says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "many.py"


@pytest.mark.exhaustive
def test_every_command_is_measured(tmp_path: Path) -> None:
    options = ["--counts", "40", "--classes", "2", "--json", str(tmp_path / "found.json")]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "images"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    (figures,) = json.loads((tmp_path / "found.json").read_text())["counts"].values()
    assert len(figures) == 6
    assert all(0 < each["start"] <= each["seconds"] for each in figures.values())
    assert figures["train, first"]["start"] < figures["train, first"]["seconds"]
