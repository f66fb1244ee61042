"""Inputs of a report, made up small."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from striate.data.preprocessing import Preprocessing
from striate.evaluation.metrics import measure
from striate.recipes.recipe import Optimiser, Recipe
from striate.report.inputs import ReportInputs

#: Names that break what does not escape them.
HOSTILE = (
    '<b>"rosé\'s"</b>',
    "玫瑰",
    "</script><script>fetch('http://evil.example')</script>",
    "[red]",
)


@dataclass(frozen=True)
class Flat:
    """Images of one grey level each: image i is i."""

    labels: np.ndarray
    names: Sequence[str]
    side: int = 80

    def read_fitted(self, index: int, preprocessing: Preprocessing) -> np.ndarray:
        shape = (self.side, self.side, preprocessing.channels)
        return preprocessing.fit_image(np.full(shape, index % 256, np.uint8))


def epoch(
    number: int, *, heads: int = 0, layers: Sequence[str] = ("a", "b", "c")
) -> dict[str, Any]:
    """A line of the metrics; number 0 is the untrained network."""
    line: dict[str, Any] = {
        "epoch": number,
        "step": 10 * number,
        "health": {
            name: {"gradient": 0.01 / (i + 1), "activation": 1.0, "weight": 0.1}
            for i, name in enumerate(layers)
        },
    }
    if number:
        line |= {
            "learning_rate": 0.1 / number,
            "train": {
                "loss": 3.0 / number,
                "main": 2.0 / number,
                "auxiliary": [2.5 / number] * heads,
                "top1": 1 - 0.5 / number,
            },
            "validation": {"loss": 2.2 / number, "top1": 1 - 0.6 / number, "top5": 1.0},
        }
    return line


@pytest.fixture
def make_epoch() -> Callable[..., dict[str, Any]]:
    """Makes a line of the metrics."""
    return epoch


@pytest.fixture
def hostile() -> tuple[str, ...]:
    """Class names that break what does not escape them."""
    return HOSTILE


@pytest.fixture
def make_inputs() -> Callable[..., ReportInputs]:
    """Makes the inputs of a report with some right and some wrong answers."""

    def make(
        classes: Sequence[str] = ("cat", "dog", "owl"),
        images: int = 60,
        *,
        side: int = 80,
        **changes: Any,
    ) -> ReportInputs:
        random = np.random.default_rng(0)
        labels = random.integers(0, len(classes), images)
        logits = random.normal(size=(images, len(classes)))
        logits[np.arange(images), labels] += 1.5
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        shares = shares.astype(np.float32)
        counts = np.bincount(labels, minlength=len(classes))
        given: dict[str, Any] = {
            "network": "resnet20",
            "title": "ResNet-20",
            "reference": "He et al., 2016",
            "evaluation": measure(shares, labels, classes),
            "probabilities": shares,
            "images": Flat(labels, [f"{classes[c]}/{i}.png" for i, c in enumerate(labels)], side),
            "preprocessing": Preprocessing(
                resize=side, height=side, width=side, mean=(0.5,) * 3, std=(0.25,) * 3
            ),
            "part": "val",
            "held_out": "split",
            "data_origin": "/photos/animals",
            "counts": {"train": counts * 4, "val": counts},
            "weights_epoch": 3,
            "metrics": [epoch(i) for i in range(4)],
            "recipe": Recipe(
                name="modern",
                reference="A paper",
                ours=("a rate",),
                departures=("a mean",),
                optimiser=Optimiser(name="sgd", rate=0.1, nesterov=True, betas=(0.9, 0.999)),
            ),
            "seed": 0,
        }
        return ReportInputs(**(given | changes))

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, where it is installed."""
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if not found:
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()
