"""How well probabilities rank images: curves and areas of every class, coverage and accuracy.

Fawcett 2006, "An introduction to ROC analysis"; Davis and Goadrich 2006, "The relationship between
precision-recall and ROC curves"; El-Yaniv and Wiener 2010, "On the foundations of noise-free
selective classification", for coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID = 101
"""Points of a curve that is kept: at 0, 0.01 … 1 of what it is drawn over."""
MOST_CURVES = 20
"""Of more classes, areas are kept and no curves of each: their mean is."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassCurves:
    """One class against all others, by the probability of the class.

    Attributes:
        name: of the class; empty for the mean of all classes that have curves.
        roc_area: area below the ROC curve, by trapezoids; NaN where no image is of the class, or
            every one.
        average_precision: area below the precision-recall curve, by steps: the sum of each
            precision times what recall grows by; NaN likewise.
        roc: the highest true positive rate at each false positive rate of the grid, by straight
            lines; empty where it is not kept.
        precision: the highest precision at each recall of the grid or above it; likewise.
    """

    name: str
    roc_area: float
    average_precision: float
    roc: Floats
    precision: Floats

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for what is undefined."""
        found: dict[str, Any] = {
            "class": self.name,
            "roc_area": _plain(self.roc_area),
            "average_precision": _plain(self.average_precision),
        }
        if len(self.roc):
            found |= {"roc": self.roc.tolist(), "precision": self.precision.tolist()}
        return found


@dataclass(frozen=True, kw_only=True)
class CoveragePoint:
    """What is left where only answers of at least `threshold` count.

    Attributes:
        threshold: the least probability of the predicted class.
        coverage: share of the images that have such an answer.
        accuracy: share of these that is right; NaN where there are none.
    """

    threshold: float
    coverage: float
    accuracy: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for what is undefined."""
        accuracy = _plain(self.accuracy)
        return {"threshold": self.threshold, "coverage": self.coverage, "accuracy": accuracy}


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """All classes, their mean, and coverage by threshold.

    Attributes:
        classes: in their order.
        mean: of all classes whose areas are defined; of none NaN.
        coverage: by rising threshold.
    """

    classes: tuple[ClassCurves, ...]
    mean: ClassCurves
    coverage: tuple[CoveragePoint, ...]

    def threshold_for(self, accuracy: float) -> CoveragePoint | None:
        """The lowest threshold whose answers are right at least so often; None for none."""
        return next((each for each in self.coverage if each.accuracy >= accuracy), None)

    def to_json(self) -> dict[str, Any]:
        """Plain values. The grid of the curves is 0, 0.01 … 1."""
        return {
            "mean": self.mean.to_json(),
            "classes": [each.to_json() for each in self.classes],
            "coverage": [each.to_json() for each in self.coverage],
        }


def ranking_of(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str]
) -> Ranking:
    """Curves and areas.

    Args:
        probabilities: (images, classes).
        labels: (images,).
        classes: names.
    """
    every = [
        _curves(name, probabilities[:, label], labels == label)
        for label, name in enumerate(classes)
    ]
    defined = [each for each in every if len(each.roc)]
    mean = ClassCurves(
        name="",
        roc_area=_mean([each.roc_area for each in defined]),
        average_precision=_mean([each.average_precision for each in defined]),
        roc=np.mean([each.roc for each in defined], axis=0) if defined else _NONE,
        precision=np.mean([each.precision for each in defined], axis=0) if defined else _NONE,
    )
    if len(classes) > MOST_CURVES:
        every = [_without_curves(each) for each in every]
    right = probabilities.argmax(axis=1) == labels
    return Ranking(
        classes=tuple(every), mean=mean, coverage=_coverage(probabilities.max(axis=1), right)
    )


_NONE: Floats = np.empty(0)


def _curves(name: str, scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> ClassCurves:
    """The curves of one class over `scores`, (images,)."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return ClassCurves(
            name=name, roc_area=math.nan, average_precision=math.nan, roc=_NONE, precision=_NONE
        )
    order = np.argsort(-scores, kind="stable")
    # Images of one score are above a threshold together.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(positive[order])[ends].astype(np.float64)
    named = ends + 1.0
    recall = np.concatenate([[0.0], hits / positives])
    false = np.concatenate([[0.0], (named - hits) / negatives])
    precision = hits / named
    best = np.maximum.accumulate(precision[::-1])[::-1]
    grid = np.linspace(0, 1, GRID)
    return ClassCurves(
        name=name,
        roc_area=float(np.sum(np.diff(false) * (recall[1:] + recall[:-1]) / 2)),
        average_precision=float(np.sum(np.diff(recall) * precision)),
        roc=_at(grid, false, recall),
        # The first threshold whose recall is as high; what rounding makes of 1 is 1.
        precision=best[np.searchsorted(recall[1:], grid - 1e-12)],
    )


def _at(grid: Floats, x: Floats, y: Floats) -> Floats:
    """The curve through `x`, which rises, and `y` at `grid`; where it is upright, its top."""
    last = np.append(np.diff(x) > 0, True)
    found: Floats = np.interp(grid, x[last], y[last])
    return found


def _without_curves(each: ClassCurves) -> ClassCurves:
    return ClassCurves(
        name=each.name,
        roc_area=each.roc_area,
        average_precision=each.average_precision,
        roc=_NONE,
        precision=_NONE,
    )


def _coverage(
    confidence: NDArray[np.float32], right: NDArray[np.bool_]
) -> tuple[CoveragePoint, ...]:
    """What is left at the thresholds 0, 0.01 … 0.99, and at 0.999."""
    thresholds = np.append(np.linspace(0, 1, GRID)[:-1], 0.999)
    order = np.argsort(confidence, kind="stable")
    first = np.searchsorted(confidence[order].astype(np.float64), thresholds)
    hits = np.append(np.cumsum(right[order][::-1])[::-1], 0)
    images = len(right)
    return tuple(
        CoveragePoint(
            threshold=float(threshold),
            coverage=(images - at) / images,
            accuracy=int(hits[at]) / (images - at) if at < images else math.nan,
        )
        for threshold, at in zip(thresholds, first.tolist(), strict=True)
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
