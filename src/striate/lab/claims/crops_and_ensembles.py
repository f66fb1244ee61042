"""Claim 18: error against the number of crops, and against that of networks, with what it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
from markupsafe import Markup

from striate.inference.classifier import Classifier
from striate.inference.views.views import Views
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import Taught, taught
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against
from striate.support import settings

WIDTH, SIDE = 16, 72
#: Of each setting how many networks there are, and the views of each image.
SETTINGS = {
    "one view": (1, Views()),
    "10 crops": (1, Views("10")),
    "144 crops": (1, Views("144")),
    "dense": (1, Views("dense")),
    "3 networks": (3, Views()),
    "7 networks": (7, Views()),
}
_MOST = max(networks for networks, _ in SETTINGS.values())


def made(classes: int) -> Modular:
    """The network of all settings."""
    return Modular(Plan(width=WIDTH, blocks=1, shortcut="a", classes=classes))


@lru_cache(maxsize=_MOST)
def member(seed: int, conditions: Conditions) -> Taught:
    """One trained network, the same whoever asks first."""
    with settings.training(1, seed):
        side = 24 if conditions.quick else SIDE
        return taught(made, conditions, seed=seed, size=side, augmented=True)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """The held-out error of the mean of all probabilities, and how many are averaged."""
    networks, views = SETTINGS[setting]
    members = [member(_MOST * seed + n, conditions) for n in range(networks)]
    data, prepared = members[0].data, members[0].preprocessing
    began = time.perf_counter()
    given = [
        Classifier.of_network(each.learnt.network, prepared, data.classes, views=views).rows(
            data.val
        )
        for each in members
    ]
    seconds = time.perf_counter() - began
    right = np.mean(given, axis=0, dtype=np.float64).argmax(1) == data.val.labels
    return {
        "error": float(1 - right.mean()),
        "views": float(networks * views.count(prepared)),
        "seconds_an_image": seconds / len(data.val),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Every network is of the same making."""
    networks = dict.fromkeys(SETTINGS, partial(made, 10))
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Errors and what they cost."""
    return beside(
        "Crops and ensembles",
        rows(results, "error", Axis(title="held-out error", tick=per_cent)),
        rows(results, "seconds_an_image", Axis(title="seconds an image", log=True)),
    )


EXPERIMENT = Experiment(
    name="crops-and-ensembles",
    number=18,
    title="Crops and ensembles",
    claim="More crops of an image and more networks each lower the error, networks the most.",
    source="Szegedy et al. 2015, Sec. 7, Table 3; Krizhevsky et al. 2012; the working notes.",
    chinese=("多裁剪与集成", "更多的裁剪和更多的网络都能降低错误率，增加网络的作用最大。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=tuple(
        Statement(
            says=says,
            figure="error",
            contrast=against(one, other),
            wants="less",
            least=0.005,
            unit="points",
            decides=decides,
        )
        for says, one, other, decides in (
            ("10 crops err less often than one view", "10 crops", "one view", True),
            ("7 networks err less often than one", "7 networks", "one view", True),
            ("7 networks err less often than 10 crops of one", "7 networks", "10 crops", True),
            ("and less often than 144 crops of one", "7 networks", "144 crops", True),
            ("144 crops err less often than 10", "144 crops", "10 crops", False),
            ("7 networks err less often than 3", "7 networks", "3 networks", False),
            ("whole images, densely, err less often than one view", "dense", "one view", False),
        )
    ),
    figure=draw,
    caption="A point is a seed, with networks of its own; the stroke is their mean.",
    shown=(
        ("error", "held-out error, %"),
        ("views", "views of an image"),
        ("seconds_an_image", "seconds an image"),
    ),
    cannot=(
        "Networks differ in first weights, order and augmentation; GoogLeNet's seven began with "
        "the same weights.",
        "Seconds are by the clock: more where the machine has other work at the same time.",
        "A training of minutes leaves errors of another kind than the papers' networks have.",
    ),
    conditions=Conditions(
        data="shapes:size=96,images=2500,classes=10,count=1", images=(2000, 500), epochs=8
    ),
    seeds=3,
    quick=Conditions(data="shapes:size=32,images=12,count=1", images=(8, 2), epochs=1, quick=True),
)
