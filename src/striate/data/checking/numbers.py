"""The numbers that images are answered with: how they spread, and which stand apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import concatenated
from striate.data.images import ImageSet

QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}
FAR = 5.0
"""Standard deviations, as the median absolute deviation gives them, beyond which a value is far."""
_TO_DEVIATIONS = 1.4826  # of a normal distribution
_BINS = 12
_MOST_BINS = 24  # where each is a whole number


@dataclass(frozen=True)
class Outlier:
    """An image whose value is far from the others."""

    name: str
    split: str
    value: float


@dataclass(frozen=True, kw_only=True)
class TargetReport:
    """What a target is like.

    Attributes:
        name: of the target.
        unit: of its values; empty for none.
        distinct: how many different values there are.
        splits: by split ``count``, ``mean``, ``std`` and the `QUANTILES`.
        edges: of the histogram's bins, one more than there are; each bin holds its lower edge, the
            last one both.
        histogram: images in each bin, by split.
        outliers: the images that are farther from the median of all than `FAR`, the farthest first.
    """

    name: str
    unit: str
    distinct: int
    splits: dict[str, dict[str, float]]
    edges: tuple[float, ...]
    histogram: dict[str, tuple[int, ...]]
    outliers: tuple[Outlier, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data with the fields' names."""
        return asdict(self)


def describe(splits: Mapping[str, ImageSet]) -> tuple[TargetReport, ...]:
    """What each target of the images is like; nothing where they have classes."""
    full = {split: images for split, images in splits.items() if len(images)}
    targets = next((images.targets for images in full.values()), ())
    return tuple(_described(place, full) for place in range(len(targets)))


def _described(place: int, splits: Mapping[str, ImageSet]) -> TargetReport:
    """What the target at that place is like."""
    columns = {
        split: images.values[:, place]
        for split, images in splits.items()
        if images.values is not None
    }
    whole = np.concatenate(list(columns.values()))
    target = next(iter(splits.values())).targets[place]
    edges = _edges(whole)
    return TargetReport(
        name=target.name,
        unit=target.unit,
        distinct=len(np.unique(whole)),
        splits={split: _figures(column) for split, column in columns.items()},
        edges=tuple(edges.tolist()),
        histogram={
            split: tuple(np.histogram(column, edges)[0].tolist())
            for split, column in columns.items()
        },
        outliers=_outliers(whole, splits),
    )


def _figures(values: NDArray[np.float64]) -> dict[str, float]:
    at = np.quantile(values, list(QUANTILES.values()))
    return {
        "count": len(values),
        **dict(zip(QUANTILES, at.tolist(), strict=True)),
        "mean": float(values.mean()),
        "std": float(values.std()),
    }


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bin for each whole number, of a few; else bins of equal width."""
    low, high = float(values.min()), float(values.max())
    # Larger numbers are all whole, and lie farther apart than 1.
    whole = bool((values == np.floor(values)).all()) and max(-low, high) < 2**53
    if whole and high - low < _MOST_BINS:
        return np.arange(low, high + 2)
    if low == high:
        return np.array([low, np.nextafter(low, np.inf)])
    return np.linspace(low, high, _BINS + 1)


def _outliers(values: NDArray[np.float64], splits: Mapping[str, ImageSet]) -> tuple[Outlier, ...]:
    """Images far from the median; none where half have one value, which tells no scale."""
    away = np.abs(values - np.median(values))
    scale = float(np.median(away)) * _TO_DEVIATIONS
    if not scale > 0:
        return ()
    names = concatenated([images.names for images in splits.values()])
    of = np.repeat(np.arange(len(splits)), [len(images) for images in splits.values()])
    far = np.flatnonzero(away > FAR * scale)
    order = far[np.argsort(-away[far], kind="stable")]
    called = list(splits)
    return tuple(Outlier(names[at], called[of[at]], float(values[at])) for at in order.tolist())
