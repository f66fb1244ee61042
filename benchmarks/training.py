"""Training speed, side by side with the loops that a user would write by hand.

``python benchmarks/training.py [--cases resnet18 resnet20 lenet] [--pairs 5] [--json FILE]``

Three cases, each with two sides that train the same network on the same images with the same batch
size, optimiser and augmentation:

- ``resnet18`` on photographs at 224 pixels and ``resnet20`` on 32-pixel pictures, against the loop
  of the PyTorch tutorials (*Training a classifier*, *Transfer learning for computer vision*): a
  DataLoader with two workers, torchvision's transforms, float32, the default memory layout.
- ``lenet`` on 32-pixel grey pictures against a bare Python loop over tensors in memory, which shows
  what Striate's own loop costs.

Each side lives in a process of its own and does one epoch when it is told to. The first epoch of
both warms up and is not counted; then the sides take turns, so that whatever else the machine does
meets both. An epoch is timed from its start to its end by the clock on the wall: reading, decoding,
augmenting, training, and for Striate also its log, its health figures, its checkpoint and the
evaluation of a few held-out images.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from training_sides import CASES, GO, Case, run_side

HELD_OUT = 2  # images a class: evaluation is not what is measured


# ------------------------------------------------------------------------------------- the images


def scene(generator: np.random.Generator, height: int, width: int, channels: int) -> Image.Image:
    """A made picture whose JPEG is about as large as a photograph's: blobs of colour and grain."""
    blobs = generator.integers(0, 256, (height // 24 + 2, width // 24 + 2, 3), dtype=np.uint8)
    smooth = Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC)
    grain = generator.normal(0, 12, (height, width, 1))
    pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB" if channels == 3 else "L")


def pictures(case: Case, source: Path | None) -> Iterator[tuple[str, Path | Image.Image]]:
    """(class, file or picture), class after class in turn: training images, then held-out ones."""
    wanted = case.images + HELD_OUT * case.classes
    if source is None:
        generator = np.random.default_rng(0)
        height, width = (375, 500) if case.size > 64 else (case.size, case.size)
        for number in range(wanted):
            yield f"class{number % case.classes}", scene(generator, height, width, case.channels)
        return
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    files = [sorted(path for path in folder.iterdir() if path.is_file()) for folder in folders]
    rows = [
        (folders[k].name, files[k][row])
        for row in range(max(map(len, files)))
        for k in range(len(folders))
        if row < len(files[k])
    ]
    if len(rows) < wanted:
        sys.exit(
            f"{source.resolve()}: holds {len(rows)} images of the {wanted} needed; say --images"
        )
    yield from rows[:wanted]


def lay_out(case: Case, source: Path | None, target: Path) -> None:
    """Write the images as a data set: a folder of JPEG files, or IDX files for grey pictures."""
    if case.channels == 1:
        rows = list(pictures(case, source))
        names = sorted({name for name, _ in rows})
        pixels = np.stack([np.asarray(picture) for _, picture in rows])
        labels = np.array([names.index(name) for name, _ in rows], dtype=np.uint8)
        target.mkdir(parents=True)
        for part, span in (("train", slice(case.images)), ("t10k", slice(case.images, None))):
            write_idx(target / f"{part}-images-idx3-ubyte", pixels[span])
            write_idx(target / f"{part}-labels-idx1-ubyte", labels[span])
        return
    for number, (name, picture) in enumerate(pictures(case, source)):
        folder = target / ("train" if number < case.images else "val") / name
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, Path):
            shutil.copyfile(picture, folder / f"{number:06d}{picture.suffix.lower()}")
        else:
            picture.save(folder / f"{number:06d}.jpg", quality=90)


def write_idx(path: Path, array: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """MNIST's own file format: type and rank, the sizes, the bytes."""
    sizes = np.array(array.shape, dtype=">i4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


# ---------------------------------------------------------------------------------- the measuring


class Side:
    """One side's process."""

    def __init__(self, side: str, case: Case, folder: Path, epochs: int) -> None:
        job = json.dumps({"side": side, "folder": str(folder), "epochs": epochs, **asdict(case)})
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--side", job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            sys.exit(f"a side ended early with status {self.process.wait()}; see above")
        return line

    def epoch(self) -> float:
        """Seconds that one epoch took."""
        assert self.process.stdin is not None
        self.process.stdin.write(GO + "\n")
        self.process.stdin.flush()
        return float(self._read())

    def close(self) -> None:
        self.process.communicate()
        if self.process.returncode:
            sys.exit(f"a side ended with status {self.process.returncode}; see above")


def measure(case: Case, source: Path | None, pairs: int, scratch: Path) -> dict[str, Any]:
    """Images a second of both sides, pair after pair."""
    folder = scratch / case.network
    lay_out(case, source, folder)
    ours = Side("striate", case, folder, pairs + 1)
    theirs = Side(case.rival, case, folder, pairs + 1)
    theirs.epoch(), ours.epoch()
    # Whole batches only are left to both: Case.images is a multiple of the batch size.
    timed = [(theirs.epoch(), ours.epoch()) for _ in range(pairs)]
    theirs.close()
    ours.close()
    shutil.rmtree(folder)
    rates = [[case.images / seconds for seconds in side] for side in zip(*timed, strict=True)]
    ratios = [their / our for their, our in timed]
    return {
        "case": case.network,
        "size": case.size,
        "images": case.images,
        "batch_size": case.batch_size,
        "rival": case.rival,
        "rival_rates": rates[0],
        "striate_rates": rates[1],
        "rival_rate": statistics.median(rates[0]),
        "striate_rate": statistics.median(rates[1]),
        "ratios": ratios,
        "ratio": statistics.median(ratios),
        "wanted": case.wanted,
    }


def show(result: dict[str, Any]) -> None:
    spread = f"{min(result['ratios']):.2f} to {max(result['ratios']):.2f}"
    print(
        f"{result['case']:10} {result['size']:4} px  {result['rival']:8} "
        f"{result['rival_rate']:9.1f}  striate {result['striate_rate']:9.1f} images/s   "
        f"ratio {result['ratio']:.2f} ({spread}; wanted {result['wanted']})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Training speed beside loops written by hand.")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--pairs", type=int, default=5, help="epochs of each side that count")
    parser.add_argument("--images", type=int, help="images an epoch, instead of each case's own")
    parser.add_argument("--photos", type=Path, help="class folders of photographs for resnet18")
    parser.add_argument(
        "--small", type=Path, help="class folders of 32-pixel pictures for resnet20"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        job = json.loads(options.side)
        side, folder, epochs = job.pop("side"), Path(job.pop("folder")), job.pop("epochs")
        run_side(side, Case(**job), folder, epochs)
        return
    sources = {"resnet18": options.photos, "resnet20": options.small}
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.cases:
            case = CASES[name]
            if options.images:
                whole = -(-options.images // case.batch_size) * case.batch_size
                case = replace(case, images=whole)
            results.append(measure(case, sources.get(name), options.pairs, Path(scratch)))
            show(results[-1])
    if options.json:
        import torch

        machine = {
            "processor": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        document = json.dumps({"machine": machine, "results": results}, indent=2)
        options.json.write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
