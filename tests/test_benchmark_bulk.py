"""The benchmark of predictions in bulk runs, and the simulation of a cluster adds up."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import striate

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def load(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("scale", monkeypatch)


STEADY = {"spread": 0.0, "slow": 0.0, "mtbf": math.inf, "start": 60.0, "each_write": 0.0}


def test_machines_that_never_differ_nor_fail_share_the_work(scale: ModuleType) -> None:
    for machines in (1, 7, 10):
        shards = 100
        cluster = scale.Cluster(
            machines=machines, images=100 * shards, shard_size=100, rate=50.0, **STEADY
        )
        rounds = -(-shards // machines)
        found = scale.simulate(cluster)
        assert found.seconds == pytest.approx(60 + rounds * 2)
        assert (found.lost, found.failures) == (0, 0)


def test_what_is_lost_is_done_again(scale: ModuleType) -> None:
    failing = {**STEADY, "mtbf": 1.0, "away": 30.0}
    cluster = scale.Cluster(machines=1, images=36_000, shard_size=600, rate=1.0, **failing)
    found = scale.simulate(cluster, seed=3)
    assert found.failures > 3  # in ten hours, one an hour
    wanted = 60 + 36_000 + found.lost + 90 * found.failures
    assert found.seconds == pytest.approx(wanted)
    assert 0 < found.lost <= 600 * found.failures
    assert scale.simulate(cluster, seed=3) == found


def test_a_slow_machine_holds_up_the_end_by_at_most_its_shard(scale: ModuleType) -> None:
    uneven = {**STEADY, "slow": 0.2, "slower": 4.0}
    ends = {}
    for size in (10, 1000):
        cluster = scale.Cluster(machines=10, images=100_000, shard_size=size, rate=10.0, **uneven)
        ends[size] = scale.simulate(cluster, seed=1).seconds
    assert ends[10] < ends[1000]
    speeds = 10 * (9 + 1 / 4)  # one of these ten is slow
    assert 60 + 100_000 / speeds <= ends[10] + 1
    assert ends[1000] <= 60 + 100_000 / speeds + 4 * 100


def test_the_tables_of_the_page_are_its_own(
    scale: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (BENCHMARKS.parent / "docs" / "scale.md").read_text("utf-8")
    commands = [line for line in page.splitlines() if line.startswith("python benchmarks/scale")]
    assert commands
    for line in commands:
        monkeypatch.setattr(sys, "argv", line.split()[1:])
        scale.main()
        for row in capsys.readouterr().out.splitlines():
            assert row in page, line


@pytest.mark.exhaustive
def test_the_sides_are_timed_and_killed_jobs_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bulk = load("bulk", monkeypatch)
    run = striate.train("digits", net="lenet", epochs=1, out=tmp_path / "run", workers=0).run
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 20), np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
    file = tmp_path / "found.json"
    given = [str(run), str(tmp_path / "images"), "--images", "2000", "--shard-size", "100"]
    monkeypatch.setattr(
        sys, "argv", ["bulk.py", *given, "--pairs", "1", "--kills", "1", "--json", str(file)]
    )
    bulk.main()
    assert "local / engine: " in capsys.readouterr().out
    found = json.loads(file.read_text())
    assert found["local / engine"] > 0
    (killed,) = found["killed"]
    assert killed == {
        "kills": killed["kills"], "status": 0, "each image once": True, "equal bytes": True,
    }  # fmt: skip
