"""Claim 16 (b): whether Inception's 1×1 and pooling branches are the short paths already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from striate.lab.drawing import Axis, beside, curves, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import sample_of, taught
from striate.lab.modular import FIVE, INCEPTION, PLAIN, THREE, Modular, Plan, path_lengths
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

BLOCKS, SIDE = 6, 24
#: Of each family its branches and the width at which all of them cost the same.
FAMILIES = {
    "plain": (PLAIN, 16),
    "Inception": (INCEPTION, 46),
    "long branches": ((THREE, FIVE), 42),
}
SETTINGS = tuple(f"{family}{more}" for family in FAMILIES for more in ("", " + shortcut"))


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting; a quick one has a block a stage."""
    family, plus, _ = setting.partition(" +")
    branches, width = FAMILIES[family]
    return Plan(
        width=width,
        blocks=1 if conditions.quick else BLOCKS,
        branches=branches,
        shortcut="a" if plus else "none",
    )


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, and along paths of which lengths the gradient comes after training."""
    of = plan(setting, conditions)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    images, labels = sample_of(found.data.train, found.preprocessing, 16)
    assert isinstance(found.learnt.network, Modular)
    lengths = path_lengths(found.learnt.network, images, labels)
    longest = len(lengths) - 1
    return {
        **found.reached(),
        "lengths": lengths,
        "length": sum(place * share for place, share in enumerate(lengths)),
        "short": sum(lengths[: longest // 2 + 1]),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """All cost the same."""
    networks = {name: partial(Modular, plan(name, conditions)) for name in SETTINGS}
    return (
        # One block a stage is mostly changes of the grid, which cost otherwise.
        macs_of(networks, (3, SIDE, SIDE), within=0.25 if conditions.quick else 0.04),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies, and the lengths of paths."""
    longest = len(results.rows(SETTINGS[0], "lengths")[0])
    share = Axis(title="share of the gradient, after training", low=0.0, high=1.0, tick=per_cent)
    return beside(
        "Shortcuts and short paths",
        rows(results, "train", Axis(title="training accuracy", tick=per_cent)),
        rows(results, "length", Axis(title="mean length of a path, in convolutions", low=0.0)),
        curves(results, "lengths", share, x=range(longest), x_title="convolutions on the path"),
    )


GAINS = {family: against(f"{family} + shortcut", family) for family in FAMILIES}


def more_than(family: str, other: str) -> dict[str, float]:
    """How much more a shortcut adds in one family than in another."""
    return GAINS[family] | {name: -weight for name, weight in GAINS[other].items()}


EXPERIMENT = Experiment(
    name="short-paths",
    number=16,
    title="Short paths in Inception",
    claim=(
        "An identity shortcut adds little to Inception because its 1×1 and pooling branches are "
        "short paths already."
    ),
    source=(
        "An explanation of what the working notes leave open, (b) of three; paths after Veit et "
        "al. 2016, Sec. 4.3."
    ),
    chinese=(
        "Inception 中的短路径",
        "恒等捷径对 Inception 帮助不大，是因为其 1×1 与池化分支本来就是短路径。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="the gradient comes along shorter paths in Inception than in the plain network",
            figure="length",
            contrast=against("plain", "Inception"),
            wants="more",
            least=1.2,
            unit="times",
        ),
        Statement(
            says="with the 1×1 and pooling branches taken away, a shortcut adds more (training "
            "accuracy)",
            figure="train",
            contrast=more_than("long branches", "Inception"),
            wants="more",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="then it adds what it adds to the plain network",
            figure="train",
            contrast=more_than("long branches", "plain"),
            wants="same",
            least=0.02,
            unit="points",
            decides=False,
        ),
        Statement(
            says="without a shortcut, short branches alone are worth something (training accuracy)",
            figure="train",
            contrast=against("Inception", "long branches"),
            wants="more",
            least=0.02,
            unit="points",
            decides=False,
        ),
        Statement(
            says="the gradient's paths are still shorter in Inception with a shortcut than without",
            figure="length",
            contrast=against("Inception", "Inception + shortcut"),
            wants="more",
            least=1.2,
            unit="times",
            decides=False,
        ),
        Statement(
            says="a shortcut adds to the plain network what it adds to Inception",
            figure="train",
            contrast=more_than("plain", "Inception"),
            wants="same",
            least=0.02,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    caption=(
        "The norm of the gradient that came along paths of each length, of the sum of these norms; "
        "a point is a seed."
    ),
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("length", "mean path, convolutions"),
        ("short", "along the shorter half, %"),
    ),
    cannot=(
        "Gradients of different lengths may point against each other: their norms add up to more "
        "than the gradient's own.",
        "What is taken away is a branch as well as a path: without 1×1 and pooling branches the "
        "others are wider, at equal multiply-accumulates.",
        f"It has one depth, {6 * BLOCKS + 2} layers, with batch norm, and images seen at {SIDE} "
        "pixels.",
    ),
    conditions=Conditions(
        data="shapes:size=24,images=7000,classes=10,count=1", images=(5000, 2000), epochs=6
    ),
    seeds=3,
    quick=QUICK,
)
