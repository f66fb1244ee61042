"""Photographs as telephones make them: what commands take on them, side by side in one run.

``python benchmarks/photographs.py IMAGES [--photographs 240] [--before SRC] [--json FILE]``

From a folder of class folders, photographs of 12 megapixels are made, enlarged and with grain, and
the same shrunk to a short side of 448 pixels, as a careful person would do beforehand. Then, in
turns:

- ``train`` on the photographs for the first time and again, and on the shrunk ones;
- a loop over torchvision's `ImageFolder` as the PyTorch tutorials have it, on the photographs, with
  the same network, batch size and number of epochs;
- ``transfer`` and ``evaluate`` of its run, with ``--backbone``;
- with ``--before``, the ``src`` folder of another version of Striate, the same commands of that.

Of each command the seconds on the wall and those of the processor are taken; the first are what a
person waits for, the second do not hang on what else the machine does. Epochs are compared by the
images a second of the last one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SHRUNK = 448
GRAIN = 6  # levels of 255, of one standard deviation


# --- the photographs ---------------------------------------------------------------------------


def pictures(source: Path | None, count: int) -> Iterator[tuple[str, Image.Image]]:
    """(class, picture), class after class in turn."""
    if source is None:
        random = np.random.default_rng(0)
        for number in range(count):
            blobs = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            yield f"class{number % 2}", Image.fromarray(blobs)
        return
    folders = sorted(each for each in source.iterdir() if each.is_dir())
    files = [sorted(each for each in folder.iterdir() if each.is_file()) for folder in folders]
    for number in range(count):
        own = number % len(folders)
        if number // len(folders) >= len(files[own]):
            sys.exit(f"{source.resolve()}: holds fewer than {count} images of equal classes")
        with Image.open(files[own][number // len(folders)]) as picture:
            yield folders[own].name, picture.convert("RGB")


def lay_out(source: Path | None, count: int, width: int, folder: Path) -> tuple[Path, Path]:
    """The folders of the photographs and of the shrunk ones, made unless they are there."""
    large, small = folder / "photographs", folder / "shrunk"
    if len(list(small.glob("*/*.jpg"))) == count:  # the last one is written last
        return large, small
    for number, (name, picture) in enumerate(pictures(source, count)):
        size = (
            (width, width * 3 // 4) if picture.width >= picture.height else (width * 3 // 4, width)
        )
        grain = np.random.default_rng(number).normal(0, GRAIN, (size[1], size[0], 1))
        smooth = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float32)
        photograph = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
        shrunk = photograph.resize(
            [side * min(SHRUNK, *size) // min(size) for side in size],  # type: ignore[arg-type]
            Image.Resampling.LANCZOS,
        )
        for where, each in ((large, photograph), (small, shrunk)):
            (where / name).mkdir(parents=True, exist_ok=True)
            each.save(where / name / f"{number:05}.jpg", quality=80 if where is large else 95)
    return large, small


# --- what is measured --------------------------------------------------------------------------


def timed(command: list[str], **environment: str) -> dict[str, Any]:
    """Seconds of a command on the wall and of the processor, and its last line as JSON."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = json.loads(done.stdout[done.stdout.index("{") :])
    return {"seconds": seconds, "processor": processor, "said": last}


def striate(*arguments: object, cache: Path, source: Path | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", "striate", *map(str, arguments), "--json"]
    path = {} if source is None else {"PYTHONPATH": str(source)}
    return timed(command, STRIATE_CACHE=str(cache), **path)


def trained(
    given: argparse.Namespace, data: Path, out: Path, cache: Path, source: Path | None = None
) -> dict[str, Any]:
    """A training, and the images a second of its last epoch."""
    found = striate(
        "train", data, "--net", given.net, "--size", given.size, "--epochs", given.epochs,
        "--out", out, cache=cache, source=source,
    )  # fmt: skip
    lines = (out / "timing.jsonl").read_text(encoding="utf-8").splitlines()
    found["rate"] = json.loads(lines[-1])["images_per_second"]
    return found


def imagefolder(given: dict[str, Any]) -> dict[str, Any]:
    """The tutorials' loop: decoded, cropped and trained on, and nothing else."""
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from striate import create

    steps = [
        transforms.RandomResizedCrop(given["size"]),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.5,) * 3, (0.25,) * 3),
    ]
    images = datasets.ImageFolder(given["data"], transforms.Compose(steps))
    loader: DataLoader[Any] = DataLoader(
        images, given["batch"], shuffle=True, num_workers=2, drop_last=True
    )
    network = create(given["net"], classes=len(images.classes)).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    seconds = 0.0
    for _ in range(given["epochs"]):
        began, count = time.perf_counter(), 0
        for inputs, labels in loader:
            output = network(inputs)
            loss = torch.nn.functional.cross_entropy(getattr(output, "logits", output), labels)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            count += len(labels)
        seconds = time.perf_counter() - began
    return {"rate": count / seconds}


