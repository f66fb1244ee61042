"""Claim 3: what first weights do to the gradients of a deep network, before and after a while."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from markupsafe import Markup
from torch import Tensor, nn

from striate.lab.drawing import Axis, beside, curves, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for, sample_of
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

DEPTH, WIDTH, SIDE = 20, 96, 8
SETTINGS = ("N(0, 0.01²)", "Xavier", "He", "twice He")
#: Images that Jacobians are taken at.
AT = 16


class Dense(nn.Module):
    """`DEPTH` dense layers with a ReLU behind each, and a classifier, that begin as a rule says."""

    def __init__(self, setting: str, pixels: int, classes: int) -> None:
        super().__init__()
        layers = [nn.Linear(a, b) for a, b in pairwise([pixels, *[WIDTH] * DEPTH])]
        for layer in layers:
            _begin(layer, setting)
        self.layers = nn.ModuleList(layers)
        self.classifier = nn.Linear(WIDTH, classes)
        _begin(self.classifier, setting)

    def sums(self, images: Tensor) -> list[Tensor]:
        """What each layer gives before its ReLU, and the logits."""
        found: list[Tensor] = []
        for layer in self.layers:
            found.append(layer(found[-1].relu() if found else images.flatten(1)))
        return [*found, self.classifier(found[-1].relu())]

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (N, classes)."""
        return self.sums(images)[-1]


