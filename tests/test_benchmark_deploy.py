"""The benchmark of exported files runs; what it measures of a tiny network says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "deploy.py"


@pytest.mark.slow
def test_both_ways_give_the_same_answer(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    run = striate.create_run("resnet20", out=tmp_path / "run", classes=10)
    file = striate.export(run.path, tmp_path / "net.onnx", capture="trace").file
    photograph = tmp_path / "a photograph.png"
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(pixels).save(photograph)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(file), str(photograph), "--pairs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["photograph"], found["size"]) == ("a photograph.png", "120x90")
    assert found["difference"] < 1e-6
    assert found["ratio"] > 0
    assert found["reduced_difference"] == found["difference"]  # a PNG is decoded whole
