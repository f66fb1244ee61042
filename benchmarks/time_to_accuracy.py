"""Accuracy for the time: recipes beside each other, and beside the loop of the PyTorch tutorials.

``python benchmarks/time_to_accuracy.py photos --net googlenet_bn --size 128 --out results.jsonl``

`photos` holds ``train/`` and ``val/`` with class folders. Arms are ``before`` (`modern` as it was
before images grew, frozen in ``recipes/modern_before_sizes.toml``), ``modern``, ``tutorial``
(torchvision's ImageFolder and a plain PyTorch loop) and paths of recipes; ``modern:22`` trains
that arm for 22 epochs. Every arm trains once for every seed, in a process of its own; a line of
`results.jsonl` is written for each, and what is there already is not trained again. The table
compares every arm with the first one:

- top-1 of the best epoch on the held-out images: mean over the seeds, and the mean difference of
  the same seeds with its 95 % interval (Student's t);
- seconds: ``wall`` is the median of what the arms took with whatever else the machine did;
  ``quiet`` adds up, epoch by epoch, the least that any seed took for it, since an epoch is the same
  work for every seed; ``processor`` is the mean processor time, of all threads;
- the quiet seconds after which the mean accuracy first reached the first arm's last one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

RECIPES = {
    "before": Path(__file__).parent / "recipes" / "modern_before_sizes.toml",
    "modern": "modern",
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TUTORIAL_EPOCHS = 20

# ------------------------------------------------------------------------------------- one training


class Clock:
    """Seconds and processor seconds of each epoch, its validation included."""

    def __init__(self) -> None:
        self.began, self.used = time.perf_counter(), time.process_time()
        self.epochs: list[dict[str, Any]] = []

    def epoch(self, top1: float, size: int) -> None:
        now, used = time.perf_counter(), time.process_time()
        seconds, processor = now - self.began, used - self.used
        self.epochs.append({"top1": top1, "size": size, "seconds": seconds, "processor": processor})
        self.began, self.used = now, used


def striate_arm(job: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    import striate

    clock = Clock()

    class Watch(striate.Callback):
        def on_train_begin(self, training: Any) -> None:
            clock.__init__()  # type: ignore[misc]

        def on_epoch_end(self, epoch: Any) -> None:
            clock.epoch(epoch.validation.top1, epoch.size[0])

    name = job["arm"].partition(":")[0]
    striate.train(
        job["data"], net=job["net"], size=job["size"], recipe=RECIPES.get(name, name),
        epochs=job["epochs"], seed=job["seed"], out=out / "run", callbacks=[Watch()],
    )  # fmt: skip
    return clock.epochs


def tutorial_arm(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The loop of the PyTorch tutorials: a constant rate, random crops, flips, two workers."""
    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    import striate

    torch.manual_seed(job["seed"])
    size, folder = job["size"], Path(job["data"])
    ending = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    augment = [transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip(), *ending]
    fit = [transforms.Resize(round(size * 256 / 224)), transforms.CenterCrop(size), *ending]
    train = datasets.ImageFolder(str(folder / "train"), transforms.Compose(augment))
    held_out = datasets.ImageFolder(str(folder / "val"), transforms.Compose(fit))
    options: dict[str, Any] = {"batch_size": 32, "num_workers": job["workers"]}
    net = striate.create(job["net"], classes=len(train.classes))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    clock = Clock()
    for _ in range(job["epochs"] or TUTORIAL_EPOCHS):
        net.train()
        for inputs, labels in DataLoader(train, shuffle=True, drop_last=True, **options):
            optimizer.zero_grad()
            output = net(inputs)
            loss = criterion(output, labels)
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum(
                int((net(inputs).argmax(1) == labels).sum())
                for inputs, labels in DataLoader(held_out, **options)
            )
        clock.epoch(right / len(held_out), size)
    return clock.epochs


def run_job(job: dict[str, Any]) -> None:
    """Train one arm with one seed, and print its line."""
    began, used = time.perf_counter(), time.process_time()
    if job["arm"].startswith("tutorial"):
        epochs = tutorial_arm(job)
    else:
        with tempfile.TemporaryDirectory() as out:
            epochs = striate_arm(job, Path(out))
    line = {
        **job,
        "top1": max(each["top1"] for each in epochs),
        "last": epochs[-1]["top1"],
        "wall": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "curve": epochs,
    }
    print(json.dumps(line))


# -------------------------------------------------------------------------------------- all of them


def epochs_of(arm: str) -> int | None:
    """The epochs that stand behind an arm's name; None for those of its recipe."""
    name, _, epochs = arm.rpartition(":")
    return int(epochs) if name else None


