"""The benchmark runs, on a few small photographs; what it finds on so few says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "photographs.py"


@pytest.mark.exhaustive
def test_every_side_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    found = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--json", str(found)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    (only,) = json.loads(found.read_text())["rounds"]
    assert only.keys() == {"first", "second", "shrunk", "imagefolder"}
    assert all(each["rate"] > 0 and each["processor"] > 0 for each in only.values())
