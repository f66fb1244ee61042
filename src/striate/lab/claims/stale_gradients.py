"""Claim 21: asynchronous workers, whose gradients are stale, beside synchronous and local SGD.

Workers are processes: see `striate.lab.together`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.together import Task, Team, teach_together
from striate.lab.verdict import Stated, against, statements
from striate.recipes.recipe import Optimiser, Recipe

WIDTH, SIDE, RATE = 16, 32, 0.05
#: Of each setting who trains, and by how much the rate differs.
SETTINGS: dict[str, tuple[Team, float]] = {
    **{f"stale by {workers - 1}": (Team(workers=workers), 1.0) for workers in (1, 2, 4, 9)},
    "stale by 8, slower": (Team(workers=9), 1 / 4),
    "by 8, unevenly": (Team(workers=9, way="in drawn turns"), 1.0),
    "9 together": (Team(workers=9, way="at once"), 9.0),
    "9 apart for 4": (Team(workers=9, way="apart", apart=4), 3.0),
    "9 apart for 12": (Team(workers=9, way="apart", apart=12), 3.0),
}


def team(setting: str, conditions: Conditions) -> Team:
    """Who trains; at most two, by few images, where it is quick."""
    found = SETTINGS[setting][0]
    if not conditions.quick:
        return found
    return replace(found, workers=min(found.workers, 2), batch=4)


def network(classes: int = 10) -> Modular:
    """The same for all."""
    return Modular(Plan(width=WIDTH, blocks=1, shortcut="a", classes=classes))


def by_sgd(recipe: Recipe, rate: float) -> Recipe:
    """Plain SGD, without momentum, which would be stale itself."""
    optimiser = Optimiser(rate=rate, momentum=0.0, weight_decay=5e-4, decay_norms=False)
    return replace(recipe, optimiser=optimiser)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, and how stale gradients were: as a mean, and the most of any."""
    found = teach_together(
        team(setting, conditions),
        Task(
            make=network,
            change=partial(by_sgd, rate=RATE * SETTINGS[setting][1]),
            conditions=conditions,
            seed=seed,
            size=16 if conditions.quick else SIDE,
        ),
    )
    return {
        "train": found.train,
        "val": found.val,
        "age": found.age,
        "oldest": float(max((age for each in found.ages for age in each), default=0)),
        "diverged": float(found.diverged),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """All see as many images, in steps of as many."""
    teams = {name: team(name, conditions) for name in SETTINGS}
    images = conditions.images[0]
    return (
        macs_of(dict.fromkeys(SETTINGS, network), (3, SIDE, SIDE)),
        Equal(
            what="images an epoch",
            values={name: each.seen(images) for name, each in teams.items()},
        ),
        Equal(what="images a worker's step", values={n: each.batch for n, each in teams.items()}),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies by staleness."""
    return beside(
        "Stale gradients",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "train", Axis(title="training accuracy", tick=per_cent)),
    )


STATED: tuple[Stated, ...] = (
    (
        "gradients that are stale by 8 steps cost accuracy (held-out)",
        "val",
        against("stale by 8", "stale by 0"),
        "less",
        0.02,
    ),
    (
        "so many workers together, synchronously at nine times the rate, do better",
        "val",
        against("9 together", "stale by 8"),
        "more",
        0.02,
    ),
    (
        "they do as well as one worker alone",
        "val",
        against("9 together", "stale by 0"),
        "same",
        0.02,
    ),
    ("stale by 1 step costs nothing", "val", against("stale by 1", "stale by 0"), "same", 0.02),
    ("stale by 3 steps costs accuracy", "val", against("stale by 3", "stale by 0"), "less", 0.02),
    (
        "at a quarter of the rate, gradients stale by 8 steps do better",
        "val",
        against("stale by 8, slower", "stale by 8"),
        "more",
        0.02,
    ),
    (
        "in drawn turns, where some gradients are much older, 9 workers do worse",
        "val",
        against("by 8, unevenly", "stale by 8"),
        "less",
        0.02,
    ),
    (
        "local SGD, whose workers meet every 4 steps, does as well as synchronous SGD",
        "val",
        against("9 apart for 4", "9 together"),
        "same",
        0.02,
    ),
    (
        "and worse where they meet every 12",
        "val",
        against("9 apart for 12", "9 apart for 4"),
        "less",
        0.02,
    ),
)
#: The claim hangs on the first of them.
DECIDING = 3

EXPERIMENT = Experiment(
    name="stale-gradients",
    number=21,
    title="Asynchronous SGD",
    claim=(
        "Asynchronous workers pay for stale gradients with accuracy; synchronous ones, of as many "
        "images, do not."
    ),
    source=(
        "Dean et al. 2012, Sec. 4.1; Chen et al. 2016, Sec. 2.1; local SGD: Stich 2019; the "
        "working notes."
    ),
    chinese=("异步 SGD", "异步训练因梯度过时而损失准确率；图像数相同时，同步训练则不会。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=statements(STATED, deciding=DECIDING),
    figure=draw,
    shown=(
        ("age", "staleness in steps"),
        ("oldest", "most, in steps"),
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        "Time, which is what asynchronous workers are for. They are processes, but take turns in "
        "an order that is given, so that the result is the same every time.",
        "Batch norm's running means are those of the first worker: of its share of the images, and "
        "of the weights that it had.",
        "9 together have a ninth of the steps, at nine times the rate; those apart take three "
        "times the rate. Other rates may suit either better.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(3456, 2000), epochs=8
    ),
    seeds=5,
    quick=QUICK,
)
