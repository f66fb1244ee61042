"""Claim 19: with little data freeze more, with much train more.

A network learns half of the classes, and is then trained for the other half, on few or on many
images of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product

import numpy as np
from markupsafe import Markup

from striate.data.images import ImageSet
from striate.data.sources import Data
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against
from striate.support import settings

WIDTH, SIDE = 24, 32
#: Images of the new classes together, and how often they are gone through.
AMOUNTS = {"few": (100, 40), "many": (2000, 8)}
#: How many parts, from the image up, stay as they are, of the stem and three stages; and at which
#: share of the recipe's rate the others train.
WAYS = {
    "head": (4, 1.0),
    "last stage": (3, 1.0),
    "all": (0, 1.0),
    "all slowly": (0, 0.1),
    "from scratch": (0, 1.0),
}
SETTINGS = tuple(f"{way}, {amount}" for amount, way in product(AMOUNTS, WAYS))


def half(data: Data, upper: bool) -> Data:
    """The images of the first half of the classes, or of the others."""
    middle = len(data.classes) // 2
    wanted = data.classes[middle:] if upper else data.classes[:middle]
    first = middle if upper else 0

    def part(images: ImageSet) -> ImageSet:
        there = np.flatnonzero((images.labels >= middle) == upper)
        chosen = images.subset(there)
        return chosen.relabelled(wanted, chosen.labels - first)

    return replace(data, classes=wanted, train=part(data.train), val=part(data.val))


def few(data: Data, most: int) -> Data:
    """At most so many training images, every class in its share."""
    counts: dict[int, int] = {}
    each = max(most // len(data.classes), 1)
    chosen = []
    for index in sorted(range(len(data.train)), key=data.train.digest):
        label = int(data.train.labels[index])
        counts[label] = counts.get(label, 0) + 1
        if counts[label] <= each:
            chosen.append(index)
    return replace(data, train=data.train.subset(sorted(chosen)))


@lru_cache(maxsize=1)
def learnt_before(seed: int, conditions: Conditions) -> Modular:
    """The network of the first half of the classes, the same whoever asks first."""
    data = half(images_of(conditions), upper=False)
    with settings.training(1, seed):
        network = Modular(Plan(width=WIDTH, blocks=1, shortcut="a", classes=len(data.classes)))
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE, augmented=False)
    learn(network, data, recipe, seed=seed, preprocessing=preprocessed(data.train, SIDE, 3))
    return network


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies on the new classes."""
    way, amount = setting.split(", ")
    (frozen, slower), (most, epochs) = WAYS[way], AMOUNTS[amount]
    old = half(images_of(conditions), upper=False)
    data = few(half(images_of(conditions), upper=True), most)
    plan = Plan(width=WIDTH, blocks=1, shortcut="a", classes=len(data.classes))
    with settings.training(1, seed):
        network = Modular(plan)
    if way != "from scratch":
        fresh = network.classifier
        network = deepcopy(learnt_before(seed, conditions))
        network.classifier = fresh
    for part in [network.stem, *network.stages][:frozen]:
        part.requires_grad_(False)
    recipe = recipe_for(
        network, data, epochs=1 if conditions.quick else epochs, size=SIDE, augmented=False
    )
    rate = slower * recipe.optimiser.rate
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, rate=rate))
    found = learn(network, data, recipe, seed=seed, preprocessing=preprocessed(old.train, SIDE, 3))
    chance = 1 / len(data.classes)
    return {
        "train": found.reached("train", "top1", chance),
        "val": found.reached("validation", "top1", chance),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The network is one and the same; what differs is how much of it trains."""
    make = partial(Modular, Plan(width=WIDTH, blocks=1, shortcut="a"))
    return (
        macs_of(dict.fromkeys(SETTINGS, make), (3, SIDE, SIDE)),
        *(
            Equal(
                what=f"epochs of {amount} images, {most:,}",
                values={f"{way}, {amount}": float(epochs) for way in WAYS},
            )
            for amount, (most, epochs) in AMOUNTS.items()
        ),
    )


def draw(results: Results) -> Markup:
    """Accuracies with few and with many images."""
    return beside(
        "What is trained again",
        *(
            rows(
                results,
                "val",
                Axis(title=f"held-out accuracy, {amount} images", tick=per_cent),
                [name for name in SETTINGS if name.endswith(amount)],
            )
            for amount in AMOUNTS
        ),
    )


EXPERIMENT = Experiment(
    name="transfer",
    number=19,
    title="Transfer",
    claim="With little data freeze more of a transferred network, with much data train more of it.",
    source="The working notes; Yosinski et al. 2014, Sec. 4.",
    chinese=("迁移学习", "数据少时多冻结，数据多时多训练。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="with few images, training the head alone is better than training all",
            figure="val",
            contrast=against("head, few", "all, few"),
            wants="more",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="so it is where all are trained at a tenth of the rate",
            figure="val",
            contrast=against("head, few", "all slowly, few"),
            wants="more",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="with many, training all is better than the head alone",
            figure="val",
            contrast=against("all, many", "head, many"),
            wants="more",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="what training all gains over the head alone is more with many images than with "
            "few",
            figure="val",
            contrast=against("all, many", "head, many") | against("head, few", "all, few"),
            wants="more",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="so it is at a tenth of the rate",
            figure="val",
            contrast=against("all slowly, many", "head, many")
            | against("head, few", "all slowly, few"),
            wants="more",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="with few images, any transfer is better than none: all trained, against from "
            "scratch",
            figure="val",
            contrast=against("all, few", "from scratch, few"),
            wants="more",
            least=0.02,
            unit="points",
            decides=False,
        ),
        Statement(
            says="with many it still is",
            figure="val",
            contrast=against("all, many", "from scratch, many"),
            wants="more",
            least=0.01,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    caption=(
        "".join(
            f"{amount.capitalize()} is {most:,} images, {epochs} times. "
            for amount, (most, epochs) in AMOUNTS.items()
        )
        + "They are of half of the classes, after all images of the other half. A point is a seed; "
        "the stroke is their mean, the line its 95 % interval."
    ),
    shown=(("train", "training accuracy, %"), ("val", "held-out accuracy, %")),
    cannot=(
        "All parts that train have one rate, that of training from scratch or a tenth of it: rates "
        "that fall towards the image, as `striate transfer` has them, may do better.",
        "Few images are the same hundred with every seed, and half of the held-out images are of "
        "the new classes.",
        "Batch norm counts its statistics anew in frozen parts, too.",
        "The old classes are as many and as like as the new ones; ImageNet's are neither.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=12000,classes=10,count=1", images=(10000, 2000), epochs=8
    ),
    seeds=5,
    quick=Conditions(
        data="shapes:size=32,images=60,count=1", images=(40, 20), epochs=1, quick=True
    ),
)
