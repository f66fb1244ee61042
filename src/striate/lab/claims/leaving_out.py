"""Claim 14: a residual block changes little, and a network does without any one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from markupsafe import Markup
from torch import Tensor

from striate.lab.drawing import Axis, beside, curves, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import sample_of, taught
from striate.lab.modular import Block, Modular, Plan
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

WIDTH, BLOCKS, SIDE = 16, 5, 32
SETTINGS = ("plain", "residual")


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting."""
    return Plan(
        width=WIDTH,
        blocks=2 if conditions.quick else BLOCKS,
        shortcut="a" if setting == "residual" else "none",
    )


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """How much each block changes its input, and what the network comes to without it."""
    of = plan(setting, conditions)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    network = found.learnt.network
    assert isinstance(network, Modular)
    images, labels = sample_of(found.data.val, found.preprocessing, len(found.data.val))
    whole = right(network, images, labels)
    drops = []
    for block in inner(network):
        block.left_out = True
        drops.append(whole - right(network, images, labels))
        block.left_out = False
    sizes = changes(network, images)
    return {
        **found.reached(),
        "drops": drops,
        "drop": sum(drops) / len(drops),
        "worst": max(drops),
        "changes": sizes,
        "change": sum(sizes) / len(sizes),
    }


def inner(network: Modular) -> list[Block]:
    """The blocks whose input has the shape of their output."""
    return [each for each in network.blocks if (each.stride, each.before) == (1, each.after)]


def right(network: Modular, images: Tensor, labels: Tensor) -> float:
    """The share of the images that is classified rightly."""
    with torch.no_grad():
        return float((network(images).argmax(1) == labels).double().mean())


def changes(network: Modular, images: Tensor) -> list[float]:
    """Of each inner block the norm of output minus input, in that of the input."""
    found, wanted = [], inner(network)
    with torch.no_grad():
        x = network.stem(images)
        for block in network.blocks:
            y = block(x)
            if block in wanted:
                found.append(float((y - x).norm() / x.norm().clamp(min=1e-12)))
            x = y
    return found


def equal(conditions: Conditions) -> Sequence[Equal]:
    """A shortcut costs nothing."""
    networks = {name: partial(Modular, plan(name, conditions)) for name in SETTINGS}
    return (
        macs_of(networks, (3, SIDE, SIDE)),
        parameters_of(networks),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Changes and losses by block."""
    blocks = range(1, len(results.rows("plain", "drops")[0]) + 1)
    title = "block, from the image up"
    change = Axis(title="change by a block, relative to its input", low=0.0)
    drop = Axis(title="held-out accuracy lost without it", tick=per_cent)
    return beside(
        "Single blocks",
        curves(results, "changes", change, x=blocks, x_title=title),
        curves(results, "drops", drop, x=blocks, x_title=title),
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
    )


EXPERIMENT = Experiment(
    name="leaving-out",
    number=14,
    title="Leaving out a block",
    claim=(
        "A residual block changes its input little, and a trained residual network does without "
        "any one block, where a plain one fails."
    ),
    source="He et al. 2016, Sec. 4.2, Fig. 7; Veit et al. 2016, Sec. 4.1; the working notes.",
    chinese=(
        "去掉一个块",
        "残差块对输入改变很小；训练好的残差网络去掉任何一块仍能工作，普通网络则不能。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="a residual block changes its input by less than a plain one",
            figure="change",
            contrast=against("residual", "plain"),
            wants="less",
            least=1.5,
            unit="times",
        ),
        Statement(
            says="by less than half of it",
            figure="change",
            contrast={"residual": 1.0},
            wants="same",
            least=0.5,
        ),
        Statement(
            says="without a block, the plain network loses more (held-out accuracy, mean over "
            "blocks)",
            figure="drop",
            contrast=against("plain", "residual"),
            wants="more",
            least=0.1,
            unit="points",
        ),
        Statement(
            says="the residual network loses little, whichever block it is",
            figure="worst",
            contrast={"residual": 1.0},
            wants="same",
            least=0.05,
            unit="points",
        ),
        Statement(
            says="it loses little as a mean over blocks",
            figure="drop",
            contrast={"residual": 1.0},
            wants="same",
            least=0.05,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    caption="A point is a block of one seed, a line their mean.",
    shown=(
        ("change", "mean change"),
        ("drop", "lost without a block, %"),
        ("worst", "without the one that it needs most, %"),
        ("val", "held-out accuracy, %"),
        ("train", "training accuracy, %"),
    ),
    cannot=(
        "No network can lose more than what it has above a guess: the plain one, which learns less "
        "in that time, has less to lose.",
        "Blocks that change grid and channels are not left out: nothing else could stand in their "
        "place.",
        f"It has one depth, {6 * BLOCKS + 2} layers, with batch norm, whose statistics are those "
        "of the whole network.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=7000,classes=10,count=1", images=(5000, 2000), epochs=8
    ),
    seeds=3,
    quick=QUICK,
)
