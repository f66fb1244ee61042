"""The benchmark runs, on a few images; what it finds on so few says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "training.py"


@pytest.mark.exhaustive
def test_both_sides_take_turns(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    options = ["--cases", "lenet", "resnet20", "--pairs", "1", "--images", "1"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--json", str(found)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(found.read_text())["results"]
    assert len(results) == 2
    for result in results:
        assert result["images"] == result["batch_size"], "a batch is the least of an epoch"
        assert len(result["ratios"]) == len(result["striate_rates"]) == 1
        assert all(rate > 0 for rate in result["rival_rates"] + result["striate_rates"])
