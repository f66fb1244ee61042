"""Every printed figure against a second source: scikit-learn, a closed form, or plain counting."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)

from striate.errors import TrainingError
from striate.evaluation.metrics import calibrate, measure, ranks, wilson


def sample(images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that lean to the right class, and labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes)) * 1.5
    logits[np.arange(images), labels] += 1.5
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32), labels


def names(count: int) -> list[str]:
    return [f"class {i}" for i in range(count)]


@pytest.mark.parametrize(("images", "classes"), [(500, 7), (300, 20), (40, 2)])
def test_figures_agree_with_scikit_learn(images: int, classes: int) -> None:
    shares, labels = sample(images, classes)
    found = measure(shares, labels, names(classes))
    predicted = shares.argmax(1)
    every = np.arange(classes)
    assert found.top1 == pytest.approx(accuracy_score(labels, predicted))
    if classes > 5:
        expected = top_k_accuracy_score(labels, shares, k=5, labels=every)
        assert found.top5 == pytest.approx(expected)
    else:
        assert found.top5 == 1.0
    normed = shares.astype(np.float64) / shares.astype(np.float64).sum(1, keepdims=True)
    assert found.loss == pytest.approx(log_loss(labels, normed, labels=every), abs=1e-6)
    for score, key in [(precision_score, "precision"), (recall_score, "recall"), (f1_score, "f1")]:
        expected = score(labels, predicted, labels=every, average=None, zero_division=0)
        assert [getattr(each, key) for each in found.per_class] == pytest.approx(list(expected))


def test_confusion_counts_true_rows_and_predicted_columns() -> None:
    shares, labels = sample(200, 4)
    found = measure(shares, labels, names(4))
    by_hand = np.zeros((4, 4), int)
    for true, row in zip(labels, shares, strict=True):
        by_hand[true, max(range(4), key=lambda k: row[k])] += 1
    assert np.array_equal(found.confusion, by_hand)
    assert [each.images for each in found.per_class] == list(by_hand.sum(1))
    assert [each.predicted for each in found.per_class] == list(by_hand.sum(0))
    assert found.baseline == by_hand.sum(1).max() / 200


def test_small_case_by_hand() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]], np.float32)
    found = measure(shares, np.array([0, 1, 1]), ["a", "b", "c"])
    assert found.top1 == 2 / 3
    assert found.baseline == 2 / 3
    assert found.loss == pytest.approx(-(math.log(0.7) + math.log(0.3) + math.log(0.8)) / 3)
    # Three bins of one image each: |1-.7|, |0-.6|, |1-.8|, each weighing a third.
    assert found.ece == pytest.approx((0.3 + 0.6 + 0.2) / 3, abs=1e-6)
    absent = found.per_class[2]
    assert (absent.images, absent.precision, absent.recall, absent.f1) == (0, 0.0, 0.0, 0.0)


def test_ece_is_the_weighted_gap_of_fifteen_bins() -> None:
    shares, labels = sample(1000, 6, seed=3)
    found = measure(shares, labels, names(6))
    confidence = shares.max(1).astype(np.float64)
    right = shares.argmax(1) == labels
    total = 0.0
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert found.ece == pytest.approx(total)
    assert sum(b.images for b in found.calibration) == 1000
    assert len(found.calibration) == 15


def test_bins_are_closed_above() -> None:
    bins = calibrate(np.array([0.0, 0.2, 0.20001, 1.0]), np.array([True, True, False, True]), 5)
    assert [b.images for b in bins] == [2, 1, 0, 0, 1]
    assert bins[4].confidence == 1.0
    assert bins[2].accuracy == 0.0


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_interval_gives_the_published_figures(
    hits: int, trials: int, low: float, high: float
) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000), st.data())
def test_wilson_holds_the_share_and_stays_a_share(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    low, high = wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1
    assert low < high


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_ranks_agree_with_sorting(seed: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    shares = (random.integers(0, 5, (20, classes)) / 5).astype(np.float32)  # many equals
    labels = random.integers(0, classes, 20)
    order = np.argsort(-shares, axis=1, kind="stable")
    expected = [list(row).index(label) for row, label in zip(order, labels, strict=True)]
    assert ranks(shares, labels).tolist() == expected
    assert (ranks(shares, labels) == 0).tolist() == (shares.argmax(1) == labels).tolist()


def test_a_probability_of_zero_leaves_the_loss_finite() -> None:
    shares = np.array([[1.0, 0.0]], np.float32)
    assert measure(shares, np.array([1]), ["a", "b"]).loss == pytest.approx(87.3, abs=0.1)


def test_json_holds_the_promised_keys_and_is_json() -> None:
    shares, labels = sample(60, 6)
    document = json.loads(json.dumps(measure(shares, labels, names(6)).to_json(), allow_nan=False))
    promised = {"images", "top1", "top5", "loss", "ece", "interval", "per_class", "confusion"}
    assert promised <= document.keys()
    assert document["per_class"][0].keys() >= {"class", "images", "precision", "recall", "f1"}
    assert document["interval"][0] < document["top1"] < document["interval"][1]
    assert np.sum(document["confusion"]) == 60


def test_unsound_probabilities_are_refused() -> None:
    shares = np.array([[np.nan, 1.0], [0.5, 0.5]], np.float32)
    with pytest.raises(TrainingError, match="1 of 2 images"):
        measure(shares, np.array([0, 1]), ["a", "b"])
    with pytest.raises(ValueError, match="3 classes"):
        measure(np.ones((2, 2), np.float32), np.array([0, 1]), ["a", "b", "c"])
    with pytest.raises(ValueError, match="0 labels"):
        measure(np.ones((0, 2), np.float32), np.array([], int), ["a", "b"])
