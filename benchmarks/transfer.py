"""Transfer learning, side by side with what a user would write by hand.

``python benchmarks/transfer.py DATA --backbone timm:efficientnet_lite0 --weights FILE
[--pairs 3] [--tutorial-epochs 25] [--json FILE]``, where DATA holds ``train/`` and ``val/``.

In turn, each in a fresh process and ours with a fresh cache:

- ``striate transfer``: the whole command, to the saved, exported and reported run;
- PyTorch in float32: the embeddings of the same images alone, from a DataLoader with two workers;
- ``striate transfer`` with another head on the same features, saved, exported and reported, beside
  the time that only importing what it needs takes;
- once, the PyTorch tutorial's loop with a frozen backbone until it is as accurate as ours, or has
  taken ``--most-times`` the time of ours: by then it is so many times slower, at least.

``python benchmarks/transfer.py DATA --own-backbone RUN [--classes a b] [--images 10 50 200]``: the
network of a run of ours carried over to DATA, frozen and trained further, against the same network
from scratch and from the run's weights, at several numbers of training images a class.
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
import time
import tomllib
from pathlib import Path
from typing import Any

SIDES = Path(__file__).with_name("transfer_sides.py")


def timed(command: list[str], **environment: str) -> tuple[float, dict[str, Any]]:
    """Seconds on the wall from before the process to after it, and its last line as JSON."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return seconds, json.loads(done.stdout.strip().splitlines()[-1])


def striate(*arguments: object, cache: Path | None = None) -> tuple[float, dict[str, Any]]:
    command = [sys.executable, "-m", "striate", *map(str, arguments), "--json"]
    return timed(command, **({"STRIATE_CACHE": str(cache)} if cache else {}))


def side(name: str, given: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    return timed([sys.executable, str(SIDES), name, json.dumps(given)])


# ------------------------------------------------------------------------------- ours against hand


def against_hand(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    source = ["--backbone", given.backbone, "--weights", given.weights]
    rounds = []
    hand: dict[str, Any] = {}
    for number in range(given.pairs):
        cache, out = folder / f"cache-{number}", folder / f"run-{number}"
        whole, ours = striate("transfer", given.data, *source, "--out", out, cache=cache)
        hand = hand or by_hand(given, out, ours["top1"])
        _, theirs = side("features", hand)
        second, other = striate(
            "transfer", given.data, *source, "--head", "svm",
            "--out", folder / f"second-{number}", cache=cache,
        )  # fmt: skip
        imports, _ = side("start-up", {})
        rounds.append(
            {
                "whole": whole,
                "top1": ours["top1"],
                "rate": ours["images_per_second"],
                "engine": ours["engine"],
                "torch_features": theirs["seconds"],
                "torch_rate": theirs["images"] / theirs["seconds"],
                "second": second,
                "second_top1": other["top1"],
                "start_up": imports,
            }
        )
        show(rounds[-1])
        shutil.rmtree(cache)
    found: dict[str, Any] = {"rounds": rounds, "ratios": ratios(rounds)}
    if given.tutorial_epochs:
        whole = statistics.median(each["whole"] for each in rounds)
        _, found["tutorial"] = side("tutorial", {**hand, "most_seconds": given.most_times * whole})
        found["ratios"]["tutorial_over_ours"] = found["tutorial"]["seconds"] / whole
    return found


def by_hand(given: argparse.Namespace, run: Path, accuracy: float) -> dict[str, Any]:
    """What the sides by hand are told: the same images, network, pre-processing and goal."""
    config = tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))["preprocessing"]
    return {
        "data": given.data,
        "backbone": given.backbone,
        "weights": given.weights,
        "resize": config["resize"],
        "size": config["height"],
        "interpolation": config["interpolation"],
        "mean": config["mean"],
        "std": config["std"],
        "epochs": given.tutorial_epochs,
        "accuracy": accuracy,
    }


def ratios(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Medians over the pairs, each of which met the same machine."""
    return {
        "features_rate": statistics.median(r["rate"] / r["torch_rate"] for r in rounds),
        "whole_over_torch_features": statistics.median(
            r["whole"] / r["torch_features"] for r in rounds
        ),
        "second_beyond_start_up": statistics.median(r["second"] - r["start_up"] for r in rounds),
    }


def show(entry: dict[str, Any]) -> None:
    print(
        "  ".join(
            f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
            for key, value in entry.items()
        ),
        file=sys.stderr,
    )


# ---------------------------------------------------------------------- our own network, carried


def part_of(data: Path, target: Path, classes: list[str], images: int) -> Path:
    """`target` with the first `images` of each of `classes` to train on, and all held-out ones."""
    for split in ("train", "val"):
        for name in classes:
            (target / split / name).mkdir(parents=True)
            files = sorted((data / split / name).iterdir())
            for file in files[: images if split == "train" else None]:
                (target / split / name / file.name).symlink_to(file.resolve())
    return target


def own_backbone(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    run = tomllib.loads((Path(given.own_backbone) / "run.toml").read_text(encoding="utf-8"))
    data = Path(given.data)
    classes = given.classes or sorted(each.name for each in (data / "train").iterdir())
    rows = []
    for images in given.images:
        here = folder / str(images)
        chosen = str(part_of(data, here / "images", classes, images))
        carried = ["transfer", chosen, "--backbone", given.own_backbone, "--no-export"]
        size = run["preprocessing"]["height"]
        anew = ["train", chosen, "--net", run["network"], "--size", size]
        row: dict[str, Any] = {"images": images}
        for name, arguments in {
            "frozen": [*carried],
            "trained_further": [*carried, "--freeze", "none"],
            "half_frozen": [*carried, "--freeze", str(given.freeze)],
            "from_scratch": [*anew],
            "from_its_weights": [*anew, "--weights", f"{given.own_backbone}/model.safetensors"],
        }.items():  # fmt: skip
            seconds, found = striate(*arguments, "--out", here / name, cache=here / "cache")
            row[name] = {"top1": found["top1"], "seconds": seconds, "interval": found["interval"]}
            print(
                f"{images} a class, {name}: {100 * found['top1']:.2f} %, {seconds:.0f} s",
                file=sys.stderr,
            )
        rows.append(row)
    return {"backbone": given.own_backbone, "classes": classes, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--backbone", default="timm:efficientnet_lite0")
    parser.add_argument("--weights", default="timm")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--tutorial-epochs", type=int, default=25, help="0 leaves it out")
    parser.add_argument(
        "--most-times", type=float, default=10.5, help="our time, for the tutorial's loop"
    )
    parser.add_argument("--own-backbone", help="a run of ours: the other experiment")
    parser.add_argument("--classes", nargs="*", help="of DATA; all if absent")
    parser.add_argument("--images", nargs="*", type=int, default=[10, 50, 200])
    parser.add_argument("--freeze", type=int, default=8, help="stages that 'half_frozen' holds")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="striate-transfer-") as folder:
        work = own_backbone if given.own_backbone else against_hand
        found = work(given, Path(folder))
    found["machine"] = {"processor": platform.processor(), "threads": os.cpu_count()}
    text = json.dumps(found, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
