"""Claim 5: batch norm is faster, allows larger rates and ends no better; and with dropout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from markupsafe import Markup
from torch import Tensor

from striate.lab.drawing import Axis, beside, curves, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Stated, against, statements
from striate.recipes.recipe import Gradient, Optimiser, Recipe
from striate.training.callbacks.base import Callback, EpochEnd

WIDTH, BLOCKS, SIDE = 16, 2, 32
#: Of each setting whether there is batch norm, the rate, and the dropout before the dense layer.
SETTINGS = {
    f"{kind}, {rate:g}{', dropout' if dropout else ''}": (kind == "norm", rate, dropout)
    for kind in ("norm", "bare")
    for rate, dropout in ((0.01, 0.0), (0.05, 0.0), (0.5, 0.0), (0.05, 0.5))
}


class Moving(Callback):
    """Keeps the weights of the lowest and of the highest stage after each epoch."""

    def __init__(self) -> None:
        self.network: Modular | None = None
        self.kept: list[tuple[Tensor, Tensor]] = []

    def keep(self) -> None:
        """Those that it has now."""
        assert self.network is not None
        low, high = (
            torch.cat([p.detach().flatten() for p in stage.parameters() if p.ndim > 1]).clone()
            for stage in (self.network.stages[0], self.network.stages[-1])
        )
        self.kept.append((low, high))

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        """Keep them."""
        self.keep()

    def lag(self) -> tuple[float, float]:
        """How long each of both stages was on its way: see `on_the_way`."""
        low, high = (on_the_way([pair[place] for pair in self.kept]) for place in range(2))
        return low, high


def on_the_way(weights: Sequence[Tensor]) -> float:
    """The distance to the last weights, in that of the first, as a mean over epochs.

    Directions alone are compared: what follows batch norm does not see how large weights are.
    """
    unit = [each / each.norm().clamp(min=1e-12) for each in weights]
    whole = float((unit[0] - unit[-1]).norm())
    return sum(float((each - unit[-1]).norm()) for each in unit) / len(unit) / max(whole, 1e-12)


def by_sgd(recipe: Recipe, rate: float) -> Recipe:
    """The same rule for all: SGD at that rate, without clipped gradients."""
    optimiser = Optimiser(
        rate=rate, momentum=0.9, nesterov=True, weight_decay=5e-4, decay_norms=False
    )
    return replace(recipe, optimiser=optimiser, gradient=Gradient())


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting."""
    normalised, _, dropout = SETTINGS[setting]
    blocks = 1 if conditions.quick else BLOCKS
    return Plan(width=WIDTH, blocks=blocks, normalised=normalised, dropout=dropout)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies early and late, and how long lower and upper stages were on their way."""
    of, moving = plan(setting, conditions), Moving()

    def make(classes: int) -> Modular:
        moving.network = Modular(replace(of, classes=classes))
        moving.keep()
        return moving.network

    found = taught(
        make,
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
        change=partial(by_sgd, rate=SETTINGS[setting][1]),
        callbacks=(moving,),
    )
    low, high = moving.lag() if not found.learnt.diverged else (1.0, 1.0)
    curve = found.curve("train", conditions.epochs)
    return {
        **found.reached(),
        "early": curve[math.ceil(conditions.epochs / 4) - 1],
        "curve": curve,
        "low": low,
        "high": high,
        "lag": low - high,
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Norms and dropout are not counted: after training, norms are part of the convolutions."""
    networks = {name: partial(Modular, plan(name, conditions)) for name in SETTINGS}
    return (
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Curves, ends, and how long stages were on their way."""
    epochs = range(1, results.header.epochs + 1)
    panels = [
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(
            results, "lag", Axis(title="lag of the lowest stage behind the highest", level=(0, ""))
        ),
    ]
    if len(epochs) > 1:
        share = Axis(title="training accuracy", low=0.0, high=1.0, tick=per_cent)
        panels.append(curves(results, "curve", share, x=epochs, x_title="epoch"))
    return beside("With and without batch norm", *panels)


STATED: tuple[Stated, ...] = (
    (
        "at the same rate, 0.05, it is ahead after a quarter of the training (training accuracy)",
        "early",
        against("norm, 0.05", "bare, 0.05"),
        "more",
        0.05,
    ),
    (
        "at ten times that rate it still trains, where the other does not (held-out accuracy)",
        "val",
        against("norm, 0.5", "bare, 0.5"),
        "more",
        0.1,
    ),
    (
        "at its end it is no better, each at the rate 0.05 (held-out accuracy)",
        "val",
        against("norm, 0.05", "bare, 0.05"),
        "same",
        0.02,
    ),
    (
        "lower layers wait less for upper ones: the lowest stage's lag behind the highest is "
        "smaller with it (share of the way, mean over epochs)",
        "lag",
        against("norm, 0.05", "bare, 0.05"),
        "less",
        0.03,
    ),
    (
        "beside batch norm, dropout harms (held-out accuracy)",
        "val",
        against("norm, 0.05, dropout", "norm, 0.05"),
        "less",
        0.01,
    ),
    (
        "without it, dropout helps (held-out accuracy)",
        "val",
        against("bare, 0.05, dropout", "bare, 0.05"),
        "more",
        0.01,
    ),
)
#: The claim hangs on the first of them.
DECIDING = 3

EXPERIMENT = Experiment(
    name="batch-norm",
    number=5,
    title="Batch norm",
    claim="Batch norm trains faster and allows larger rates; the final accuracy it leaves alone.",
    source="The working notes; Ioffe and Szegedy 2015, Sec. 3.3 and 4.2, who see a better end.",
    chinese=("批归一化", "批归一化使训练更快，可用更大的学习率；最终准确率不变。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=statements(STATED, deciding=DECIDING, units={"lag": "number"}),
    figure=draw,
    caption="The number in a name is the rate; a point is a seed. What diverged is at a guess.",
    shown=(
        ("early", "after a quarter, %"),
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("lag", "lag of the lowest stage"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        "How a network without it does under a rule of its own: all take SGD with momentum.",
        "Where networks end. Those without it are far from it after so few epochs, as their "
        "training accuracy says, and each kind may have a better rate than the one compared.",
        "Weights on their way are a weak sign of waiting: a stage may move without learning.",
        f"It has one network, plain, of {6 * BLOCKS + 2} layers.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=8
    ),
    seeds=5,
    quick=QUICK,
)
