"""How sure a figure of numbers is: the percentile bootstrap, in bounded time and memory.

Efron and Tibshirani 1993, "An Introduction to the Bootstrap", Sec. 13.3. Of many images fewer are
drawn than there are, and the interval shrunk by the root of the ratio (Bickel, Götze and van Zwet
1997, "Resampling fewer than n observations"): a million images cost what `MOST_DRAWN` do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.regression.metrics import Floats, Metric

SAMPLES = 1_000
"""Samples with replacement that an interval is taken from."""
MOST_DRAWN = 5_000
"""Images of a sample at most."""
#: Values that are looked at together, which bounds memory.
_CELLS = 500_000


def intervals(
    true: Floats, predicted: Floats, metrics: Sequence[Metric], *, seed: int = 0
) -> list[tuple[float, float]]:
    """The 95 % interval of each of `metrics`; NaN where it is undefined in most samples.

    One image alone tells nothing of how others would differ: NaN too.

    Args:
        true: (n,).
        predicted: (n,).
        metrics: that are wanted.
        seed: decides the samples: the same ones for all metrics, and for every target.
    """
    n = len(true)
    if n < 2:
        return [(float("nan"), float("nan"))] * len(metrics)
    drawn = min(n, MOST_DRAWN)
    random = np.random.default_rng(seed)
    at_once = max(_CELLS // drawn, 1)
    found: list[NDArray[np.float64]] = []
    for begin in range(0, SAMPLES, at_once):
        samples = random.integers(0, n, (min(at_once, SAMPLES - begin), drawn))
        one, other = true[samples], predicted[samples]
        found.append(np.stack([metric.of(one, other) for metric in metrics]))
    shrunk = (drawn / n) ** 0.5
    return [
        _interval(values, float(metric.of(true, predicted)), shrunk)
        for metric, values in zip(metrics, np.concatenate(found, axis=1), strict=True)
    ]


def _interval(values: Floats, of_all: float, shrunk: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if 2 * len(defined) <= len(values) or not np.isfinite(of_all):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, (0.025, 0.975))
    return of_all + shrunk * (float(low) - of_all), of_all + shrunk * (float(high) - of_all)
