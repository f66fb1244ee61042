"""Transfer to images with numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from striate.data.images import ImageSet
from striate.hub.heads import VALUE_HEADS
from striate.runs.targets import ScaledTarget, standardised
from striate.transfer_learning.cache import comparisons
from striate.transfer_learning.classifier import head_values
from striate.transfer_learning.heads.comparison import COMPARED
from striate.transfer_learning.heads.regression.fit import (
    METHOD,
    FittedValueHead,
    check_value_head,
    fit_value_head,
)
from striate.transfer_learning.tasks.task import Floats, Task

#: Training images furthest off in cross-validation that are kept for the report.
SHOWN = 24


class Regression(Task[FittedValueHead]):
    """Heads that give standardised values.

    Args:
        head: the kind of head that the run has.
        targets: with the scale of the run's training images.
        seed: of folds and draws.
    """

    kinds = tuple(VALUE_HEADS)
    trained = "ridge"
    figure = "error"
    headline = "mae"
    steps = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
    few = 100
    stage_steps = (50, 250)

    def __init__(self, head: str, *, targets: Sequence[ScaledTarget], seed: int) -> None:
        self.head, self.targets, self.seed = head, targets, seed

    def check(self, *, images: int, views: int) -> None:
        """See `check_value_head`."""
        check_value_head(self.head, images=images, views=views)

    def fit(self, kind: str, rows: Floats, images: ImageSet) -> FittedValueHead:
        """See `fit_value_head`."""
        return fit_value_head(kind, rows, self._values(images), seed=self.seed)

    def notes(self, fitted: FittedValueHead, rows: Floats, images: ImageSet) -> Iterator[str]:
        """What cross-validation could not hold out."""
        if not fitted.folds:
            yield (
                "there is one picture to train on: nothing can be held out, so that C is not "
                "chosen by cross-validation but taken as it usually is"
            )
        if fitted.note:
            yield fitted.note

    def compared(
        self, fitted: FittedValueHead, rows: Floats, images: ImageSet, cache: Path | None
    ) -> dict[str, Any]:
        """As for classes."""
        chosen = self.draw(images, COMPARED // rows.shape[1], self.seed)
        whole, values = len(chosen) == len(images), self._values(images)[chosen]
        tried = []
        for kind in self.kinds if fitted.folds else ():
            if whole and kind == fitted.kind:
                tried.append(fitted.to_json())
                continue

            def fit(kind: str = kind) -> dict[str, Any]:
                return fit_value_head(kind, rows[chosen], values, seed=self.seed).to_json()

            how = f"values {METHOD} {kind} {self.seed}"
            tried.append(comparisons.compared(cache, how, rows[chosen], values, fit))
        tried = [each for each in tried if each["folds"]]
        return {"compared": tried, "compared_images": len(chosen), "compared_all": whole}

    def doubts(self, fitted: FittedValueHead, rows: Floats, images: ImageSet) -> dict[str, Any]:
        """The training images furthest off in cross-validation, by the target that is worst.

        Under ``furthest``: ``image``, its number; ``target``, the number of the target; ``error``,
        predicted less true by heads that were not fitted to it, in standard deviations.
        """
        errors = fitted.held_values - self._values(images)[fitted.held]
        if not len(errors):
            return {"furthest": []}
        worst = np.abs(errors).argmax(1)
        most = np.take_along_axis(errors, worst[:, None], axis=1)[:, 0]
        shown = np.argsort(-np.abs(most), kind="stable")[:SHOWN]
        return {
            "furthest": [
                {
                    "image": int(fitted.held[at]),
                    "target": int(worst[at]),
                    "error": round(float(most[at]), 4),
                }
                for at in shown.tolist()
            ]
        }

    def answers(self, head: nn.Module, values: Floats) -> Floats:
        """See `head_values`."""
        return head_values(head, values, self.targets)

    def judged(self, answers: Floats, images: ImageSet) -> float:
        """The mean absolute error: of one target in its unit, of several in deviations."""
        assert images.values is not None
        errors = np.abs(answers - images.values)
        if len(self.targets) > 1:
            errors /= np.array([each.deviation for each in self.targets])
        return float(errors.mean())

    def most(self, images: ImageSet) -> int:
        """How many there are."""
        return len(images)

    def draw(self, images: ImageSet, size: int, seed: int) -> NDArray[np.int64]:
        """Any of them."""
        return np.sort(np.random.default_rng(seed).permutation(len(images))[:size])

    def _values(self, images: ImageSet) -> NDArray[np.float64]:
        assert images.values is not None
        return standardised(self.targets, images.values).astype(np.float64)
