"""Curves, areas and coefficients are scikit-learn's; coverage is counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from striate.evaluation.metrics import measure
from striate.evaluation.ranking import GRID, MOST_CURVES, ranking_of

Made = tuple[NDArray[np.float32], NDArray[np.int64]]


def made(images: int, classes: int, *, levels: int = 0, seed: int = 0) -> Made:
    """Probabilities that know something of the labels; with `levels`, many of them are equal."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), labels] += 1
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if levels:
        shares = np.ceil(shares * levels) / levels
        shares /= shares.sum(1, keepdims=True)
    return shares.astype(np.float32), labels


@pytest.mark.parametrize(
    "given", [made(500, 4), made(500, 4, levels=5), made(40, 7, levels=2, seed=3), made(8, 5)]
)
def test_areas_and_coefficients_are_those_of_scikit_learn(given: Made) -> None:
    shares, labels = given
    names = [str(each) for each in range(shares.shape[1])]
    found = measure(shares, labels, names)
    areas, precisions = [], []
    for label, curves in enumerate(found.ranking.classes):
        true = labels == label
        if not 0 < true.sum() < len(true):
            assert math.isnan(curves.roc_area)
            continue
        areas.append(sklearn.roc_auc_score(true, shares[:, label]))
        precisions.append(sklearn.average_precision_score(true, shares[:, label]))
        assert curves.roc_area == pytest.approx(areas[-1], abs=1e-12)
        assert curves.average_precision == pytest.approx(precisions[-1], abs=1e-12)
    assert found.ranking.mean.roc_area == pytest.approx(np.mean(areas), abs=1e-12)
    assert found.ranking.mean.average_precision == pytest.approx(np.mean(precisions), abs=1e-12)
    predicted = shares.argmax(1)
    assert found.balanced == pytest.approx(
        sklearn.balanced_accuracy_score(labels, predicted), abs=1e-12
    )
    assert found.macro_f1 == pytest.approx(
        sklearn.f1_score(labels, predicted, average="macro"), abs=1e-12
    )
    assert found.mcc == pytest.approx(sklearn.matthews_corrcoef(labels, predicted), abs=1e-12)


def test_curves_are_those_of_scikit_learn_on_a_grid() -> None:
    shares, labels = made(400, 3, levels=20)
    grid = np.linspace(0, 1, GRID)
    for label, curves in enumerate(ranking_of(shares, labels, "abc").classes):
        true = labels == label
        false, hits, _ = sklearn.roc_curve(true, shares[:, label], drop_intermediate=False)
        tops = [hits[false == each].max() for each in np.unique(false)]
        assert curves.roc == pytest.approx(np.interp(grid, np.unique(false), tops), abs=1e-12)
        precision, recall, _ = sklearn.precision_recall_curve(true, shares[:, label])
        for at, value in zip(grid, curves.precision, strict=True):
            # The last point of scikit-learn's curve is of no threshold.
            assert value == pytest.approx(precision[:-1][recall[:-1] >= at - 1e-12].max())


def test_coverage_by_hand() -> None:
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.5, 0.5]], np.float32)
    found = ranking_of(shares, np.array([0, 1, 1, 0]), "ab")
    by_threshold = {round(each.threshold, 3): each for each in found.coverage}
    assert [
        (by_threshold[at].coverage, by_threshold[at].accuracy) for at in (0, 0.5, 0.51, 0.7, 0.85)
    ] == [(1, 0.75), (1, 0.75), (0.75, pytest.approx(2 / 3)), (0.5, 0.5), (0.25, 1)]
    assert by_threshold[0.999].coverage == 0
    assert math.isnan(by_threshold[0.999].accuracy)
    best = found.threshold_for(0.9)
    assert best is not None
    assert best.threshold == pytest.approx(0.81)
    assert found.threshold_for(1.1) is None


def test_json_has_no_curves_of_many_classes_and_none_for_what_is_undefined() -> None:
    names = [str(each) for each in range(MOST_CURVES + 1)]
    shares, _ = made(30, len(names))
    found = ranking_of(shares, np.zeros(30, np.int64), names).to_json()
    assert found["mean"] == {"class": "", "roc_area": None, "average_precision": None}
    assert found["classes"][0]["roc_area"] is None
    assert "roc" not in found["classes"][1]
    assert found["coverage"][-1]["accuracy"] is None
    few, labels = made(30, 2)
    assert len(ranking_of(few, labels, "ab").to_json()["classes"][1]["roc"]) == GRID
