"""Claim 10: 1×1 reductions before 3×3 and 5×5 make Inception modules cheap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from striate.anatomy.costs.counting import count_macs
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import FIVE, INCEPTION, ONE, POOL, THREE, Branch, Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

BLOCKS, SIDE, WIDTH = 2, 32, 46
NAIVE = (ONE, Branch(kernels=(3,), share=0.5), Branch(kernels=(5,), share=0.125), POOL)
#: Of each setting its branches and its width.
SETTINGS = {
    "reduced": (INCEPTION, WIDTH),
    "naive, equal width": (NAIVE, WIDTH),
    "naive, equal cost": (NAIVE, 26),
}


def plan(setting: str) -> Plan:
    """The network of a setting."""
    branches, width = SETTINGS[setting]
    return Plan(width=width, blocks=BLOCKS, branches=branches)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies and cost."""
    of = plan(setting)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    return {**found.reached(), "macs": float(count_macs(found.learnt.network, (3, SIDE, SIDE)))}


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Two of them cost the same, two are as wide."""
    of = {name: plan(name) for name in SETTINGS}
    alike = {name: partial(Modular, of[name]) for name in ("reduced", "naive, equal cost")}
    widths = {name: float(of[name].width) for name in ("reduced", "naive, equal width")}
    return (
        macs_of(alike, (3, SIDE, SIDE), within=0.05),
        Equal(what="channels", values=widths),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies and costs."""
    return beside(
        "Inception with and without reductions",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "macs", Axis(title="multiply-accumulates an image", log=True)),
    )


EXPERIMENT = Experiment(
    name="bottlenecks",
    number=10,
    title="1×1 bottlenecks",
    claim=(
        "1×1 reductions make Inception modules cost a fraction of what they cost without, at equal "
        "accuracy, and more accurate at equal cost."
    ),
    source="Szegedy et al. 2015, Sec. 4, Fig. 2; the working notes.",
    chinese=(
        "1×1 瓶颈",
        "1×1 降维使 Inception 模块的计算量大为减少而准确率相同；计算量相同时更准确。",
    ),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="as wide without reductions, a network costs more",
            figure="macs",
            contrast=against("naive, equal width", "reduced"),
            wants="more",
            least=2.0,
            unit="times",
        ),
        Statement(
            says="and is as accurate (held-out)",
            figure="val",
            contrast=against("naive, equal width", "reduced"),
            wants="same",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="at equal cost, with reductions it is more accurate",
            figure="val",
            contrast=against("reduced", "naive, equal cost"),
            wants="more",
            least=0.01,
            unit="points",
        ),
    ),
    figure=draw,
    shown=(
        ("val", "held-out accuracy, %"),
        ("train", "training accuracy, %"),
        ("macs", "multiply-accumulates"),
    ),
    cannot=(
        f"Modules are narrow: a reduction of the first stage leaves {round(THREE.middle * WIDTH)} "
        f"channels or {round(FIVE.middle * WIDTH)} of {WIDTH}, where "
        "GoogLeNet's leave 16 to 192 of 192 to 832.",
        "A reduction is a layer with its own norm and ReLU: networks with it are deeper, too.",
        "The pooling branch has its 1×1 in all of them: without it, channels would grow from "
        "block to block, as the paper says.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=8
    ),
    seeds=3,
    quick=QUICK,
)
