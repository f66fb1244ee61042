"""Ray computes the same bytes, also where one of its workers is killed on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate
from striate.errors import RunError, StriateError
from striate.inference.bulk import on_ray

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own of its settings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ray") / "run"
    return striate.train("digits", net="lenet", epochs=1, out=out, workers=0).run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "a 玫瑰 b"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(400):
        Image.fromarray(random.integers(0, 256, (20, 20), np.uint8)).save(folder / f"{number}.png")
    (folder / "page.png").write_text("<html>")
    return folder


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def workers_of(process: int) -> list[int]:
    """The workers of the Ray that `process` has started."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            above = parent(parent(int(place.name)))
            if (place / "cmdline").read_bytes().startswith(b"ray::MapWorker") and above == process:
                found.append(int(place.name))
        except (OSError, ValueError):
            continue
    return found


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.exhaustive
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to find a worker by")
def test_a_killed_worker_costs_nothing_but_time(run: Path, pictures: Path, tmp_path: Path) -> None:
    out, killed = tmp_path / "out", []

    def kill() -> None:
        while not killed and not (out / "_summary.json").exists():
            if len(parts(out)) >= 2:
                for each in workers_of(os.getpid()):
                    os.kill(each, signal.SIGKILL)
                    killed.append(each)
            time.sleep(0.005)

    environment = dict(os.environ)
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    report = striate.predict_bulk(run, pictures, out, engine="ray", shard_size=3, workers=1)
    killer.join(timeout=5)
    assert killed
    assert (report.images, report.unreadable, report.shards) == (401, 1, 134)
    assert dict(os.environ) == environment
    assert not ray.is_initialized()
    striate.predict_bulk(run, pictures, tmp_path / "local", shard_size=3)
    assert parts(out) == parts(tmp_path / "local")


class Dataset:
    """Ray Data's, as far as it is used: computes in this process."""

    def __init__(self, rows: list[dict[str, int]]) -> None:
        self.rows = rows

    def map(self, kind: type, *, fn_constructor_args: tuple[object, ...], **_: object) -> Dataset:
        worker = kind(*fn_constructor_args)
        return Dataset([worker(row) for row in self.rows])

    def iter_rows(self) -> list[dict[str, int]]:
        return self.rows


def test_what_a_worker_raises_is_said_as_by_this_process(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from striate.inference.bulk import shards
    from striate.support.files import WriteError

    def full(path: Path, _content: object) -> None:
        raise WriteError(str(path), "the disk is full", "free some space")

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    monkeypatch.setattr(ray.data, "from_items", lambda rows, **_: Dataset(rows))
    monkeypatch.setattr(shards, "write_atomically", full)
    with pytest.raises(RunError, match="full; free some space, then give the same command again"):
        striate.predict_bulk(run, pictures, tmp_path / "out", engine="ray")


def test_a_cluster_that_is_not_there_is_said(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**options: object) -> None:
        assert options["address"] == "nowhere:1"
        raise ConnectionError("Could not find\nany running Ray")

    monkeypatch.setenv("RAY_ADDRESS", "nowhere:1")
    monkeypatch.setattr(ray, "init", unreachable)
    with pytest.raises(StriateError, match=r"Could not find any running Ray.*`engine='local'`"):
        striate.predict_bulk(run, pictures, tmp_path / "out", engine="ray")


def test_an_engine_gets_no_more_processors_than_the_smallest_machine_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes = [
        {"Alive": True, "Resources": {"CPU": 8.0}},
        {"Alive": True, "Resources": {"CPU": 3.0}},
        {"Alive": True, "Resources": {"memory": 1.0}},
        {"Alive": False, "Resources": {"CPU": 1.0}},
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(on_ray, "processor_threads", lambda _world: 16)
    assert on_ray._machines(ray) == [8.0, 3.0]
    assert on_ray._processors(ray) == 3
    monkeypatch.setattr(on_ray, "processor_threads", lambda _world: 2)
    assert on_ray._processors(ray) == 2
