"""Intervals of figures: SciPy's, and as wide for many images as theory says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from striate.evaluation.regression.bootstrap import MOST_DRAWN, intervals
from striate.evaluation.regression.metrics import METRICS, mean_absolute_error


def test_intervals_are_as_scipy_finds_them() -> None:
    random = np.random.default_rng(4)
    true = random.normal(size=120)
    predicted = true + random.normal(size=120)
    for metric, (low, high) in zip(METRICS, intervals(true, predicted, METRICS), strict=True):
        other = stats.bootstrap(
            (true, predicted),
            lambda one, two, axis, of=metric.of: of(one, two),
            paired=True,
            vectorized=True,
            method="percentile",
            n_resamples=2_000,
            random_state=np.random.default_rng(0),
        ).confidence_interval
        near = 0.12 * (other.high - other.low)
        assert low == pytest.approx(other.low, abs=near), metric.key
        assert high == pytest.approx(other.high, abs=near), metric.key


def test_of_many_images_fewer_are_drawn_and_the_interval_is_that_of_all() -> None:
    random = np.random.default_rng(0)
    images = 20 * MOST_DRAWN
    errors = random.exponential(size=images)
    ((low, high),) = intervals(np.zeros(images), errors, METRICS[:1])
    mean = float(mean_absolute_error(np.zeros(images), errors))
    wide = 2 * 1.96 * errors.std() / images**0.5
    assert low < mean < high
    assert high - low == pytest.approx(wide, rel=0.15)


def test_the_same_seed_gives_the_same_bits_and_what_is_undefined_has_none() -> None:
    random = np.random.default_rng(0)
    true, predicted = random.normal(size=(2, 40))
    assert intervals(true, predicted, METRICS) == intervals(true, predicted, METRICS)
    assert intervals(true, predicted, METRICS) != intervals(true, predicted, METRICS, seed=1)
    undefined = intervals(np.ones(40), predicted, METRICS[3:])
    assert np.isnan(undefined).all()
