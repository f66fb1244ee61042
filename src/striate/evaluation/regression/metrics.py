"""Errors of predicted numbers, and what the best constant prediction would have.

Every figure is taken along the last axis, so that the same function serves the images and many
samples of them at once (`striate.evaluation.regression.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Ranges of a target, of as many images each, that errors are told for.
RANGES = 5


def mean_absolute_error(true: Floats, predicted: Floats) -> Floats:
    """Of ``(…, n)`` values, ``(…)``.

    Examples:
        >>> float(mean_absolute_error(np.array([1.0, 2.0]), np.array([2.0, 4.0])))
        1.5
    """
    return np.asarray(np.abs(predicted - true).mean(axis=-1))


def root_mean_squared_error(true: Floats, predicted: Floats) -> Floats:
    """Of ``(…, n)`` values, ``(…)``."""
    return np.asarray(np.sqrt(np.square(predicted - true).mean(axis=-1)))


def median_absolute_error(true: Floats, predicted: Floats) -> Floats:
    """Of ``(…, n)`` values, ``(…)``."""
    return np.asarray(np.median(np.abs(predicted - true), axis=-1))


def r_squared(true: Floats, predicted: Floats) -> Floats:
    """The share of the variance that is explained: 1 for no error, 0 for what the mean predicts.

    Of ``(…, n)`` values, ``(…)``; NaN where the true values are all equal.
    """
    left = np.square(predicted - true).sum(axis=-1)
    centre = true.mean(axis=-1, keepdims=True)
    all_of_it = np.where(_varies(true), np.square(true - centre).sum(axis=-1), np.nan)
    return np.asarray(1 - left / all_of_it)


def spearman(true: Floats, predicted: Floats) -> Floats:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.

    Spearman 1904, "The proof and measurement of association between two things". Of ``(…, n)``
    values, ``(…)``; NaN where true values or predictions are all equal.

    Examples:
        >>> float(spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 11.0, 1000.0])))
        1.0
    """
    middle = (true.shape[-1] + 1) / 2
    one, other = mean_ranks(true) - middle, mean_ranks(predicted) - middle
    spread = np.sqrt(np.square(one).sum(axis=-1) * np.square(other).sum(axis=-1))
    return np.asarray((one * other).sum(axis=-1) / np.where(spread > 0, spread, np.nan))


def mean_ranks(values: Floats) -> Floats:
    """The rank of each of ``(…, n)`` values along the last axis, from 1; of equals their mean.

    Examples:
        >>> mean_ranks(np.array([5.0, 1.0, 5.0])).tolist()
        [2.5, 1.0, 2.5]
    """
    order = np.argsort(values, axis=-1)
    rising = np.take_along_axis(values, order, axis=-1)
    apart = rising[..., 1:] != rising[..., :-1]
    edge = np.ones((*values.shape[:-1], 1), bool)
    place = np.arange(values.shape[-1])
    first = np.where(np.concatenate([edge, apart], axis=-1), place, 0)
    first = np.maximum.accumulate(first, axis=-1)
    last = np.where(np.concatenate([apart, edge], axis=-1), place, len(place))
    last = np.minimum.accumulate(last[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    return ranks


def _varies(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(values.max(axis=-1) > values.min(axis=-1))


# --- the best constant ---------------------------------------------------------------------------


def shortest_half(true: Floats) -> float:
    """The middle of the shortest range that holds more than half of ``(n,)`` values.

    Rousseeuw 1984, "Least median of squares regression", Sec. 2: no constant has a lower median
    absolute error (where the number of values is even, none has one that is lower by more than what
    is between the two middle ones).

    Examples:
        >>> shortest_half(np.array([0.0, 1.0, 2.0, 50.0, 90.0]))
        1.0
    """
    rising = np.sort(true)
    half = len(rising) // 2 + 1
    at = int(np.argmin(rising[half - 1 :] - rising[: len(rising) - half + 1]))
    return float(rising[at] + rising[at + half - 1]) / 2


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One way to judge numbers.

    Attributes:
        key: what it is called in JSON.
        name: for people.
        of: true and predicted values, ``(…, n)`` each, to ``(…)``.
        constant: the constant prediction that is best by it; None where every constant has
            `constant_value`.
        constant_value: see there; NaN where it is undefined of a constant.
        has_unit: whether it is in the target's unit.
    """

    key: str
    name: str
    of: Callable[[Floats, Floats], Floats]
    constant: Callable[[Floats], Any] | None = None
    constant_value: float = float("nan")
    has_unit: bool = True

    def baseline(self, true: Floats) -> float:
        """What the best constant prediction has; NaN of one value, which any constant may be."""
        if true.shape[-1] < 2:
            return float("nan")
        if self.constant is None:
            return self.constant_value
        return float(self.of(true, np.full_like(true, self.constant(true))))


METRICS = (
    Metric(key="mae", name="mean absolute error", of=mean_absolute_error, constant=np.median),
    Metric(
        key="rmse", name="root mean squared error", of=root_mean_squared_error, constant=np.mean
    ),
    Metric(
        key="median_error",
        name="median absolute error",
        of=median_absolute_error,
        constant=shortest_half,
    ),
    Metric(
        key="r2",
        name="R² (explained variance)",
        of=r_squared,
        constant_value=0.0,
        has_unit=False,
    ),
    Metric(key="spearman", name="Spearman's rank correlation", of=spearman, has_unit=False),
)


# --- by range ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ValueRange:
    """The images whose true value lies in a range.

    Attributes:
        low: least true value among them.
        high: largest.
        images: how many.
        mae: their mean absolute error.
        rmse: their root mean squared error.
        bias: mean of predicted less true: above 0 where too much is predicted.
    """

    low: float
    high: float
    images: int
    mae: float
    rmse: float
    bias: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def by_range(true: Floats, predicted: Floats, most: int = RANGES) -> tuple[ValueRange, ...]:
    """Errors by range of the true value, each of as many images as equal values allow.

    Args:
        true: (n,).
        predicted: (n,).
        most: of ranges; equal values are never divided.
    """
    cuts = np.quantile(true, np.linspace(0, 1, most + 1)[1:-1], method="inverted_cdf")
    which = np.searchsorted(np.unique(cuts), true, side="left")
    found = []
    for at in np.unique(which):
        own, given = true[which == at], predicted[which == at]
        found.append(
            ValueRange(
                low=float(own.min()),
                high=float(own.max()),
                images=len(own),
                mae=float(mean_absolute_error(own, given)),
                rmse=float(root_mean_squared_error(own, given)),
                bias=float((given - own).mean()),
            )
        )
    return tuple(found)
