"""Intervals hold the true value as often as they say, on images that they never saw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import betabinom  # type: ignore[import-untyped]

from striate.evaluation.regression.conformal import (
    FOLDS,
    LEVELS,
    covered,
    cross_fitted,
    folds,
    half_width,
    half_widths,
)


def test_coverage_over_twenty_splits_is_what_is_promised() -> None:
    """Errors of every kind; that of one split follows a beta-binomial distribution exactly."""
    random = np.random.default_rng(7)
    images = 400
    errors = np.abs(random.standard_t(2, size=2 * images) * random.gamma(1, 3, 2 * images))
    hits = np.zeros((20, len(LEVELS)))
    for split in hits:
        order = random.permutation(2 * images)
        taken, others = errors[order[:images]], errors[order[images:]]
        split[:] = [each.covered for each in covered(others, half_widths(taken))]
    for level, found in zip(LEVELS, hits.T, strict=True):
        place = math.ceil((images + 1) * level - 1e-9)
        exact = betabinom(images, place, images + 1 - place)
        assert exact.mean() / images == pytest.approx(level, abs=0.003)
        low, high = exact.ppf(0.0005), exact.ppf(0.9995)
        assert ((low <= found) & (found <= high)).all()
        # The images are the same in all splits, of which each uses another half.
        assert found.mean() == pytest.approx(exact.mean(), abs=1.96 * exact.std() / 20**0.5)


def test_cross_fitted_coverage_is_that_of_new_images() -> None:
    random = np.random.default_rng(0)
    found = cross_fitted(random.exponential(size=3_000))
    others = random.exponential(size=100_000)
    for each in found:
        assert each.interval[0] < each.level < each.interval[1]
        assert (others <= each.half_width).mean() == pytest.approx(each.level, abs=0.02)


def test_cross_fitting_sees_what_a_fit_to_the_same_images_hides() -> None:
    """Of twenty images, all that an interval of 95 % was taken from lie in it, by construction."""
    errors = np.random.default_rng(1).exponential(size=(200, 40))
    seen = [int((row <= half_width(row, 0.95)).sum()) for row in errors]
    crossed = [cross_fitted(row, levels=(0.95,))[0].covered for row in errors]
    assert np.mean(seen) / 40 == pytest.approx(0.975)
    assert np.mean(crossed) / 40 == pytest.approx(0.96, abs=0.015)


def test_a_level_that_needs_more_images_has_no_end() -> None:
    few = np.arange(1.0, 9.0)
    assert half_width(few, 0.8) == 8
    assert half_width(few, 0.9) == math.inf
    found = cross_fitted(few, levels=(0.95,))[0]
    assert found.to_json()["half_width"] is None
    assert cross_fitted(np.array([2.0]))[0].half_width == math.inf


def test_equal_images_are_in_the_same_part() -> None:
    groups = [f"{at % 50}" for at in range(200)]
    parts = folds(200, groups)
    assert all(len(set(parts[at::50])) == 1 for at in range(50))
    assert np.bincount(parts, minlength=FOLDS).tolist() == [20] * FOLDS
    assert np.array_equal(parts, folds(200, groups))
