"""The long run of the service: what it prints adds up, and nobody innocent is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import as_file, noise  # type: ignore[import-not-found]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_short_one(file: Path, tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(as_file(noise(40, 60, seed), "JPEG"))
    given = [str(file), str(tmp_path), "--requests", "40", "--sizes", "4", "--clients", "2"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ready"] > 0
    assert found["statuses"] == {"200": 40}
    assert all(megabytes > 10 for megabytes in found["memory"].values())
    # Each kind of request has its own status, whatever comes with it.
    statuses = {kind: set(each) for kind, each in found["bad"].items()}
    own = {"good": {"200"}, "damaged": {"422"}, "too large": {"413"}, "left": {"-"}}
    assert statuses == own
    assert sum(sum(each.values()) for each in found["bad"].values()) == 1000
    assert found["end"].pop("exit") == 0
    assert set(found["end"]) == {"200"}
