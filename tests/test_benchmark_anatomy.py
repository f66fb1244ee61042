"""The benchmark of counting runs, on a small image; its times say nothing there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "anatomy.py"


@pytest.mark.slow
def test_every_tool_answers_and_ours_is_right(tmp_path: Path) -> None:
    for tool in ("torchinfo", "fvcore", "ptflops"):
        pytest.importorskip(tool)
    found = tmp_path / "found.json"
    options = [
        "--networks",
        "mobilenet_v3_large",
        "--size",
        "32",
        "--repeats",
        "1",
        "--rounds",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--tools", "striate", "torchinfo", "--json", found],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(found.read_text("utf-8"))
    tools = document["speed"]["mobilenet_v3_large"]
    assert tools["striate"]["weights"] == 0 < tools["torchinfo"]["weights"]
    assert all(each["said"]["striate"][0] == each["macs"] for each in document["answers"])
