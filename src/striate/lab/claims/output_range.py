"""A linear output against a sigmoid's, for numbers inside and outside the sigmoid's range."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.lab.drawing import Axis, beside, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against
from striate.runs.targets import scaled

SIDE, TARGET = 32, "diameter"
#: Of each setting whether the output is a sigmoid's, and whether targets lie within its range.
SETTINGS = {
    "linear, inside": (False, True),
    "sigmoid, inside": (True, True),
    "linear, outside": (False, False),
    "sigmoid, outside": (True, False),
}


class Small(nn.Module):
    """Three convolutions with batch norm, a mean over places, and one number."""

    def __init__(self, *, sigmoid: bool, channels: int) -> None:
        super().__init__()
        widths = [channels, 16, 32, 32]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.output = nn.Linear(widths[-1], 1)
        self.end = nn.Sigmoid() if sigmoid else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """The number of each image, (N, 1)."""
        found: Tensor = self.end(self.output(self.features(images).mean((2, 3))))
        return found


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Errors on held-out images, in standard deviations of the target."""
    sigmoid, inside = SETTINGS[setting]
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE, 3)
    (target,) = scaled(data.train)
    network = Small(sigmoid=sigmoid, channels=3)
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE, augmented=False)

    def given(values: NDArray[np.float64] | None) -> NDArray[np.float32]:
        assert values is not None
        # Inside, from 0.1 to 0.9; outside, in deviations from the mean, as `striate.train` does it.
        within = 0.1 + 0.8 * (values - target.low) / (target.high - target.low)
        return (within if inside else (values - target.mean) / target.deviation).astype(np.float32)

    answers = given(data.train.values), given(data.val.values)
    unit = 1.0 if not inside else (target.high - target.low) / 0.8 / target.deviation
    learnt = learn(
        network,
        data,
        recipe,
        seed=seed,
        preprocessing=prepared,
        answers=answers,
        target=target,
    )
    beyond = (answers[1] <= 0) | (answers[1] >= 1)
    return {
        "error": learnt.last("validation", "rmse") / target.deviation * unit,
        "r2": learnt.last("validation", "r2"),
        "train_error": learnt.last("train", "mae") / target.deviation * unit,
        "beyond": float(beyond.mean()),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """A sigmoid has no parameters."""
    networks = {
        name: partial(Small, sigmoid=sigmoid, channels=3) for name, (sigmoid, _) in SETTINGS.items()
    }
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Errors and shares of the variance that are explained."""
    return beside(
        "Errors of a linear and of a sigmoid output",
        rows(results, "error", Axis(title="held-out error, in std of the target", low=0.0)),
        rows(results, "r2", Axis(title="R²", high=1.0)),
    )


EXPERIMENT = Experiment(
    name="output-range",
    number=23,
    title="Linear and sigmoid outputs",
    claim=(
        "A linear output is for regression: a sigmoid's does as well for numbers within its range, "
        "and fails outside it."
    ),
    source="The working notes on linear activations.",
    chinese=(
        "线性输出与 sigmoid 输出",
        "线性输出用于回归：sigmoid 的输出在其值域内同样好，在值域外则失败。",
    ),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="inside its range, the sigmoid's error is that of the linear output",
            figure="error",
            contrast=against("sigmoid, inside", "linear, inside"),
            wants="same",
            least=1.25,
            unit="times",
        ),
        Statement(
            says="outside, the sigmoid's error is larger",
            figure="error",
            contrast=against("sigmoid, outside", "linear, outside"),
            wants="more",
            least=1.5,
            unit="times",
        ),
        Statement(
            says="to the linear output it makes no difference where the numbers lie",
            figure="error",
            contrast=against("linear, outside", "linear, inside"),
            wants="same",
            least=1.25,
            unit="times",
            decides=False,
        ),
    ),
    figure=draw,
    shown=(
        ("error", "held-out error (std)"),
        ("r2", "R²"),
        ("train_error", "mean training error (std)"),
        ("beyond", "targets beyond 0 and 1, %"),
    ),
    cannot=(
        "A scale that is known beforehand: inside, the numbers were moved to 0.1 to 0.9 by the "
        "least and the largest of the training images. Larger ones to come "
        "would lie outside.",
        "It has one target, one small network and squared errors.",
    ),
    conditions=Conditions(data="shapes:size=32,images=3000,count=1", target=TARGET, epochs=10),
    quick=Conditions(data="shapes:size=32,images=150,count=1", target=TARGET, epochs=1, quick=True),
)