def _begin(layer: nn.Linear, setting: str) -> None:
    """First weights of a layer by the rule of that name; biases are 0."""
    nn.init.zeros_(layer.bias)
    std = {
        "N(0, 0.01²)": 0.01,
        "Xavier": math.sqrt(2 / (layer.in_features + layer.out_features)),
        "He": math.sqrt(2 / layer.in_features),
        "twice He": 2 * math.sqrt(2 / layer.in_features),
    }[setting]
    nn.init.normal_(layer.weight, std=std)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Gradients and Jacobians of each layer before training, and what a training comes to."""
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE)
    network = Dense(setting, prepared.channels * SIDE * SIDE, len(data.classes))
    images, labels = sample_of(data.train, prepared)
    gradient, typical, largest = at_the_start(network, images, labels)
    # Rules that scale each weight's step by its own gradients hide how small these are.
    plain = recipe_for(network, data, epochs=conditions.epochs, size=SIDE, augmented=False)
    optimiser = replace(
        plain.optimiser, name="sgd", rate=0.02, momentum=0.9, nesterov=True, weight_decay=0.0
    )
    recipe = replace(plain, optimiser=optimiser)
    learnt = learn(network, data, recipe, seed=seed, preprocessing=prepared)
    chance = 1 / len(data.classes)
    return {
        "gradient": gradient,
        "typical": typical,
        "largest": largest,
        "lowest": gradient[0],
        "layer": math.exp(sum(map(math.log, typical[1:])) / len(typical[1:])),
        "val": chance if learnt.diverged else learnt.last("validation", "top1"),
        "train": chance if learnt.diverged else learnt.last("train", "top1"),
        "diverged": float(learnt.diverged),
    }


def at_the_start(
    network: Dense, images: Tensor, labels: Tensor
) -> tuple[list[float], list[float], list[float]]:
    """Of each layer: its gradient in that of the last; its Jacobian's typical and largest value.

    A layer's Jacobian at an image is its matrix without the rows where its ReLU is off; typical is
    the root mean square of its singular values, and both are means over images.
    """
    network.double()  # in which no gradient is too small to be told from nothing
    *sums, logits = network.sums(images.double())
    found = torch.autograd.grad(F.cross_entropy(logits, labels), sums)
    sizes = [float(each.square().mean().sqrt()) for each in found]
    typical, largest = [], []
    for layer, given in zip(cast("list[nn.Linear]", list(network.layers)), sums, strict=True):
        on = (given[:AT] > 0).double()
        jacobians = on[:, :, None] * layer.weight.detach()
        values = torch.linalg.svdvals(jacobians)
        typical.append(float(values.square().mean(1).sqrt().mean()))
        largest.append(float(values[:, 0].mean()))
    network.float()
    return [max(size / sizes[-1], 1e-60) for size in sizes], typical, largest


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The networks differ in nothing but the first numbers of their weights."""
    networks = {name: partial(Dense, name, 3 * SIDE * SIDE, 10) for name in SETTINGS}
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Gradients and Jacobians over depth, and what was learnt."""
    depth, title = range(1, DEPTH + 1), "layer, from the image up"
    return beside(
        "Gradients and Jacobians of each layer",
        curves(
            results,
            "gradient",
            Axis(title="gradient of a layer, relative to the last", log=True),
            x=depth,
            x_title=title,
        ),
        curves(
            results,
            "typical",
            Axis(title="typical singular value of a layer’s Jacobian", log=True),
            x=depth,
            x_title=title,
        ),
        rows(results, "val", Axis(title="held-out accuracy", low=0.0, high=1.0, tick=per_cent)),
        rows(results, "layer", Axis(title="typical singular value, mean of layers", log=True)),
    )


def _gradient(setting: str, wants: str, least: float, says: str) -> Statement:
    return Statement(
        says=f"{setting}: the first layer’s gradient is {says} the last one’s",
        figure="lowest",
        contrast={setting: 1.0},
        wants=wants,  # type: ignore[arg-type]
        least=least,
        unit="times",
    )


EXPERIMENT = Experiment(
    name="start",
    number=3,
    title="First weights",
    claim=(
        "In a deep network of ReLUs gradients vanish from weights of N(0, 0.01²) and from "
        "Xavier’s, keep their size from He’s, and explode from larger ones."
    ),
    source="The working notes on first weights; Glorot and Bengio 2010; He et al. 2015, Sec. 2.2.",
    chinese=(
        "初始权重",
        "在 ReLU 深层网络中，N(0, 0.01²) 与 Xavier 的初始权重使梯度消失，"
        "He 的保持其大小，更大的则使其爆炸。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        _gradient("N(0, 0.01²)", "less", 1e6, "a millionth of"),
        _gradient("Xavier", "less", 100.0, "a hundredth of"),
        _gradient("He", "same", 10.0, "as large as"),
        _gradient("twice He", "more", 1e4, "ten thousand times"),
        Statement(
            says="He: a layer’s typical singular value is 1",
            figure="layer",
            contrast={"He": 1.0},
            wants="same",
            least=1.1,
            unit="times",
        ),
        Statement(
            says="with plain SGD, more is learnt from He’s weights than from N(0, 0.01²)",
            figure="val",
            contrast=against("He", "N(0, 0.01²)"),
            wants="more",
            least=0.1,
            unit="points",
        ),
        Statement(
            says="with plain SGD, more is learnt from He’s weights than from Xavier’s",
            figure="val",
            contrast=against("He", "Xavier"),
            wants="more",
            least=0.02,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    caption=(
        "Root mean square of the loss’s gradient at each layer’s sums, in that of the last layer, "
        "and of the singular values of each layer’s Jacobian, before training; a point is a seed."
    ),
    shown=(
        ("lowest", "gradient, first to last layer"),
        ("layer", "typical singular value"),
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("diverged", "diverged"),
    ),
    cannot=(
        f"It has one depth, {DEPTH} dense layers of {WIDTH}: N(0, 0.01²) is too small for layers "
        "this wide, and would be right for 20,000 inputs.",
        "What batch norm or shortcuts make of it, which mend most of it, or Adam, whose steps do "
        "not hang on the size of gradients.",
        "One learning rate for all: each start might have a better one of its own. Gradients are "
        "clipped at a norm of 1, as the recipe has it.",
    ),
    conditions=Conditions(data="digits", images=(2000, 1000), epochs=10),
    quick=Conditions(data="digits", images=(100, 100), epochs=1, quick=True),
)
