"""The benchmark of many views runs, and counts what it should."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate


def test_the_benchmark_of_views_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = Path(__file__).parents[1] / "benchmarks" / "views.py"
    spec = importlib.util.spec_from_file_location("views_benchmark", where)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    run = striate.create_run("resnet20", tmp_path / "run", classes=3).path
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "one.jpg")
    out = tmp_path / "found.json"
    given = ["--crops", "10", "--images", "2", "--pairs", "2", "--json", str(out)]
    benchmark.main([str(run), str(tmp_path / "photos"), *given])
    found = json.loads(out.read_text())
    assert (found["views"], found["images"], len(found["pairs"])) == (10, 2, 2)
    for pair in found["pairs"]:
        assert pair["ratio"] == pytest.approx(pair["views"] / pair["engine"])
    assert "10 views of 2 photographs, torch float32" in capsys.readouterr().out
