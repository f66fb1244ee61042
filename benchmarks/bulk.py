"""Predictions in bulk beside the engine alone, on Ray beside this process, and killed on the way.

    python benchmarks/bulk.py RUN FOLDER [--images 2000] [--pairs 3] [--shard-size 256] [--ray]
        [--kills 3] [--json FILE]

RUN is a run or an exported file; FOLDER holds images at any depth, which are repeated, or cut, to
as many as are wanted. In turn, over the same files with as many reading threads:

- the engine alone: images read, fitted and computed, the numbers thrown away;
- ``local``: the same, into Parquet files;
- ``ray``: the same by Ray's workers. Ray takes seconds to start, whatever there is to do: each side
  is timed from its first finished shard to its last.

Ratios are of neighbours in one run. Then jobs are killed at random moments (the process itself, and
with ``--ray`` a worker) and begun again, until they are done: every image has to stand there
exactly once, in the bytes of the job that nobody killed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from striate.api.bulk import open_predictor
from striate.data.finding.inputs import Item, items
from striate.data.scan import threads
from striate.inference.bulk import listing, local, on_ray
from striate.inference.bulk.entries import Entry
from striate.inference.bulk.folder import FORMAT, LISTING, Job
from striate.inference.bulk.shards import Shards


class Bench:
    """One set of images, and the sides that go through it."""

    def __init__(self, run: Path, files: list[str], folder: Path, shard_size: int) -> None:
        self.run, self.files, self.folder, self.shard_size = run, files, folder, shard_size
        self.workers = threads(None)
        self.open = partial(open_predictor, run, device="cpu", embeddings=False, allow_code=False)

    def engine(self) -> float:
        """Images a second of the engine alone, shard by shard as the others."""
        with self.open() as predictor:

            def shards() -> Iterator[int]:
                for start in range(0, len(self.files), self.shard_size):
                    part = self.files[start : start + self.shard_size]
                    wanted = (Item(name, Path(name)) for name in part)
                    yield sum(1 for _ in predictor.answers(wanted, workers=self.workers))

            return rate(shards())

    def job(self, name: str) -> tuple[Path, Job]:
        """A folder with the listing of all images."""
        folder = self.folder / name
        folder.mkdir()
        found = listing.write(folder / LISTING, map(Entry, self.files), self.shard_size)
        with self.open() as predictor:
            classes = predictor.classes
        return folder, Job(
            format=FORMAT, model=str(self.run), weights="", engine="", classes=classes,
            embedding=0, input="", root="/", listing=found.digest, images=found.images,
            shard_size=self.shard_size,
        )  # fmt: skip

    def local(self, number: int) -> float:
        folder, job = self.job(f"local-{number}")
        with Shards(folder, job, self.open(), self.workers) as shards:
            computed = local.compute(shards, range(job.shards), None)
            return rate(each.images for each in computed)

    def ray(self, number: int) -> float:
        folder, job = self.job(f"ray-{number}")
        computed = on_ray.compute(
            self.open, folder, job, range(job.shards),
            workers=self.workers, on_device=False, progress=None,
        )  # fmt: skip
        return rate(each.images for each in computed)

    def killed(self, number: int, chance: random.Random, *, ray: bool) -> dict[str, Any]:
        """Kill a job again and again until it is done; what then stands there."""
        name = f"killed-{'ray-' if ray else ''}{number}"
        out, listed = self.folder / name, self.folder / "list.txt"
        listed.write_text("\n".join(self.files), encoding="utf-8")
        command = [
            sys.executable, "-m", "striate", "predict", str(self.run), "--input", str(listed),
            "--output", str(out), "--shard-size", str(self.shard_size), "--skip-bad",
            *(["--engine", "ray"] if ray else []),
        ]  # fmt: skip
        kills = 0
        while True:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            before = len(list(out.glob("part-*")))
            while process.poll() is None and len(list(out.glob("part-*"))) == before:
                time.sleep(0.05)
            time.sleep(chance.random() * 2)  # anywhere within what a shard or two take
            if process.poll() is not None:
                break
            if ray and kills % 2 == 0:
                kills += kill_a_worker_of(process.pid)
            process.kill()
            process.wait()
            kills += 1
            if kills > 2:  # enough of it: the next one may end
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
                process.wait()
                break
        rows = pq.read_table(out, columns=["file"]).column("file").to_pylist()
        return {
            "kills": kills,
            "status": process.returncode,
            "each image once": rows == self.files,
            "equal bytes": contents(out) == contents(self.folder / "local-0"),
        }


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("part-*"))]


def rate(shards: Iterable[int]) -> float:
    """Images a second from the first finished shard to the last."""
    done, times = 0, []
    for images in shards:
        times.append(time.perf_counter())
        done += images if len(times) > 1 else 0
    return done / (times[-1] - times[0])


def kill_a_worker_of(driver: int) -> int:
    """Kill one of the workers that Ray started for the process `driver`; whether there was one."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name = (place / "cmdline").read_bytes()
            parent = _parent(int(place.name))
            if name.startswith(b"ray::MapWorker") and driver in (parent, _parent(parent)):
                os.kill(int(place.name), signal.SIGKILL)
                return 1
        except (OSError, ValueError):
            continue
    return 0


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--shard-size", type=int, default=256)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--kills", type=int, default=3, help="jobs to kill, with each engine")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = [str(item.content) for item in items(given.folder.resolve())]
    files = list(islice(cycle(found), given.images))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(given.run.resolve(), files, Path(folder), given.shard_size)
        rounds: list[dict[str, float]] = []
        for number in range(given.pairs):
            each = {"engine": bench.engine(), "local": bench.local(number)}
            if given.ray:
                each["ray"] = bench.ray(number)
            rounds.append(each)
            print(", ".join(f"{name} {value:,.1f} a second" for name, value in each.items()))
        report: dict[str, Any] = {"rounds": rounds}
        for one, other in (("local", "engine"), ("ray", "local")):
            if one in rounds[0]:
                ratios = [each[one] / each[other] for each in rounds]
                report[f"{one} / {other}"] = statistics.median(ratios)
                print(f"{one} / {other}: {statistics.median(ratios):.3f}")
        chance = random.Random(0)
        report["killed"] = [
            bench.killed(number, chance, ray=ray)
            for ray in (False, True)[: 1 + given.ray]
            for number in range(given.kills)
        ]
        for each in report["killed"]:
            print(each)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