def one_round(
    given: argparse.Namespace, large: Path, small: Path, folder: Path
) -> dict[str, dict[str, Any]]:
    """Every command once, each version and the shrunk photographs with a cache of their own."""
    found = {}
    own, other, before = (folder / name for name in ("cache", "cache-shrunk", "cache-before"))
    found["first"] = trained(given, large, folder / "first", own)
    found["second"] = trained(given, large, folder / "second", own)
    found["shrunk"] = trained(given, small, folder / "shrunk", other)
    batch = json_of(folder / "first")["recipe"]["batch_size"]
    told = {"data": str(large), "net": given.net, "size": given.size, "epochs": given.epochs}
    loop = [sys.executable, __file__, "--imagefolder", json.dumps({**told, "batch": batch})]
    found["imagefolder"] = timed(loop)
    found["imagefolder"]["rate"] = found["imagefolder"]["said"]["rate"]
    if given.before:
        found["before"] = trained(given, large, folder / "before", before, given.before)
    sides = [("", own, None), ("before ", before, given.before)][: 2 if given.before else 1]
    for name, cache, source in sides if given.backbone else []:
        run = folder / f"{name.strip()}transferred"
        weights = ["--weights", given.weights] if given.weights else []
        arguments = ["transfer", large, "--backbone", given.backbone, *weights, "--no-export"]
        shutil.rmtree(cache, ignore_errors=True)  # a version may have kept nothing
        found[f"{name}transfer"] = striate(*arguments, "--out", run, cache=cache, source=source)
        shutil.rmtree(cache, ignore_errors=True)  # a version may have kept nothing
        found[f"{name}evaluate"] = striate("evaluate", run, cache=cache, source=source)
    return found


def json_of(run: Path) -> dict[str, Any]:
    import tomllib

    return tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))


#: What is compared, by what, and which of the two is to be larger.
RATIOS = {
    "epochs, of shrunk beforehand": ("second", "shrunk", "rate"),
    "epochs, of ImageFolder": ("second", "imagefolder", "rate"),
    "first command, times as fast": ("before", "first", ""),
    "second command, times as fast": ("before", "second", ""),
    "transfer, times as fast": ("before transfer", "transfer", ""),
    "evaluate, times as fast": ("before evaluate", "evaluate", ""),
}


def ratios(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds, on the wall and of the processor."""
    found = {}
    for name, (one, other, key) in RATIOS.items():
        if all(one in each and other in each for each in rounds):
            found[name] = {
                kind: statistics.median(
                    each[one][key or kind] / each[other][key or kind] for each in rounds
                )
                for kind in (("rate",) if key else ("seconds", "processor"))
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, nargs="?", help="class folders; made up without")
    parser.add_argument("--photographs", type=int, default=240)
    parser.add_argument("--net", default="googlenet_bn")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", help="of transfer and evaluate, which are left out without")
    parser.add_argument("--weights", help="of the backbone")
    parser.add_argument("--before", type=Path, help="src of the version to compare with")
    parser.add_argument("--quick", action="store_true", help="a few small ones, to see it run")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the photographs, for another time")
    parser.add_argument("--imagefolder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.imagefolder:
        print(json.dumps(imagefolder(json.loads(given.imagefolder))))
        return
    width = 4000
    if given.quick:
        width, given.photographs, given.rounds, given.epochs = 800, 24, 1, 1
        given.net, given.size = "resnet18", 72
    rounds = []
    with tempfile.TemporaryDirectory(prefix="striate-photographs-") as folder:
        large, small = lay_out(given.images, given.photographs, width, given.keep or Path(folder))
        for number in range(given.rounds):
            here = Path(folder) / str(number)
            here.mkdir()
            rounds.append(one_round(given, large, small, here))
            shutil.rmtree(here)
            for name, each in rounds[-1].items():
                rate = f", {each['rate']:.1f} images/s" if "rate" in each else ""
                took = f"{each['seconds']:.1f} s, of the processor {each['processor']:.1f} s"
                print(f"{name}: {took}{rate}", file=sys.stderr)
    result = {"photographs": given.photographs, "rounds": rounds, "ratios": ratios(rounds)}
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result["ratios"], indent=1))


if __name__ == "__main__":
    main()
