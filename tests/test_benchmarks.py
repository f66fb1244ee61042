"""The benchmark runs, on a few images; what it finds on so few says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "training.py"


@pytest.mark.slow
@pytest.mark.parametrize(("case", "images"), [("lenet", 256), ("resnet20", 256)])
def test_both_sides_take_turns(case: str, images: int, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    options = ["--cases", case, "--pairs", "2", "--images", str(images), "--json", str(found)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(found.read_text())["results"]
    assert case in done.stdout
    assert result["images"] == images
    assert len(result["ratios"]) == len(result["striate_rates"]) == 2
    assert all(rate > 0 for rate in result["rival_rates"] + result["striate_rates"])
