"""Values that are likely wrong: predictions that are much farther off than those of other images.

An image is doubtful where its absolute error is more than `FACTOR` half widths of the prediction
interval that the images of the other folds give (`striate.evaluation.regression.conformal`), so
that no image has a part in the width that it is judged by. Of errors that are distributed normally,
one in ten thousand is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.evaluation.regression.conformal import folds, half_width
from striate.evaluation.regression.metrics import Floats

LEVEL = 0.95
FACTOR = 2.0
NEARBY = 10
"""Similar images whose values are evidence."""


@dataclass(frozen=True, kw_only=True)
class DoubtfulValue:
    """A value that is likely wrong, and why.

    Attributes:
        image: number of the image.
        target: number of the target.
        true: the value as it is given.
        predicted: by something that was not fitted to this image.
        half_width: that 95 % of the images of the other folds lie within.
    """

    image: int
    target: int
    true: float
    predicted: float
    half_width: float

    @property
    def times(self) -> float:
        """The error in half widths."""
        return abs(self.predicted - self.true) / self.half_width


def doubtful_values(
    true: Floats, predicted: Floats, digests: Sequence[str] | None = None
) -> list[DoubtfulValue]:
    """The values that are likely wrong, those with the largest error for its width first.

    Args:
        true: (images, targets), as they are given.
        predicted: likewise, by something that was not fitted to these images.
        digests: content of each image, of which equal ones are never in two folds.

    Examples:
        >>> true = np.zeros((60, 1))
        >>> predicted = true + np.linspace(-1, 1, 60)[:, None]
        >>> predicted[7] = 40
        >>> [each.image for each in doubtful_values(true, predicted)]
        [7]
    """
    parts = folds(len(true), digests)
    found = []
    for target in range(true.shape[1]):
        errors = np.abs(predicted[:, target] - true[:, target])
        for part in np.unique(parts):
            width = half_width(errors[parts != part], LEVEL)
            for image in np.flatnonzero((parts == part) & (errors > FACTOR * width) & (width > 0)):
                found.append(
                    DoubtfulValue(
                        image=int(image),
                        target=target,
                        true=float(true[image, target]),
                        predicted=float(predicted[image, target]),
                        half_width=width,
                    )
                )
    return sorted(found, key=lambda each: (-each.times, each.image, each.target))


def ranked(
    doubts: Sequence[DoubtfulValue], nearby: Sequence[Floats]
) -> list[tuple[DoubtfulValue, Floats]]:
    """Doubts by the evidence of errors and of similar images together, the most first.

    Args:
        doubts: as `doubtful_values` gives them.
        nearby: of each the values of the same target of the images nearest to it; empty where none
            are known.

    Returns:
        Each doubt with the values nearby. Its error in half widths, and by how many of these their
        median is farther from the value than from the prediction, count alike.
    """

    def evidence(doubt: DoubtfulValue, values: Floats) -> float:
        if not len(values):
            return doubt.times
        middle = float(np.median(values))
        farther = abs(middle - doubt.true) - abs(middle - doubt.predicted)
        return doubt.times + farther / doubt.half_width

    pairs = list(zip(doubts, nearby, strict=True))
    return sorted(pairs, key=lambda pair: -evidence(*pair))