def done_before(out: Path) -> list[dict[str, Any]]:
    if not out.exists():
        return []
    # The last line of a run that was killed may be half a line: it is trained again.
    found: list[dict[str, Any]] = []
    for line in out.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def train_all(jobs: Iterator[dict[str, Any]], out: Path) -> list[dict[str, Any]]:
    lines = done_before(out)
    for job in jobs:
        if any({**line, **job} == line for line in lines):
            continue
        print(f"{job['arm']}, seed {job['seed']} …", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, __file__, "--job", json.dumps(job)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{job['arm']}: ended with status {done.returncode}; see above")
        lines.append(json.loads(done.stdout.splitlines()[-1]))
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(lines[-1]) + "\n")
    return lines


# ---------------------------------------------------------------------------------------- the table


def interval(values: list[float]) -> float:
    """Half of the 95 % interval of a mean, by Student's t; infinite for a single value."""
    from scipy.stats import t  # type: ignore[import-untyped]

    if len(values) < 2:
        return math.inf
    return float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def quiet(lines: list[dict[str, Any]]) -> list[float]:
    """The least seconds that any seed took for each epoch."""
    return [min(each) for each in zip(*(seconds(line) for line in lines), strict=True)]


def seconds(line: dict[str, Any]) -> list[float]:
    return [epoch["seconds"] for epoch in line["curve"]]


def reached(lines: list[dict[str, Any]], wanted: float) -> float | None:
    """The quiet seconds after which the mean top-1 is `wanted` for the first time."""
    spent = 0.0
    tops = ([epoch["top1"] for epoch in line["curve"]] for line in lines)
    for took, top1 in zip(quiet(lines), zip(*tops, strict=True), strict=True):
        spent += took
        if mean(top1) >= wanted:
            return spent
    return None


def table(lines: list[dict[str, Any]], arms: list[str]) -> list[dict[str, Any]]:
    """A row an arm, each beside the first."""
    by_arm = {arm: [line for line in lines if line["arm"] == arm] for arm in arms}
    base = {line["seed"]: line["top1"] for line in by_arm[arms[0]]}
    wanted = mean(line["last"] for line in by_arm[arms[0]])
    rows = []
    for arm, found in by_arm.items():
        gains = [100 * (line["top1"] - base[line["seed"]]) for line in found]
        spread = interval(gains)
        rows.append(
            {
                "arm": arm,
                "seeds": len(found),
                "epochs": len(found[0]["curve"]),
                "top1": 100 * mean(line["top1"] for line in found),
                "gain": mean(gains),
                "gain_interval": [mean(gains) - spread, mean(gains) + spread],
                "quiet": sum(quiet(found)),
                "wall": median(sum(seconds(line)) for line in found),
                "processor": mean(line["processor"] for line in found),
                "reached": reached(found, wanted),
            }
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    print(f"| arm | epochs | seeds | top-1 | beside {first['arm']} | quiet s | of {first['arm']} "
          "| wall s | processor s | its accuracy after |")  # fmt: skip
    print("|---" * 10 + "|")
    for row in rows:
        low, high = row["gain_interval"]
        after = "–" if row["reached"] is None else f"{row['reached']:,.0f} s"
        print(
            f"| {row['arm']} | {row['epochs']} | {row['seeds']} | {row['top1']:.2f} % "
            f"| {row['gain']:+.2f} ({low:+.2f} to {high:+.2f}) | {row['quiet']:,.0f} "
            f"| {row['quiet'] / first['quiet']:.2f} | {row['wall']:,.0f} "
            f"| {row['processor']:,.0f} | {after} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy for the time.")
    parser.add_argument("data", nargs="?", help="a folder with train/ and val/")
    parser.add_argument("--net", default="googlenet_bn")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--arms", nargs="+", default=["before", "modern", "modern:22", "tutorial"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--workers", type=int, default=2, help="of the tutorial's DataLoader")
    parser.add_argument("--out", type=Path, default=Path("time_to_accuracy.jsonl"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
    parser.add_argument("--quick", action="store_true", help="two seeds, an epoch each: a trial")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_job(json.loads(options.job))
        return
    if options.data is None:
        parser.error("name a folder with train/ and val/")
    seeds = options.seeds[:2] if options.quick else options.seeds
    # Seed by seed, so that what is there when one stops compares all arms.
    jobs = (
        {
            "arm": arm,
            "seed": seed,
            "data": str(Path(options.data).resolve()),
            "net": options.net,
            "size": options.size,
            "workers": options.workers,
            "epochs": 1 if options.quick else epochs_of(arm),
        }
        for seed in seeds
        for arm in options.arms
    )
    lines = train_all(jobs, options.out)
    of_these = {"net": options.net, "size": options.size}
    lines = [line for line in lines if {**line, **of_these} == line and line["seed"] in seeds]
    rows = table(lines, options.arms)
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
