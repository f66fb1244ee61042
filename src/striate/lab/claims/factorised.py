"""Claim 9, second half: 1×3 and 3×1 for 3×3, and on which grids that loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from markupsafe import Markup

from striate.anatomy.costs.counting import count_macs
from striate.lab.drawing import Axis, beside, millions, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import sample_of, taught
from striate.lab.modular import PLAIN, Branch, Modular, Plan
from striate.lab.networks import reach
from striate.lab.results import Results
from striate.lab.timing import least_seconds
from striate.lab.verdict import Statement, against

WIDTH, SIDE, TIMES = 16, 32, 30
FACTORISED = (Branch(kernels=((1, 3), (3, 1), (1, 3), (3, 1)), share=1.0, middle=1.0),)
#: Side of each stage's grid.
GRIDS = (16, 8, 4)
SETTINGS = ("3×3", *(f"factorised at {grid}" for grid in GRIDS), "factorised")


def plan(setting: str) -> Plan:
    """The network of a setting: a block a stage."""
    if setting == "3×3":
        return Plan(width=WIDTH, blocks=1)
    if setting == "factorised":
        return Plan(width=WIDTH, blocks=1, branches=FACTORISED)
    stages = tuple(FACTORISED if setting.endswith(f" {grid}") else PLAIN for grid in GRIDS)
    return Plan(width=WIDTH, blocks=1, stages=stages)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, cost, and the time of a forward pass."""
    of = plan(setting)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    network = found.learnt.network
    images, _ = sample_of(found.data.val, found.preprocessing, 64)
    with torch.no_grad():
        seconds = least_seconds(lambda: network(images), times=1 if conditions.quick else TIMES)
    return {
        **found.reached(),
        "macs": float(count_macs(network, (3, SIDE, SIDE))),
        "seconds_a_batch": seconds,
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """All see as far."""
    fields = {name: reach(partial(Modular, plan(name))) for name in SETTINGS}
    return (
        Equal(what="receptive field in pixels", values=fields),
        Equal(what="channels", values={name: float(plan(name).width) for name in SETTINGS}),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies, cost and time."""
    cost = Axis(title="multiply-accumulates an image", low=0.0, tick=millions)
    return beside(
        "3×3 and its factors",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "macs", cost),
        rows(results, "seconds_a_batch", Axis(title="seconds of 64 images", low=0.0)),
    )


EXPERIMENT = Experiment(
    name="factorised",
    number=9,
    title="1×3 and 3×1",
    claim=(
        "1×3 and 3×1 for 3×3 costs less and loses no accuracy, but not in all cases: on large "
        "grids it loses."
    ),
    source="Szegedy et al. 2016, Sec. 3.2: well on grids of 12 to 20, not early; the notes.",
    chinese=(
        "1×3 与 3×1",
        "用 1×3 加 3×1 代替 3×3 代价更低且不损失准确率，但并非总是如此：在大的特征图上会变差。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="factorised throughout, a network costs less (multiply-accumulates)",
            figure="macs",
            contrast=against("factorised", "3×3"),
            wants="less",
            least=1.2,
            unit="times",
        ),
        Statement(
            says="factorised on the smallest grid, of 4, it is as accurate (held-out)",
            figure="val",
            contrast=against("factorised at 4", "3×3"),
            wants="same",
            least=0.015,
            unit="points",
        ),
        Statement(
            says="factorised on the largest grid, of 16, it loses more than on that of 4",
            figure="val",
            contrast=against("factorised at 16", "factorised at 4"),
            wants="less",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="factorised throughout, it loses",
            figure="val",
            contrast=against("factorised", "3×3"),
            wants="less",
            least=0.01,
            unit="points",
            decides=False,
        ),
        Statement(
            says="factorised throughout, it takes less time on this machine",
            figure="seconds_a_batch",
            contrast=against("factorised", "3×3"),
            wants="less",
            least=1.1,
            unit="times",
            decides=False,
        ),
    ),
    figure=draw,
    caption="The number in a name is the side of the grid; a point is a seed.",
    shown=(
        ("val", "held-out accuracy, %"),
        ("train", "training accuracy, %"),
        ("macs", "multiply-accumulates"),
        ("seconds_a_batch", "seconds of 64 images"),
    ),
    cannot=(
        "A norm and a ReLU stand between both factors, as in Inception-v3, which makes networks "
        "deeper.",
        "The paper's advice is of grids of 12 to 20 in networks of 300 pixels; here the image "
        "has 32.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=8
    ),
    seeds=5,
    quick=QUICK,
)
