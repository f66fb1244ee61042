"""Claim 16, scaling: what a block adds multiplied by 0.1 to 0.3, in narrow and wide networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from markupsafe import Markup

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import sample_of, taught
from striate.lab.modular import INCEPTION, Modular, Plan
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against
from striate.recipes.recipe import Recipe

SIDE, FASTER = 24, 4.0
WIDTHS, SCALES = {"narrow": 32, "wide": 96}, (1.0, 0.3, 0.1)
SETTINGS = tuple(f"{width}, {scale:g}" for width in WIDTHS for scale in SCALES)


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting."""
    width, scale = setting.split(", ")
    return Plan(
        width=WIDTHS[width] // (4 if conditions.quick else 1),
        blocks=1 if conditions.quick else 2,
        branches=INCEPTION,
        shortcut="a",
        scale=float(scale),
    )


def faster(recipe: Recipe) -> Recipe:
    """`FASTER` times the rate: the paper's networks failed where they were driven hard."""
    rate = FASTER * recipe.optimiser.rate
    return replace(recipe, optimiser=replace(recipe.optimiser, rate=rate))


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, and the share of the last map's channels that give nothing but zeros."""
    of = plan(setting, conditions)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
        change=faster,
    )
    images, _ = sample_of(found.data.val, found.preprocessing)
    network = found.learnt.network
    assert isinstance(network, Modular)
    with torch.no_grad():
        maps = network.stem(images)
        for block in network.blocks:
            maps = block(maps)
    dead = (maps == 0).all(dim=(0, 2, 3)) if maps.isfinite().all() else torch.ones(1)
    return {**found.reached(), "dead": float(dead.float().mean())}


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Of each width all cost the same; the wide one costs more, which is the point."""
    found = []
    for width in WIDTHS:
        networks = {
            name: partial(Modular, plan(name, conditions))
            for name in SETTINGS
            if name.startswith(width)
        }
        for each in (macs_of(networks, (3, SIDE, SIDE)), parameters_of(networks)):
            found.append(replace(each, what=f"{each.what}, {width}"))
    return (*found, Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)))


def draw(results: Results) -> Markup:
    """Accuracies, and channels that died."""
    return beside(
        "Scaled residuals",
        rows(results, "train", Axis(title="training accuracy", tick=per_cent)),
        rows(results, "dead", Axis(title="channels of zeros", low=0.0, tick=per_cent)),
    )


def _gain(width: str, scale: str = "0.3", weight: float = 1.0) -> dict[str, float]:
    return {
        name: weight * each for name, each in against(f"{width}, {scale}", f"{width}, 1").items()
    }


EXPERIMENT = Experiment(
    name="residual-scale",
    number=16,
    title="Scaled residuals",
    claim=(
        "Where an Inception-residual network is wide, what its blocks add has to be scaled down to "
        "0.1 to 0.3, or training fails."
    ),
    source="Szegedy et al. 2017, Sec. 3.3, of more than 1,000 filters; the working notes.",
    chinese=(
        "残差缩放",
        "Inception-residual 网络很宽时，残差要缩小到 0.1 至 0.3，否则训练会失败。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="the wide network fails without scaling: with 0.3 it does far better (training "
            "accuracy)",
            figure="train",
            contrast=_gain("wide"),
            wants="more",
            least=0.1,
            unit="points",
        ),
        Statement(
            says="it gains more there than in the narrow one",
            figure="train",
            contrast=_gain("wide") | _gain("narrow", weight=-1.0),
            wants="more",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="without scaling, channels of the wide network die, giving zeros alone",
            figure="dead",
            contrast=against("wide, 1", "wide, 0.3"),
            wants="more",
            least=0.05,
            unit="points",
            decides=False,
        ),
        Statement(
            says="0.1 does as well as 0.3 in the wide network",
            figure="train",
            contrast=against("wide, 0.1", "wide, 0.3"),
            wants="same",
            least=0.02,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("dead", "channels of zeros, %"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        "Batch norm ends every branch: its gamma can learn what the scale takes away, so that the "
        "scale is little more than a first value.",
        "The widest layers have 384 filters; the paper speaks of more than 1,000.",
        f"The rate is {FASTER:g} times the recipe's, to bring on in hundreds of steps what the "
        "paper saw after tens of thousands.",
    ),
    conditions=Conditions(
        data="shapes:size=24,images=5000,classes=10,count=1", images=(3000, 2000), epochs=6
    ),
    seeds=3,
    quick=QUICK,
)
