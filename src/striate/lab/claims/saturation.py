"""Claim 1: what a gradient comes to on its way down through sigmoids, tanhs, ReLUs and GELUs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

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

DEPTH, WIDTH, SIDE = 10, 16, 16
#: Each with the gain of its own first weights: Glorot and Bengio 2010 below, He et al. 2015 above.
GAINS = {"sigmoid": 1.0, "tanh": 1.0, "relu": math.sqrt(2), "gelu": math.sqrt(2)}
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": F.gelu,
}


class Deep(nn.Module):
    """`DEPTH` convolutions of 3×3 with one activation function behind each, then a classifier."""

    def __init__(self, name: str, channels: int, classes: int) -> None:
        super().__init__()
        self.function = FUNCTIONS[name]
        widths = [channels, *[WIDTH] * DEPTH]
        layers = [nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)]
        self.classifier = nn.Linear(WIDTH, classes)
        for layer in layers:
            nn.init.xavier_normal_(layer.weight, GAINS[name])
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)

    def sums(self, images: Tensor) -> list[Tensor]:
        """What each layer gives before its activation function, and the logits."""
        found: list[Tensor] = []
        for layer in self.layers:
            found.append(layer(self.function(found[-1]) if found else images))
        return [*found, self.classifier(self.function(found[-1]).mean((2, 3)))]

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (N, classes)."""
        return self.sums(images)[-1]


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Gradients of each layer before and after training, and how well it was trained."""
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE)
    network = Deep(setting, prepared.channels, len(data.classes))
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE, augmented=False)
    images, labels = sample_of(data.train, prepared)
    before = gradients(network, images, labels)
    learnt = learn(network, data, recipe, seed=seed, preprocessing=prepared)
    after = gradients(network, images, labels)
    return {
        "before": before,
        "after": after,
        "lowest_before": before[0],
        "lowest_after": after[0],
        "train": learnt.last("train", "top1"),
        "val": learnt.last("validation", "top1"),
        "derivative": derivative_error(setting),
    }


def gradients(network: Deep, images: Tensor, labels: Tensor) -> list[float]:
    """Root mean square of the loss's gradient at each layer's sums, in that of the last layer."""
    *sums, logits = network.sums(images)
    # In float64 no gradient is too small to be told from nothing.
    found = torch.autograd.grad(F.cross_entropy(logits, labels), sums)
    sizes = [float(each.double().square().mean().sqrt()) for each in found]
    return [max(size / sizes[-1], 1e-30) for size in sizes]


def derivative_error(setting: str) -> float:
    """The largest error of the textbook's derivative against autograd's, in float64."""
    x = torch.linspace(-6, 6, 1001, dtype=torch.float64, requires_grad=True)
    y = FUNCTIONS[setting](x)
    (exact,) = torch.autograd.grad(y.sum(), x)
    cumulative, density = torch.special.ndtr(x), (-x.square() / 2).exp() / math.sqrt(2 * math.pi)
    written = {
        "sigmoid": y * (1 - y),
        "tanh": 1 - y.square(),
        "relu": (x > 0).double(),
        "gelu": cumulative + x * density,
    }[setting]
    return float((written - exact).detach().abs().max())


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The networks differ in nothing but the function."""
    networks = {name: partial(Deep, name, 3, 10) for name in GAINS}
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(GAINS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Gradients over depth before and after training, and what was learnt."""
    depth = range(1, DEPTH + 1)
    title = "gradient of a layer, in that of the last, {}"
    panels = [
        curves(
            results,
            when,
            Axis(title=title.format(f"{when} training"), log=True),
            x=depth,
            x_title="layer, from the image up",
        )
        for when in ("before", "after")
    ]
    accuracy = Axis(title="held-out accuracy", low=0.0, high=1.0, tick=per_cent)
    return beside("Gradients of each layer", *panels, rows(results, "val", accuracy))


EXPERIMENT = Experiment(
    name="saturation",
    number=1,
    title="Saturation",
    claim=(
        "The sigmoid's gradient dies with depth, tanh's dies later, and the ReLU's does not die."
    ),
    source=(
        "The working notes on LeNet and AlexNet; Glorot and Bengio 2010, Sec. 3, and Krizhevsky et "
        "al. 2012, Sec. 3.1, say likewise."
    ),
    chinese=("饱和", "sigmoid 的梯度随深度消失，tanh 的消失得较晚，ReLU 的不消失。"),
    settings=tuple(GAINS),
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="before training, the first layer's gradient is larger with tanh than with the "
            "sigmoid",
            figure="lowest_before",
            contrast=against("tanh", "sigmoid"),
            wants="more",
            least=10.0,
            unit="times",
        ),
        Statement(
            says="before training, it is larger with the ReLU than with tanh",
            figure="lowest_before",
            contrast=against("relu", "tanh"),
            wants="more",
            least=1.25,
            unit="times",
        ),
        Statement(
            says="before training, the ReLU's is as large in the first layer as in the last",
            figure="lowest_before",
            contrast={"relu": 1.0},
            wants="same",
            least=3.0,
            unit="times",
        ),
        Statement(
            says="after training, the first layer's gradient is larger with the ReLU than with the "
            "sigmoid",
            figure="lowest_after",
            contrast=against("relu", "sigmoid"),
            wants="more",
            least=10.0,
            unit="times",
        ),
        Statement(
            says="the network learns more with the ReLU than with the sigmoid (held-out accuracy)",
            figure="val",
            contrast=against("relu", "sigmoid"),
            wants="more",
            least=0.05,
            unit="points",
        ),
        Statement(
            says="GELU's gradient in the first layer is that of the ReLU, before training",
            figure="lowest_before",
            contrast=against("gelu", "relu"),
            wants="same",
            least=2.0,
            unit="times",
            decides=False,
        ),
        Statement(
            says="the derivative of the sigmoid is σ(1−σ): the largest error",
            figure="derivative",
            contrast={"sigmoid": 1.0},
            wants="same",
            least=1e-12,
        ),
    ),
    figure=draw,
    caption=(
        "Root mean square of the loss’s gradient at each layer’s sums, in that of the last layer; "
        "a point is a seed, a line their mean."
    ),
    shown=(
        ("lowest_before", "first layer before"),
        ("lowest_after", "first layer after"),
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("derivative", "error of the derivative"),
    ),
    cannot=(
        f"It has one depth, {DEPTH} convolutions, and no batch norm, which mends the sigmoid, too.",
        "Every function begins with the weights that are usual for it: Glorot’s for sigmoid and "
        "tanh, He’s for ReLU and GELU. Other first weights give other gradients.",
        "How long a sigmoid would take to learn after all: every network has as many epochs.",
    ),
    conditions=Conditions(data="digits", images=(2000, 1000), epochs=10),
    quick=Conditions(data="digits", images=(100, 100), epochs=1, quick=True),
)
