"""Claim 7: local response normalisation, what it brings and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from markupsafe import Markup
from torch import nn

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for, sample_of
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.timing import least_seconds
from striate.lab.verdict import Statement, against

SIDE, WIDTHS = 24, (24, 32, 48)
SETTINGS = ("without", "with LRN")
_TIMED = 12


def network_of(setting: str, channels: int, classes: int) -> nn.Sequential:
    """Three convolutions, a pool behind each, LRN behind the ReLUs of the first two or not.

    As in Krizhevsky et al. 2012, Sec. 3.3, with their constants: it stands before the pool.
    """
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise([channels, *WIDTHS])):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if setting == "with LRN" and place < 2:
            layers.append(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0))
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTHS[-1] * (SIDE // 8) ** 2, classes))


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracy and loss, and the seconds that a step takes."""
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE)
    network = network_of(setting, prepared.channels, len(data.classes))
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE)
    learnt = learn(network, data, recipe, seed=seed, preprocessing=prepared)
    images, labels = sample_of(data.train, prepared, 64)

    def step() -> None:
        torch.autograd.backward(F.cross_entropy(network(images), labels))

    return {
        "train": learnt.last("train", "top1"),
        "val": learnt.last("validation", "top1"),
        "loss": learnt.last("validation", "loss"),
        "seconds_a_step": least_seconds(step, times=1 if conditions.quick else _TIMED),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The normalisation has no parameters, and is no layer of products."""
    networks = {name: partial(network_of, name, 3, 10) for name in SETTINGS}
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracy, and the time of a step."""
    return beside(
        "Accuracy and time with and without local response normalisation",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "seconds_a_step", Axis(title="seconds of a step of 64 images", low=0.0)),
    )


EXPERIMENT = Experiment(
    name="local-response",
    number=7,
    title="Local response normalisation",
    claim="Local response normalisation takes time and makes no difference to accuracy.",
    source=(
        "Simonyan and Zisserman 2015 (VGG), Sec. 2.1 and 4.1, and the working notes after them; "
        "Krizhevsky et al. 2012, Sec. 3.3, measured 1.2 to 2 points for it."
    ),
    chinese=("局部响应归一化", "局部响应归一化耗费时间，对准确率没有影响。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="held-out accuracy with it is that without it",
            figure="val",
            contrast=against("with LRN", "without"),
            wants="same",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="a step takes longer with it",
            figure="seconds_a_step",
            contrast=against("with LRN", "without"),
            wants="more",
            least=1.1,
            unit="times",
        ),
    ),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("loss", "held-out loss"),
        ("seconds_a_step", "seconds a step"),
    ),
    cannot=(
        "More than that it does not help: VGG’s own sentence is that it brings no improvement, "
        "which a lower accuracy agrees with.",
        "Other constants: with k = 2 it divides what passes it by 1.7 at least, twice, and a "
        "network with another rate, or trained for longer, might make up for that.",
        "AlexNet’s own gain, on 1.2 million images over 90 epochs: this network is small, sees "
        f"{SIDE} pixels a side and is trained for minutes.",
        "How long it takes elsewhere: times are of PyTorch on one processor thread.",
        "What it does beside batch norm: there is none here.",
    ),
    conditions=Conditions(data="digits", images=(3000, 2000), epochs=10),
    quick=Conditions(data="digits", images=(100, 100), epochs=1, quick=True),
)
