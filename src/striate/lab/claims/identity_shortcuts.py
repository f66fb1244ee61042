"""Claim 16: identity shortcuts help plain networks much and Inception networks little.

Networks of four kinds and three depths, with and without batch norm, at equal
multiply-accumulates: see `striate.lab.modular`. Two of the explanations that the notes leave open
are tested by the same networks: that Inception networks are not deep enough for a gain, and that
batch norm has already mended what shortcuts mend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

from markupsafe import Markup

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import INCEPTION, Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Stated, statements

SIDE = 24
#: Blocks a stage, by depth, and the width of Inception networks that cost what plain ones do.
BLOCKS, PLAIN_WIDTH, WIDTHS = {8: 1, 20: 3, 38: 6}, 16, {8: 42, 20: 46, 38: 46}
KINDS = ("plain", "residual", "Inception", "Inception-residual")
SETTINGS = tuple(
    f"{kind} {depth}{bare}" for bare, depth, kind in product(("", " without norm"), BLOCKS, KINDS)
)


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting; a quick one has the least depth."""
    kind, depth, *bare = setting.split(" ", 2)
    least = 8 if conditions.quick else int(depth)
    of_plain = Plan(
        width=PLAIN_WIDTH,
        blocks=BLOCKS[least],
        shortcut="a" if kind.endswith("residual") else "none",
        normalised=not bare,
    )
    if not kind.startswith("Inception"):
        return of_plain
    return replace(of_plain, width=WIDTHS[least], branches=INCEPTION)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies at the end, and after a quarter of the training."""
    of = plan(setting, conditions)
    side = 16 if conditions.quick else SIDE
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=side,
        as_without_norm=True,
    )
    early = math.ceil(conditions.epochs / 4) - 1
    return {
        **found.reached(),
        "early": found.curve("train", conditions.epochs)[early],
        "early_val": found.curve("validation", conditions.epochs)[early],
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """At each depth all kinds cost the same; norms are not counted, so those with them do."""
    found = []
    for depth in list(BLOCKS)[: 1 if conditions.quick else None]:
        names = [name for name in SETTINGS if name.endswith(f" {depth}")]
        networks = {name: partial(Modular, plan(name, conditions)) for name in names}
        each = macs_of(networks, (3, SIDE, SIDE), within=0.03)
        found.append(replace(each, what=f"{each.what}, at {depth} layers"))
    return (*found, Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)))


def draw(results: Results) -> Markup:
    """Accuracies of all kinds."""
    halves = SETTINGS[: len(SETTINGS) // 2], SETTINGS[len(SETTINGS) // 2 :]
    return beside(
        "Accuracies with and without shortcuts",
        *(
            rows(results, name, Axis(title=f"{title} accuracy", tick=per_cent), half)
            for half in halves
            for name, title in (("train", "training"), ("val", "held-out"))
        ),
    )


def gain(family: str, depth: int, bare: str = "", weight: float = 1.0) -> dict[str, float]:
    """What a shortcut adds in one family, as a contrast."""
    without, with_it = KINDS[:2] if family == "plain" else KINDS[2:]
    return {f"{with_it} {depth}{bare}": weight, f"{without} {depth}{bare}": -weight}


BARE = " without norm"
DEEPER_INCEPTION = gain("inception", 38) | gain("inception", 8, weight=-1)
DEEPER_PLAIN = gain("plain", 38) | gain("plain", 8, weight=-1)
STATED: tuple[Stated, ...] = (
    (
        "at 38 layers a shortcut helps the plain network (training accuracy)",
        "train",
        gain("plain", 38),
        "more",
        0.03,
    ),
    (
        "it helps the Inception network less than the plain one",
        "train",
        gain("plain", 38) | gain("inception", 38, weight=-1),
        "more",
        0.02,
    ),
    (
        "and hardly at all where held-out images are counted",
        "val",
        gain("inception", 38),
        "same",
        0.02,
    ),
    (
        "(a) too shallow: Inception's gain grows from 8 to 38 layers",
        "train",
        DEEPER_INCEPTION,
        "more",
        0.02,
    ),
    ("(a) the plain network's gain grows as well", "train", DEEPER_PLAIN, "more", 0.02),
    (
        "(a) and both grow alike",
        "train",
        DEEPER_PLAIN | {name: -weight for name, weight in DEEPER_INCEPTION.items()},
        "same",
        0.02,
    ),
    (
        "(c) batch norm has mended it: without norm Inception's gain is larger, at 38 layers",
        "train",
        gain("inception", 38, BARE) | gain("inception", 38, weight=-1),
        "more",
        0.02,
    ),
    (
        "(c) and so is the plain network's",
        "train",
        gain("plain", 38, BARE) | gain("plain", 38, weight=-1),
        "more",
        0.02,
    ),
    (
        "without norm, too, a shortcut helps the Inception network less than the plain one",
        "train",
        gain("plain", 38, BARE) | gain("inception", 38, BARE, -1),
        "more",
        0.02,
    ),
    (
        "Inception-residual is ahead of Inception after a quarter of the training (training "
        "accuracy, as Szegedy et al. 2017 saw it)",
        "early",
        gain("inception", 38),
        "more",
        0.02,
    ),
    ("and no longer at its end", "train", gain("inception", 38), "same", 0.02),
)
#: The claim hangs on the first of them; the others are about its explanations.
DECIDING = 3

EXPERIMENT = Experiment(
    name="identity-shortcuts",
    number=16,
    title="Identity shortcuts in Inception",
    claim="Identity shortcuts help plain networks much, and Inception networks hardly at all.",
    source=(
        "The working notes, which leave open why; He et al. 2016 on plain networks, Szegedy et al. "
        "2017, Sec. 5, on Inception: faster training, hardly a better end."
    ),
    chinese=(
        "Inception 中的恒等捷径",
        "恒等捷径对普通网络帮助很大，对 Inception 网络几乎没有帮助。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=statements(STATED, deciding=DECIDING),
    figure=draw,
    caption=(
        "Above with batch norm, below without; a point is a seed, the stroke their mean, the line "
        "its 95 % interval."
    ),
    shown=(
        ("train", "training accuracy, %"),
        ("early", "after a quarter, %"),
        ("val", "held-out accuracy, %"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        f"Networks are narrow, images seen at {SIDE} pixels and trainings short: a gain that takes "
        "a hundred epochs to show is not seen. What is learnt here is how fast networks of each "
        "kind get anywhere.",
        "All take AdamW and clipped gradients, which networks without batch norm need, and which "
        "mend something themselves: with SGD those with it may differ by more.",
        "Without norm, networks with shortcuts begin with smaller last layers (1/√blocks), since a "
        "sum of many blocks explodes otherwise.",
        "The modules are those of GoogLeNet; those of Inception-v4 have longer branches.",
    ),
    conditions=Conditions(
        data="shapes:size=24,images=7000,classes=10,count=1", images=(5000, 2000), epochs=6
    ),
    seeds=3,
    quick=QUICK,
)
