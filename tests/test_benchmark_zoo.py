"""The benchmark of the zoo runs; what it finds at this size says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "zoo.py"


@pytest.mark.exhaustive
def test_both_sides_take_turns(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    options = ["--networks", "resnet18", "googlenet_bn", "--pairs", "2", "--batch", "2"]
    options += ["--size", "64", "--seconds", "0"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--json", str(found)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    results = json.loads(found.read_text())["results"]
    slow = any(each[kind]["ratio"] > 1.05 for each in results for kind in ("forward", "step"))
    assert done.returncode == slow, done.stderr
    assert [each["name"] for each in results] == ["googlenet_bn", "resnet18"]
    for each in results:
        assert each["name"] in done.stdout
        for kind in ("forward", "step"):
            assert len(each[kind]["ratios"]) == 2
            assert min(each[kind]["ours"], each[kind]["theirs"]) > 0
