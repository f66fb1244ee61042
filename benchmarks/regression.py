"""Numbers from pictures: the angle of turned digits, and red blood cells counted.

``python benchmarks/regression.py digits MNIST OUT [--train 5000] [--held 1000] [--seed 0]`` makes
the folder OUT from the folder of MNIST's IDX files: digits turned by -45 to 45 degrees that are
drawn from the seed, with their angle in ``metadata.csv``. ``… cells BCCD OUT`` makes one of the
photographs of BCCD (a folder with ``annotations.json``, COCO), with the number of red cells that
are marked in each.

``… heads OUT TARGET --backbone NAME [--weights FILE]`` fits every head of ours to one of these
folders, and scikit-learn's ``RidgeCV`` and ``SVR`` (by grid search) to the same standardised
features, and prints errors on the held-out images, each with its interval.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from striate.data.sources import Data, open_data
from striate.data.targets import Answers
from striate.evaluation.regression.result import measure_values
from striate.hub.heads import VALUE_HEADS
from striate.runs.targets import scaled, standardised
from striate.transfer_learning.backbone import open_backbone
from striate.transfer_learning.classifier import head_values
from striate.transfer_learning.features import features
from striate.transfer_learning.heads.regression.fit import fit_value_head

#: Degrees to either side.
MOST = 45.0


def digits(mnist: Path, out: Path, *, train: int, held: int, seed: int) -> None:
    """Turned digits: `train` of MNIST's training part, `held` of its test part."""
    random = np.random.default_rng(seed)
    rows = []
    for split, name, count in (("train", "train", train), ("val", "t10k", held)):
        pixels = idx(mnist / f"{name}-images-idx3-ubyte.gz")
        (out / split).mkdir(parents=True)
        for index in random.permutation(len(pixels))[:count].tolist():
            angle = round(float(random.uniform(-MOST, MOST)), 2)
            file = f"{split}/{index:05d}.png"
            # Pillow turns anticlockwise.
            Image.fromarray(pixels[index]).rotate(angle, Image.Resampling.BICUBIC).save(out / file)
            rows.append((file, angle, split))
    write(out, "angle", rows)


def cells(bccd: Path, out: Path) -> None:
    """Photographs with the number of red cells marked in each; ``test`` is what is held out."""
    found = json.loads((bccd / "annotations.json").read_text())
    red = next(each["id"] for each in found["categories"] if each["name"] == "RBC")
    rows = []
    for image in found["images"]:
        boxes = [each for each in found["annotations"] if each["image_id"] == image["id"]]
        split = "val" if image["split"] == "test" else "train"
        file = f"{split}/{Path(image['file_name']).name}"
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(next(bccd.rglob(Path(image["file_name"]).name)), out / file)
        rows.append((file, sum(each["category_id"] == red for each in boxes), split))
    write(out, "red_cells", rows)


def heads(folder: Path, target: str, backbone: str, weights: Path | None) -> None:
    """Ours and scikit-learn's, on the same features."""
    opened = open_backbone(backbone, weights)
    data = open_data(folder, answers=Answers(targets=(target,)))
    scale = scaled(data.train)
    values = standardised(scale, data.train.values).astype(np.float64)
    train, held = (
        features(opened, each, engine="float32").values[0] for each in (data.train, data.val)
    )
    show("best constant", np.full(len(held), np.median(data.train.values)), data, 0.0)
    for kind in VALUE_HEADS:
        began = time.perf_counter()
        fitted = fit_value_head(kind, train, values)
        seconds = time.perf_counter() - began
        show(kind, head_values(fitted.head, held, scale)[:, 0], data, seconds)
    alphas = 10.0 ** np.arange(-2, 7, 0.5)
    grid = {"svr__C": [0.1, 1, 10, 100], "svr__epsilon": [0.03, 0.1, 0.3]}
    svr = make_pipeline(StandardScaler(), SVR())
    theirs = {
        "scikit-learn RidgeCV": make_pipeline(StandardScaler(), RidgeCV(alphas)),
        "scikit-learn SVR": GridSearchCV(svr, grid, cv=3, scoring="neg_root_mean_squared_error"),
    }
    for name, model in theirs.items():
        began = time.perf_counter()
        model.fit(train.astype(np.float64), values[:, 0])
        seconds = time.perf_counter() - began
        found = model.predict(held.astype(np.float64)) * scale[0].deviation + scale[0].mean
        show(name, found, data, seconds)


def show(name: str, found: NDArray[np.floating[Any]], data: Data, seconds: float) -> None:
    """One line of figures."""
    result = measure_values(data.val.values, found[:, None], data.targets).per_target[0].figures
    both = (
        f"{key} {of.value:7.3f} ({of.interval[0]:.3f} to {of.interval[1]:.3f})"
        for key, of in result.items()
        if key in ("mae", "rmse")
    )
    print(f"{name:22s} {'  '.join(both)}  {seconds:6.1f} s", flush=True)


def idx(path: Path) -> NDArray[np.uint8]:
    """Images of an IDX file, (n, 28, 28)."""
    content = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(content, ">i4", 3, 4)
    return np.frombuffer(content, np.uint8, offset=16).reshape(shape)


def write(out: Path, target: str, rows: Iterable[tuple[str, float, str]]) -> None:
    """The table of `rows`."""
    with (out / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file_name", target, "split"))
        table.writerows(rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("digits", "cells"):
        command = commands.add_parser(name)
        command.add_argument("source", type=Path)
        command.add_argument("out", type=Path)
        if name == "digits":
            command.add_argument("--train", type=int, default=5_000)
            command.add_argument("--held", type=int, default=1_000)
            command.add_argument("--seed", type=int, default=0)
    command = commands.add_parser("heads")
    command.add_argument("source", type=Path)
    command.add_argument("target")
    command.add_argument("--backbone", required=True)
    command.add_argument("--weights", type=Path)
    given = parser.parse_args()
    if given.command == "digits":
        counts = {"train": given.train, "held": given.held}
        digits(given.source, given.out, **counts, seed=given.seed)
    elif given.command == "cells":
        cells(given.source, given.out)
    else:
        heads(given.source, given.target, given.backbone, given.weights)


if __name__ == "__main__":
    main()
