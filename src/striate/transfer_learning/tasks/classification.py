"""Transfer to images with classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from striate.data.images import ImageSet
from striate.hub.heads import HEADS
from striate.recipes.choices import ClassWeights
from striate.training.selection import note_on_imbalance
from striate.transfer_learning.classifier import head_probabilities
from striate.transfer_learning.doubts import training_doubts
from striate.transfer_learning.heads.comparison import compare
from striate.transfer_learning.heads.fit import FittedHead, check_head, fit_head
from striate.transfer_learning.heads.softmax import Penalty
from striate.transfer_learning.notes import notes_on_fit
from striate.transfer_learning.tasks.task import Floats, Task


class Classification(Task[FittedHead]):
    """Heads that give probabilities of classes.

    Args:
        head: the kind of head that the run has.
        penalty: of that head.
        class_weights: of all heads.
        seed: of folds and draws.
    """

    kinds = tuple(HEADS)
    trained = "softmax"
    figure = "accuracy"
    headline = "top1"
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
    few = 20
    stage_steps = (10, 50)

    def __init__(
        self, head: str, *, penalty: Penalty, class_weights: ClassWeights, seed: int
    ) -> None:
        self.head, self.penalty, self.class_weights, self.seed = head, penalty, class_weights, seed

    def check(self, *, images: int, views: int) -> None:
        """See `check_head`."""
        check_head(self.head, self.penalty, images=images, views=views)

    def fit(self, kind: str, rows: Floats, images: ImageSet) -> FittedHead:
        """See `fit_head`."""
        return fit_head(
            kind,
            rows,
            images.labels,
            images.classes,
            penalty=self.penalty if kind == self.head else "l2",
            class_weights=self.class_weights,
            seed=self.seed,
        )

    def notes(self, fitted: FittedHead, rows: Floats, images: ImageSet) -> Iterator[str]:
        """See `notes_on_fit`; and uneven classes."""
        if note := note_on_imbalance(images, self.class_weights):
            yield note
        yield from notes_on_fit(fitted, rows, images)

    def compared(
        self, fitted: FittedHead, rows: Floats, images: ImageSet, cache: Path | None
    ) -> dict[str, Any]:
        """See `compare`."""
        return compare(fitted, rows, images.labels, images.classes, cache, seed=self.seed)

    def doubts(self, fitted: FittedHead, rows: Floats, images: ImageSet) -> dict[str, Any]:
        """See `training_doubts`."""
        return {"doubts": training_doubts(fitted, rows[:, 0], images.labels)}

    def answers(self, head: nn.Module, values: Floats) -> Floats:
        """See `head_probabilities`."""
        return head_probabilities(head, values)

    def judged(self, answers: Floats, images: ImageSet) -> float:
        """The share that is right."""
        return float((answers.argmax(1) == images.labels).mean())

    def most(self, images: ImageSet) -> int:
        """Images of the commonest class."""
        return int(images.counts.max())

    def draw(self, images: ImageSet, size: int, seed: int) -> NDArray[np.int64]:
        """At most `size` images of each class."""
        return of_each_class(images.labels, size, seed)


def of_each_class(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most `most` images of each class, rising; more of them hold all that fewer hold."""
    random = np.random.default_rng(seed)
    kept = [
        random.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)
    ]
    return np.sort(np.concatenate(kept))
