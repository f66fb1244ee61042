"""Many small files: memory a file, and seconds until a command has its images, first and second.

``python benchmarks/many.py FOLDER [--counts 20000 100000] [--side 32] [--classes 100]
[--epochs 1] [--json FILE]``

Makes in FOLDER, once for each count, that many different JPEG files; then runs ``check``, ``train``
(one epoch of LeNet) and ``evaluate``, each twice, the first time with an empty cache for ``check``
and for ``train``. Of each command it tells

- ``start``: seconds until the images are known (``train``), or of the whole command;
- ``processor``: seconds of the processor, of the whole command;
- ``peak``: the most memory that it held at once (maximum resident set size).

Between two counts the peaks rise by a slope: bytes a file. For ``train`` that holds the pixels of
images of up to 64 pixels, side times side times 3 bytes, which are told beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

HELD = 64  # sides up to which pixels are held in memory
KNOWN = b"images to train on"  # in the line that `train` writes when it has its images


def make(folder: Path, count: int, side: int, classes: int) -> None:
    """So many different pictures: a few large shapes each, in a colour of its class."""
    if folder.exists():
        return
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    rng = np.random.default_rng(0)
    hues = rng.integers(0, 256, (classes, 1, 1, 3))
    for label in range(classes):
        (part / f"class {label:04}").mkdir(parents=True)
    for number in range(count):
        label = number % classes
        shapes = (rng.integers(0, 256, (5, 5, 3)) + hues[label]) // 2
        picture = Image.fromarray(shapes.astype(np.uint8)).resize((side, side), Image.BICUBIC)
        content = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=85)
        (part / f"class {label:04}" / f"{number:08}.jpg").write_bytes(content)
    part.rename(folder)


def run(cache: Path, *arguments: object) -> dict[str, float]:
    """One command in a process of its own."""
    began = time.perf_counter()
    started = 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "striate", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "STRIATE_CACHE": str(cache)},
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if KNOWN in line and not started:
            started = time.perf_counter() - began
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(b"".join(said[-20:]).decode())
    seconds = time.perf_counter() - began
    return {
        "start": round(started or seconds, 2),
        "seconds": round(seconds, 2),
        "processor": round(used.ru_utime + used.ru_stime, 2),
        "peak": used.ru_maxrss * 1024,
    }


def measured(images: Path, epochs: int) -> dict[str, dict[str, float]]:
    """All commands on one folder."""
    found = {}
    with tempfile.TemporaryDirectory(dir=images.parent) as scratch:
        place = Path(scratch)
        for time_ in ("first", "second"):
            found[f"check, {time_}"] = run(place / "of check", "check", images, "--json")
        for time_ in ("first", "second"):
            found[f"train, {time_}"] = run(
                *(place / "of train", "train", images, "--net", "lenet", "--size", 32),
                *("--epochs", epochs, "--out", place / time_),
            )
        found["evaluate"] = run(place / "of train", "evaluate", place / "second", "--json")
        shutil.rmtree(place / "of train")
        found["evaluate, nothing known"] = run(
            place / "of train", "evaluate", place / "second", "--json"
        )
    return found


def main(given: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(given)
    counts = sorted(asked.counts)
    found = {}
    for count in counts:
        images = asked.folder / f"{count} of {asked.side}"
        make(images, count, asked.side, asked.classes)
        found[count] = measured(images, asked.epochs)
        for name, figures in found[count].items():
            print(
                f"{count:>9,}  {name:<24} start {figures['start']:8.1f} s"
                f"  processor {figures['processor']:8.1f} s  peak {figures['peak'] / 1e6:8.0f} MB",
                flush=True,
            )
    least, most = counts[0], counts[-1]
    slopes = {
        name: (found[most][name]["peak"] - found[least][name]["peak"]) / (most - least)
        for name in found[most]
        if most > least
    }
    held = asked.side**2 * 3 if asked.side <= HELD else 0
    for name, slope in slopes.items():
        print(f"{name:<24} {slope:8.0f} bytes a file (pixels of a held image: {held:,})")
    result = {"counts": found, "bytes_a_file": slopes, "pixels_of_an_image": held}
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1))
    return result


if __name__ == "__main__":
    main()
