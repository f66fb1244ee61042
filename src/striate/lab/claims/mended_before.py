"""Claim 16 (c): whether batch norm and auxiliary heads have mended what shortcuts mend."""

from __future__ import annotations

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

BLOCKS, WIDTH, SIDE = 3, 46, 24
#: Of each way to mend whether there is batch norm, and the weights of auxiliary heads.
WAYS: dict[str, tuple[bool, tuple[float, ...]]] = {
    "nothing": (False, ()),
    "heads": (False, (0.3, 0.3)),
    "norm": (True, ()),
    "norm, heads": (True, (0.3, 0.3)),
}
SETTINGS = tuple(f"{way}{more}" for way, more in product(WAYS, ("", " + shortcut")))


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting."""
    way, plus, _ = setting.partition(" +")
    normalised, heads = WAYS[way]
    return Plan(
        width=WIDTH,
        blocks=1 if conditions.quick else BLOCKS,
        branches=INCEPTION,
        shortcut="a" if plus else "none",
        normalised=normalised,
        auxiliary=heads,
    )


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies at the end."""
    of = plan(setting, conditions)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
        as_without_norm=True,
    )
    return found.reached()


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Once trained all cost the same: auxiliary heads are for training."""
    networks = {name: partial(_for_use, plan(name, conditions)) for name in SETTINGS}
    return (
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def _for_use(of: Plan) -> Modular:
    network = Modular(of)
    network.eval()
    return network


def draw(results: Results) -> Markup:
    """Accuracies of all."""
    return beside(
        "Shortcuts beside batch norm and auxiliary heads",
        rows(results, "train", Axis(title="training accuracy", tick=per_cent)),
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
    )


def gain(way: str, weight: float = 1.0) -> dict[str, float]:
    """What a shortcut adds beside `way`."""
    return {f"{way} + shortcut": weight, way: -weight}


STATED: tuple[Stated, ...] = (
    (
        "a shortcut adds more where there is no batch norm, heads away (training accuracy)",
        "train",
        gain("nothing") | gain("norm", -1),
        "more",
        0.02,
    ),
    (
        "it adds more where there are no auxiliary heads, norm away",
        "train",
        gain("nothing") | gain("heads", -1),
        "more",
        0.02,
    ),
    ("beside both it adds nothing", "train", gain("norm, heads"), "same", 0.02),
    ("beside batch norm it adds nothing", "train", gain("norm"), "same", 0.02),
    ("with neither it adds something", "train", gain("nothing"), "more", 0.02),
    (
        "auxiliary heads alone do what a shortcut alone does",
        "train",
        {"heads": 1.0, "nothing + shortcut": -1.0},
        "same",
        0.02,
    ),
)
#: The claim hangs on the first of them.
DECIDING = 3

EXPERIMENT = Experiment(
    name="mended-before",
    number=16,
    title="What norm and heads have mended",
    claim=(
        "An identity shortcut adds little to Inception because batch norm and auxiliary heads have "
        "already mended what it mends."
    ),
    source="An explanation of what the working notes leave open, (c) of three.",
    chinese=(
        "批归一化与辅助分类器已经解决的问题",
        "恒等捷径对 Inception 帮助不大，是因为批归一化和辅助分类器已经解决了它所解决的问题。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=statements(STATED, deciding=DECIDING),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("train_loss", "training loss"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        "All take AdamW and clipped gradients, which networks without batch norm need, and which "
        "mend something themselves.",
        f"It has one depth, {6 * BLOCKS + 2} layers, heads of one dense layer each, and images "
        f"seen at {SIDE} pixels.",
    ),
    conditions=Conditions(
        data="shapes:size=24,images=7000,classes=10,count=1", images=(5000, 2000), epochs=6
    ),
    seeds=3,
    quick=QUICK,
)
