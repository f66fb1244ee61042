"""What is computed of the images of a run of numbers for its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.regression.doubtful import DoubtfulValue, doubtful_values
from striate.report.insight import Insight, looked_into

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.runs.run import Run

MISSES = 24
"""Misses that are shown, shared among the targets."""
LEAST_OF_A_TARGET = 6
NEAREST = 6
"""Images of a target on which the prediction is nearest, that are shown."""
DOUBTS = 24
"""Doubtful values that are shown."""


@dataclass(frozen=True, kw_only=True)
class NumberInsight(Insight):
    """What the page of a run of numbers shows beyond figures.

    The heat maps are of the worst misses, and of the target that was missed.

    Attributes:
        doubts: the held-out images whose values are most doubtful.
        doubted: how many doubtful values there are among the held-out images.
    """

    doubts: Sequence[DoubtfulValue] = ()
    doubted: int = 0


def number_insight(
    run: Run,
    data: Data,
    true: NDArray[np.float64],
    predicted: NDArray[np.float64],
    *,
    progress: bool = False,
) -> NumberInsight:
    """Compute what the page of `run` shows beyond figures.

    Args:
        run: the run, trained and measured.
        data: what it was trained on.
        true: (images, targets), of its held-out images.
        predicted: likewise.
        progress: count on standard error.
    """
    images = data.val if data.test is None else data.test
    errors = predicted - true
    explained = [
        (image, target) for target in range(true.shape[1]) for image in worst(errors, target)
    ]
    doubts = doubtful_values(true, predicted, images.digests)
    shown = doubts[:DOUBTS]
    wanted = [*(image for image, _ in explained), *(doubt.image for doubt in shown)]
    return NumberInsight(
        doubts=shown,
        doubted=len(doubts),
        **looked_into(run, data, explained, wanted, progress=progress),
    )


def worst(errors: NDArray[np.float64], target: int) -> list[int]:
    """Numbers of the images on which a target is missed by most, the worst first.

    Args:
        errors: (images, targets).
        target: number of the target.
    """
    most = max(MISSES // errors.shape[1], LEAST_OF_A_TARGET)
    found: list[int] = np.argsort(-np.abs(errors[:, target]), kind="stable")[:most].tolist()
    return found


def best(errors: NDArray[np.float64], target: int) -> list[int]:
    """Numbers of the images on which a target is predicted best, the best first."""
    order = np.argsort(np.abs(errors[:, target]), kind="stable")
    found: list[int] = [at for at in order.tolist() if at not in worst(errors, target)][:NEAREST]
    return found
