"""How much more images would give, and freezing fewer stages, on a person's own data.

Neither figure is about the run itself: each of its points is a head, or a network, made anew from a
part of the training images and measured on the held-out ones.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.data.sources import Data
from striate.runs.run import Run
from striate.training.assemble import make_training
from striate.training.options import Options, Place
from striate.training.recipe import load_recipe
from striate.transferring.heads import Penalty, fit_head
from striate.zoo.heads import HEADS, SoftmaxHead
from striate.zoo.transferred import Transferred

Features = NDArray[np.float32]

#: Images a class that accuracy is shown for; the last point is all there are.
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
#: Draws of so few images differ: their points are means over as many.
FEW, DRAWS = 20, 3
#: Rows above which only the head that was asked for is fitted.
_ALL_HEADS = 600

#: What training with stages frozen is tried on: images a class, and at most so many together.
STAGE_STEPS = (10, 50)
MOST_TRAINED = 300
MOST_JUDGED = 300
STAGE_EPOCHS = 5


def by_images(
    *,
    kind: str,
    penalty: Penalty,
    of_train: Features,
    data: Data,
    of_held: Features,
    held: ImageSet,
    seed: int,
) -> list[dict[str, Any]]:
    """Held-out accuracy of heads on frozen features, by the number of training images a class.

    Parameters
    ----------
    of_train: (images, views, D) of ``data.train``.
    of_held: (images, D) of `held`.

    Returns
    -------
    A point each: ``images`` (a class), ``rows`` (together), ``accuracy`` by kind of head, and
    ``deviation`` over the draws. A machine has no point where a class has one image.
    """
    labels = data.train.labels
    most = int(data.train.counts.max())
    points = []
    for wanted in (*(step for step in STEPS if step < most), most):
        draws = DRAWS if wanted <= FEW else 1
        found: dict[str, list[float]] = {}
        for draw in range(draws):
            chosen = of_each_class(labels, wanted, seed + draw)
            small = len(chosen) <= _ALL_HEADS
            single = int(np.bincount(labels[chosen]).min()) < 2
            for each in HEADS if small else (kind,):
                if single and each != "softmax":
                    continue
                fitted = fit_head(
                    each,
                    of_train[chosen],
                    labels[chosen],
                    data.classes,
                    penalty=penalty if each == kind else "l2",
                    seed=seed,
                )
                with torch.inference_mode():
                    said = fitted.head(torch.from_numpy(of_held)).argmax(1).numpy()
                found.setdefault(each, []).append(float((said == held.labels).mean()))
        points.append(
            {
                "images": wanted,
                "rows": len(chosen),
                "accuracy": {each: float(np.mean(shares)) for each, shares in found.items()},
                "deviation": {each: float(np.std(shares)) for each, shares in found.items()},
            }
        )
    return points


def of_each_class(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most `most` images of each class, rising; more of them hold all that fewer hold."""
    random = np.random.default_rng(seed)
    kept = [
        random.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)
    ]
    return np.sort(np.concatenate(kept))


def by_stages(
    run: Run,
    network: Transferred,
    *,
    stages: int,
    data: Data,
    of_train: Features,
    place: Place,
    workers: int | None,
) -> dict[str, Any]:
    """Held-out accuracy by the number of frozen stages, with few images and with more.

    The heads begin as softmax regressions on the same images. Bounded, since a processor trains a
    few images a second: at most `MOST_TRAINED` images for `STAGE_EPOCHS` epochs, the last of which
    counts, judged on at most `MOST_JUDGED`.

    Parameters
    ----------
    run: the run under way, for its decisions; nothing is written into it.
    network: backbone and head before any training; it is left as it is.
    stages: that the backbone has.
    of_train: (images, views, D) of ``data.train``.

    Returns
    -------
    ``frozen``: numbers of frozen stages, all of them last. ``curves``: for each number of images a
    class, ``images``, ``rows`` and the ``accuracy`` at each of them. ``judged``, ``epochs``.
    """
    held = data.val
    judged = of_each_class(held.labels, max(MOST_JUDGED // len(data.classes), 1), run.config.seed)
    frozen = sorted({0, stages // 3, 2 * stages // 3, stages - 1})
    curves: list[dict[str, Any]] = []
    for wanted in STAGE_STEPS:
        chosen = of_each_class(data.train.labels, wanted, run.config.seed)
        if curves and not (curves[-1]["rows"] < len(chosen) <= MOST_TRAINED):
            continue
        part = replace(data, train=data.train.subset(chosen), val=held.subset(judged), test=None)
        start = _with_softmax(network, of_train[chosen], part, run.config.seed)
        shares = [
            _trained(run, start, part, frozen=number, place=place, workers=workers)
            for number in (*frozen, stages)
        ]
        curves.append({"images": wanted, "rows": len(chosen), "accuracy": shares})
    return {
        "frozen": [*frozen, stages],
        "curves": curves,
        "judged": len(judged),
        "epochs": STAGE_EPOCHS,
    }


def _with_softmax(network: Transferred, features: Features, data: Data, seed: int) -> Transferred:
    head = fit_head("softmax", features, data.train.labels, data.classes, seed=seed).head
    assert isinstance(head, SoftmaxHead)
    return Transferred(copy.deepcopy(network.backbone), head)


def _trained(
    run: Run,
    start: Transferred,
    data: Data,
    *,
    frozen: int,
    place: Place,
    workers: int | None,
) -> float:
    """Accuracy after training what lies above the first `frozen` stages."""
    recipe = load_recipe(
        "fine_tuning",
        network=run.config.network,
        family="",
        normalised=True,
        grey=data.train.is_grey,
        small=max(run.preprocessing.input_size[1:]) <= 64,
    ).with_changes(epochs=STAGE_EPOCHS)
    recipe = recipe.fitted_to(len(data.train))
    transfer: Mapping[str, Any] = {
        **run.config.transfer,
        "freeze": str(frozen),
        "unfreeze_every": 0,
    }
    with TemporaryDirectory(prefix="striate-curve-") as folder:
        trial = Run(Path(folder), replace(run.config, transfer=transfer))
        training = make_training(
            trial,
            copy.deepcopy(start),
            data,
            recipe,
            options=Options(workers=workers, checkpoint_minutes=1e9),
            place=replace(place, watcher=None),
        )
        if frozen == len(training.setup.freezing.stages):  # type: ignore[union-attr]
            return float(training.validate()["top1"])
        training.run()
        return float(training.state.history[-1]["validation"]["top1"])
