"""Figures are scikit-learn's and SciPy's; the best constant is the best of many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]
from sklearn import metrics as sklearn

from striate.evaluation.regression.metrics import (
    METRICS,
    Floats,
    by_range,
    mean_ranks,
    r_squared,
    spearman,
)

OF = {each.key: each for each in METRICS}


def made(images: int, *, whole: bool = False, seed: int = 0) -> tuple[Floats, Floats]:
    """True values, and predictions that know something of them; `whole` ones are often equal."""
    random = np.random.default_rng(seed)
    true = random.gamma(2, 5, images)
    predicted = true + random.normal(size=images) * 3
    return (np.round(true), np.round(predicted)) if whole else (true, predicted)


GIVEN = [made(500), made(500, whole=True), made(7, seed=3), made(2, seed=1)]


@pytest.mark.parametrize("given", GIVEN)
def test_figures_are_those_of_scikit_learn_and_scipy(given: tuple[Floats, Floats]) -> None:
    expected = {
        "mae": sklearn.mean_absolute_error(*given),
        "rmse": sklearn.root_mean_squared_error(*given),
        "median_error": sklearn.median_absolute_error(*given),
        "r2": sklearn.r2_score(*given),
        "spearman": stats.spearmanr(*given).statistic,
    }
    assert {key: float(OF[key].of(*given)) for key in expected} == pytest.approx(expected)
    assert mean_ranks(given[1]) == pytest.approx(stats.rankdata(given[1]))


def test_many_samples_at_once_are_each_one_alone() -> None:
    true, predicted = made(60, whole=True)
    rows = np.random.default_rng(1).integers(0, 60, (5, 60))
    for metric in METRICS:
        alone = [float(metric.of(true[row], predicted[row])) for row in rows]
        assert metric.of(true[rows], predicted[rows]) == pytest.approx(alone)


def test_no_constant_is_better_than_the_best() -> None:
    for true in (made(51)[0], made(80)[0], made(41, whole=True)[0]):
        tried = np.linspace(true.min(), true.max(), 2_001)
        for key, within in (("mae", 1e-9), ("rmse", 1e-9), ("median_error", 0.2)):
            metric = OF[key]
            best = min(float(metric.of(true, np.full_like(true, each))) for each in tried)
            # Of the median error of an even number the middle pair counts, which may be apart.
            slack = within if key != "median_error" or len(true) % 2 == 0 else 1e-9
            assert metric.baseline(true) <= best + slack, key
    assert OF["r2"].baseline(true) == 0
    assert np.isnan(OF["spearman"].baseline(true))


def test_what_is_undefined_is_not_a_number() -> None:
    same, other = np.full(4, 3.0), np.arange(4.0)
    assert np.isnan(r_squared(same, other))
    assert np.isnan(spearman(same, other))
    assert np.isnan(spearman(other, same))


def test_ranges_hold_every_image_once_and_equal_values_together() -> None:
    true, predicted = made(1_000, whole=True)
    found = by_range(true, predicted)
    assert sum(each.images for each in found) == 1_000
    assert all(one.high < other.low for one, other in itertools.pairwise(found))
    first = true <= found[0].high
    assert found[0].images == first.sum()
    assert found[0].bias == pytest.approx((predicted - true)[first].mean())
    mean = sum(each.mae * each.images for each in found) / 1_000
    assert mean == pytest.approx(np.abs(predicted - true).mean())
    assert len(by_range(np.full(9, 2.0), predicted[:9])) == 1
