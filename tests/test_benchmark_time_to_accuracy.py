"""The benchmark runs, goes on where it was cut, and counts what it found rightly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPT = BENCHMARKS / "time_to_accuracy.py"


@pytest.mark.exhaustive
def test_it_trains_every_arm_once(photographs: Path, tmp_path: Path) -> None:
    for file in photographs.glob("*/*.jpg"):
        part = "val" if file.stem.endswith(("0", "5")) else "train"
        copy = tmp_path / "photos" / part / file.relative_to(photographs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    out, rows = tmp_path / "results.jsonl", tmp_path / "rows.json"
    command = [sys.executable, str(SCRIPT), str(tmp_path / "photos"), "--net", "resnet20"]
    command += ["--size", "16", "--quick", "--seeds", "3", "--workers", "0"]
    command += ["--arms", "before", "modern", "tutorial", "--out", str(out), "--json", str(rows)]
    for _ in range(2):  # the second time all is there already, but for half a line
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        lines = out.read_text().splitlines()
        out.write_text("\n".join(lines) + '\n{"arm": "mod')
    assert [json.loads(line)["arm"] for line in lines[:3]] == ["before", "modern", "tutorial"]
    assert len(lines) == 4
    found = json.loads(rows.read_text().replace("Infinity", "1e9"))
    assert [row["epochs"] for row in found] == [1, 1, 1]
    assert found[0]["gain"] == 0
    assert "| tutorial | 1 | 1 |" in done.stdout


def line(arm: str, seed: int, tops: list[float], seconds: list[float]) -> dict[str, Any]:
    curve = [{"top1": t, "seconds": s} for t, s in zip(tops, seconds, strict=True)]
    found = {"arm": arm, "seed": seed, "top1": max(tops), "last": tops[-1], "curve": curve}
    return {**found, "processor": 2.0}


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import time_to_accuracy

    lines = [
        line("before", 0, [0.5, 0.8], [10, 30]),
        line("before", 1, [0.6, 0.7], [20, 10]),
        line("modern", 0, [0.4, 0.75, 0.84], [5, 5, 9]),
        line("modern", 1, [0.6, 0.77, 0.76], [8, 4, 5]),
    ]
    before, modern = time_to_accuracy.table(lines, ["before", "modern"])
    assert before["quiet"] == 10 + 10
    assert modern["quiet"] == 5 + 4 + 5
    assert (before["wall"], modern["wall"]) == (35, 18)
    # Four and seven points more. Student's t for two values is 12.706, their error 1.5 points.
    assert modern["gain"] == pytest.approx(5.5)
    low, high = modern["gain_interval"]
    assert high - 5.5 == pytest.approx(5.5 - low)
    assert high - 5.5 == pytest.approx(12.7062 * 1.5, rel=1e-4)
    # The former arm ends at 75 % on the average; the other has 76 % after its second epoch.
    assert modern["reached"] == 5 + 4
    assert time_to_accuracy.reached(lines[2:], 0.9) is None
