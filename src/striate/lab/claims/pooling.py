"""Claim 8: average pooling, max pooling, a stride, or nothing: what each costs and saves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from markupsafe import Markup
from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

SIDE, WIDTHS = 16, (16, 32, 32)
SETTINGS = ("max", "average", "stride", "none")


def network_of(setting: str, channels: int, classes: int) -> nn.Sequential:
    """Three convolutions with batch norm, the first two made smaller, and a mean over places."""
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise([channels, *WIDTHS])):
        shrunk = place < 2
        stride = 2 if setting == "stride" and shrunk else 1
        layers += [
            nn.Conv2d(before, after, 3, padding=1, stride=stride, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
        if shrunk and setting in ("max", "average"):
            layers.append(nn.MaxPool2d(2) if setting == "max" else nn.AvgPool2d(2))
    last = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], classes))
    return nn.Sequential(*layers, *last)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies and multiply-accumulates."""
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE)
    network = network_of(setting, prepared.channels, len(data.classes))
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE)
    learnt = learn(network, data, recipe, seed=seed, preprocessing=prepared)
    return {
        "train": learnt.last("train", "top1"),
        "val": learnt.last("validation", "top1"),
        "loss": learnt.last("validation", "loss"),
        "macs": count_macs(network, prepared.input_size) / 1e6,
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Pools have no parameters, and both kinds leave the layers above them the same work."""
    networks = {name: partial(network_of, name, 3, 10) for name in SETTINGS}
    pools = {name: networks[name] for name in ("max", "average")}
    return (
        parameters_of(networks),
        macs_of(pools, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracy, and its cost."""
    return beside(
        "Accuracy and cost of each way to make maps smaller",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "macs", Axis(title="million multiply-accumulates an image", low=0.0)),
    )


def _accuracy(setting: str, other: str, says: str, wants: str, **more: bool) -> Statement:
    return Statement(
        says=says,
        figure="val",
        contrast=against(setting, other),
        wants=wants,  # type: ignore[arg-type]
        least=0.02 if wants == "same" else 0.005,
        unit="points",
        **more,
    )


EXPERIMENT = Experiment(
    name="pooling",
    number=8,
    title="Pooling",
    claim=(
        "Pooling saves most of the computation and costs no accuracy, max pooling is better than "
        "average, and a stride does as well."
    ),
    source=(
        "The working notes on LeNet and AlexNet; Scherer et al. 2010 on max against average; "
        "Springenberg et al. 2015 (arXiv 1412.6806) on strides."
    ),
    chinese=("池化", "池化省去大部分计算而不损失准确率，最大池化优于平均池化，步幅的效果相当。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="without pooling an image takes more multiply-accumulates",
            figure="macs",
            contrast=against("none", "max"),
            wants="more",
            least=2.0,
            unit="times",
        ),
        _accuracy("none", "max", "and gives no other accuracy", "same"),
        _accuracy("max", "average", "max pooling is more accurate than average pooling", "more"),
        _accuracy("stride", "max", "a stride is as accurate as max pooling", "same"),
        Statement(
            says="and takes fewer multiply-accumulates",
            figure="macs",
            contrast=against("max", "stride"),
            wants="more",
            least=2.0,
            unit="times",
            decides=False,
        ),
    ),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("loss", "held-out loss"),
        ("macs", "million MACs"),
    ),
    cannot=(
        "Accuracy at equal cost: what pooling saves would buy wider or deeper layers, which are "
        "not bought here.",
        f"Large pictures: these are shrunk to {SIDE} pixels a side, and the mean over places at "
        "the end sees the whole picture in every network.",
    ),
    conditions=Conditions(data="digits", images=(3000, 2000), epochs=10),
    quick=Conditions(data="digits", images=(100, 100), epochs=1, quick=True),
)
