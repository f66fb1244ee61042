"""The benchmark of detectors runs; what it measures of a small input says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.detection.weights.darknet import Header, write_darknet
from striate.detection.weights.order import taken_from
from striate.zoo.yolov4 import YOLOv4Tiny

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "detection"))
from darknet_files import conditioned, tiny_cfg  # noqa: E402


@pytest.mark.slow
def test_all_engines_find_the_same(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("openvino")
    weights, cfg, picture = tmp_path / "a.weights", tmp_path / "a.cfg", tmp_path / "a.png"
    write_darknet(weights, taken_from(conditioned(YOLOv4Tiny(classes=3), eps=1e-5)), Header())
    cfg.write_text(tiny_cfg((416, 416), classes=3, raw=False))
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    script = ROOT / "benchmarks" / "detect.py"
    named = [str(each) for each in (weights, cfg, picture)]
    done = subprocess.run(
        [sys.executable, str(script), *named, "--rounds", "1", "--images", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 5
    for name, each in found.items():
        assert each["score_difference"] < (0.2 if "bfloat16" in name else 1e-3)
        assert each["images_a_second"] > 0
