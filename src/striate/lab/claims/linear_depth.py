"""Claim 2: without a non-linearity between them, many layers are one matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import cast

import torch
from markupsafe import Markup
from torch import Tensor, nn

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for, sample_of
from striate.lab.networks import parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

LAYERS, WIDTH, SIDE = 8, 64, 8
#: Of each setting how many layers there are, and whether a ReLU stands between them.
SETTINGS = {"one matrix": (1, False), "8 linear layers": (8, False), "8 layers, ReLU": (8, True)}


class Dense(nn.Module):
    """Dense layers on pixels, with or without a ReLU between them."""

    def __init__(self, setting: str, pixels: int, classes: int) -> None:
        super().__init__()
        layers, self.bends = SETTINGS[setting]
        widths = [pixels, *[WIDTH] * (layers - 1), classes]
        made = [nn.Linear(before, after) for before, after in pairwise(widths)]
        for layer in made:
            nn.init.xavier_normal_(layer.weight, math.sqrt(2) if self.bends else 1.0)
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(made)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (N, classes)."""
        found = images.flatten(1)
        for place, layer in enumerate(self.layers):
            found = layer(found.relu() if place and self.bends else found)
        return found

    def as_one(self) -> nn.Linear:
        """The one layer that the product of all matrices makes, biases included."""
        first, *others = cast("list[nn.Linear]", list(self.layers))
        weight, bias = first.weight.detach(), first.bias.detach()
        for layer in others:
            bias = layer.weight.detach() @ bias + layer.bias.detach()
            weight = layer.weight.detach() @ weight
        one = nn.Linear(weight.shape[1], weight.shape[0])
        one.weight, one.bias = nn.Parameter(weight), nn.Parameter(bias)
        return one


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """What was learnt, and how far the network is from the product of its matrices."""
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE)
    network = Dense(setting, prepared.channels * SIDE * SIDE, len(data.classes))
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE, augmented=False)
    learnt = learn(network, data, recipe, seed=seed, preprocessing=prepared)
    images, _ = sample_of(data.val, prepared)
    with torch.no_grad():
        double = images.double().flatten(1)
        answers = network.double()(double)
        apart = (network.as_one()(double) - answers).abs().max() / answers.abs().max()
    return {
        "train": learnt.last("train", "top1"),
        "val": learnt.last("validation", "top1"),
        "train_loss": learnt.last("train", "loss"),
        "apart": float(apart),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The ReLU has no parameters; one matrix has fewer than eight, which is the point."""
    deep = [name for name, (layers, _) in SETTINGS.items() if layers > 1]
    networks = {name: partial(Dense, name, 3 * SIDE * SIDE, 10) for name in deep}
    return (
        parameters_of(networks),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies, and how far each network is from one matrix."""
    shares = [
        rows(results, name, Axis(title=f"{title} accuracy", tick=per_cent))
        for name, title in (("train", "training"), ("val", "held-out"))
    ]
    return beside("Accuracy with and without a non-linearity", *shares)


EXPERIMENT = Experiment(
    name="linear-depth",
    number=2,
    title="No non-linearity, no depth",
    claim="Without a non-linearity between them, many layers equal one matrix and learn no more.",
    source="The working notes on activation functions; any textbook, in a line of algebra.",
    chinese=(
        "没有非线性就没有深度",
        "层与层之间没有非线性时，多层等于一个矩阵，学到的也不会更多。",
    ),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="eight trained linear layers give what the product of their matrices gives (the "
            "largest difference, in the largest logit)",
            figure="apart",
            contrast={"8 linear layers": 1.0},
            wants="same",
            least=1e-9,
        ),
        Statement(
            says="they get as much of the training images right as one matrix",
            figure="train",
            contrast=against("8 linear layers", "one matrix"),
            wants="same",
            least=0.03,
            unit="points",
        ),
        Statement(
            says="with a ReLU between them they get more of the training images right",
            figure="train",
            contrast=against("8 layers, ReLU", "8 linear layers"),
            wants="more",
            least=0.03,
            unit="points",
        ),
        Statement(
            says="and more of the held-out images",
            figure="val",
            contrast=against("8 layers, ReLU", "8 linear layers"),
            wants="more",
            least=0.005,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("train_loss", "training loss"),
        ("apart", "from one matrix"),
    ),
    cannot=(
        "That a deep linear network learns no more says nothing of how it gets there: its path "
        "through training is another one (Saxe et al. 2014).",
        "Who learns faster: every network has as many epochs, and one that is not at its end by "
        "then is behind.",
        f"Images are shrunk to {SIDE} pixels a side: it is about matrices, not about pictures.",
    ),
    conditions=Conditions(data="digits", images=(4000, 2000), epochs=20),
    quick=Conditions(data="digits", images=(100, 100), epochs=1, quick=True),
)
