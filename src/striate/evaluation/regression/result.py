"""From true and predicted numbers to the figures that a person judges a network by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.data.targets import Target
from striate.errors import TrainingError
from striate.evaluation.regression.bootstrap import intervals
from striate.evaluation.regression.conformal import (
    PredictionInterval,
    covered,
    cross_fitted,
)
from striate.evaluation.regression.metrics import METRICS, Metric, ValueRange, by_range
from striate.support.shown import Shown
from striate.support.text import printable
from striate.support.words import figure, plural


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of one target.

    Attributes:
        metric: what it is.
        value: NaN where it is undefined, as a rank correlation where all values are equal.
        interval: its 95 % interval, by bootstrap; NaN likewise.
        baseline: what the best constant prediction has on the same images; NaN of one image.
    """

    metric: Metric
    value: float
    interval: tuple[float, float]
    baseline: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for what is undefined."""
        return {
            "value": plain(self.value),
            "interval": [plain(each) for each in self.interval],
            "baseline": plain(self.baseline),
        }


@dataclass(frozen=True, kw_only=True)
class TargetResult:
    """How well one target is predicted.

    Attributes:
        target: which.
        figures: by `METRICS`, under their keys.
        deviation: what errors are divided by where those of several targets make one number.
        ranges: errors by range of the true value.
        intervals: prediction intervals, and how often they held the true value.
    """

    target: Target
    figures: Mapping[str, Figure]
    deviation: float
    ranges: tuple[ValueRange, ...]
    intervals: tuple[PredictionInterval, ...]

    @property
    def line(self) -> str:
        """The mean absolute error, and R², for people."""
        found, share = self.figures["mae"], self.figures["r2"].value
        low, high, best = (figure(each, 4) for each in (*found.interval, found.baseline))
        beside = [] if math.isnan(found.interval[0]) else [f"95 % interval {low} to {high}"]
        beside += [] if math.isnan(found.baseline) else [f"best constant {best}"]
        sure = f" ({'; '.join(beside)})" if beside else ""
        unit = f" {printable(self.target.unit)}" if self.target.unit else ""
        explained = "" if math.isnan(share) else f", R² {figure(share)}"
        return (
            f"{printable(self.target.name)}: mean absolute error {figure(found.value, 4)}{unit}"
            f"{sure}{explained}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; the target's name is under ``target``."""
        return {
            "target": self.target.name,
            "unit": self.target.unit,
            **{key: each.to_json() for key, each in self.figures.items()},
            "ranges": [each.to_json() for each in self.ranges],
            "intervals": [each.to_json() for each in self.intervals],
        }


@dataclass(frozen=True, kw_only=True)
class RegressionEvaluation(Shown):
    """What `measure_values` found.

    Attributes:
        images: how many it was measured on.
        per_target: of each target, in their order.
        left_out: images that were not measured on since the network was trained on them.
        skipped: files that could not be used, and why.
        notes: what a person should know and need not mend.
    """

    shown_by: ClassVar[str] = "striate.evaluation.regression.terminal:show"

    images: int
    per_target: tuple[TargetResult, ...]
    left_out: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is predicted."""
        return tuple(each.target for each in self.per_target)

    @property
    def lines(self) -> tuple[str, ...]:
        """What people want to know at once, in a line a target."""
        return tuple(f"{each.line} on {plural(self.images, 'image')}" for each in self.per_target)

    @property
    def mae(self) -> float:
        """Mean absolute error in the target's unit; of several, the mean of each in deviations."""
        return self._together("mae")

    @property
    def rmse(self) -> float:
        """Root mean squared error likewise."""
        return self._together("rmse")

    @property
    def r2(self) -> float:
        """Mean R² of the targets; NaN where it is undefined of one."""
        return float(np.mean([each.figures["r2"].value for each in self.per_target]))

    def _together(self, key: str) -> float:
        values = [each.figures[key].value for each in self.per_target]
        if len(values) == 1:
            return values[0]
        parts = [
            value / each.deviation for value, each in zip(values, self.per_target, strict=True)
        ]
        return float(np.mean(parts))

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "images": self.images,
            "mae": self.mae,
            "rmse": self.rmse,
            "r2": plain(self.r2),
            "per_target": [each.to_json() for each in self.per_target],
            "left_out": self.left_out,
            "skipped": [{"file": file, "error": reason} for file, reason in self.skipped],
            "notes": list(self.notes),
        }


def measure_values(
    true: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
    targets: Sequence[Target],
    *,
    deviations: Sequence[float] | None = None,
    half_widths: Sequence[Sequence[float]] | None = None,
    digests: Sequence[str] | None = None,
    seed: int = 0,
) -> RegressionEvaluation:
    """Judge `predicted` by `true`.

    Args:
        true: (images, targets), in the targets' units.
        predicted: likewise.
        targets: what the columns are.
        deviations: of each target among the training images, by which the errors of several are
            made comparable; of these images by default.
        half_widths: of prediction intervals that other images gave, `LEVELS` of each target. By
            default they are taken from these images, and their coverage is cross-fitted.
        digests: content of each image, of which equal ones are never divided for that.
        seed: of the bootstrap and of that division.

    Raises:
        ValueError: the shapes do not fit together, or there are no images.
        TrainingError: some predictions are not finite numbers.
    """
    values, answers = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    images = len(values)
    if not images or values.shape != answers.shape or values.shape != (images, len(targets)):
        shapes = f"{values.shape} and {answers.shape}"
        raise ValueError(f"values of the shapes {shapes} for {len(targets)} targets")
    unsound = ~np.isfinite(answers).all(axis=1)
    if unsound.any():
        raise TrainingError(
            "the network's values",
            f"are not finite numbers for {int(unsound.sum())} of {images} images",
            "the weights have diverged: train again at a lower learning rate",
        )
    per_target = []
    for at, target in enumerate(targets):
        own, given = values[:, at], answers[:, at]
        errors = np.abs(given - own)
        per_target.append(
            TargetResult(
                target=target,
                figures=_figures(own, given, seed),
                deviation=(float(own.std()) or 1.0) if deviations is None else deviations[at],
                ranges=by_range(own, given),
                intervals=cross_fitted(errors, digests, seed=seed)
                if half_widths is None
                else covered(errors, half_widths[at]),
            )
        )
    return RegressionEvaluation(images=images, per_target=tuple(per_target))


def _figures(
    true: NDArray[np.float64], predicted: NDArray[np.float64], seed: int
) -> dict[str, Figure]:
    found = intervals(true, predicted, METRICS, seed=seed)
    return {
        metric.key: Figure(
            metric=metric,
            value=float(metric.of(true, predicted)),
            interval=interval,
            baseline=metric.baseline(true),
        )
        for metric, interval in zip(METRICS, found, strict=True)
    }


def plain(value: float) -> float | None:
    """A number as JSON has it: None for one that is undefined."""
    return value if math.isfinite(value) else None
