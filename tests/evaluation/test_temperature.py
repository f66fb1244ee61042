"""A temperature is that of scipy's optimiser, and its figures are of images not fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from striate.evaluation.metrics import measure
from striate.evaluation.temperature import (
    FOLDS,
    HOTTEST,
    fit_temperature,
    folds,
    scaling_of,
)
from striate.runs.calibration import with_temperature

Made = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]


def made(sharpness: float, images: int = 4000, classes: int = 5, seed: int = 0) -> Made:
    """Probabilities that are honest at temperature `sharpness`; their logits; the labels."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=(images, classes)) * 1.5
    shares = softmax(honest, axis=1)
    labels = (random.random((images, 1)) < shares.cumsum(axis=1)).argmax(axis=1)
    logits = honest * sharpness
    return softmax(logits, axis=1).astype(np.float32), logits, labels


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 2.5, 8.0])
def test_it_is_where_the_log_loss_is_least(sharpness: float) -> None:
    shares, logits, labels = made(sharpness)

    def loss(temperature: float) -> float:
        return -float(log_softmax(logits / temperature, axis=1)[np.arange(4000), labels].mean())

    wanted = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9})
    found = fit_temperature(shares, labels)
    assert found == pytest.approx(wanted.x, rel=1e-3)
    assert loss(found) <= wanted.fun + 1e-9
    assert found == pytest.approx(sharpness, rel=0.1)
    assert fit_temperature(shares, labels, start=HOTTEST) == pytest.approx(found, rel=1e-6)


def test_probabilities_at_a_temperature_are_those_of_divided_logits() -> None:
    shares, logits, _ = made(2.0)
    found = with_temperature(shares, 3.0)
    assert found == pytest.approx(softmax(logits / 3.0, axis=1), abs=1e-6)
    assert found.dtype == np.float32
    assert (found.argmax(axis=1) == shares.argmax(axis=1)).all()
    assert with_temperature(shares, 1.0) is shares
    certain = np.array([[1.0, 0.0]], np.float32)
    assert np.isfinite(with_temperature(certain, 5.0)).all()


def test_what_calibrating_does_is_judged_on_other_images() -> None:
    shares, _, labels = made(3.0)
    found = scaling_of(shares, labels)
    assert found is not None
    raw = measure(shares, labels, "abcde")
    assert (found.before.ece, found.before.loss) == (raw.ece, raw.loss)
    assert found.before.bins == raw.calibration
    by_hand = shares.copy()
    for fold in folds(len(labels)):
        rest = np.setdiff1d(np.arange(len(labels)), fold)
        by_hand[fold] = with_temperature(shares[fold], fit_temperature(shares[rest], labels[rest]))
    judged = measure(by_hand, labels, "abcde")
    assert found.after.ece == pytest.approx(judged.ece, abs=1e-6)
    assert found.after.loss == pytest.approx(judged.loss, abs=1e-6)
    assert found.helps
    assert found.after.ece < found.before.ece / 2
    used = scaling_of(shares, labels, used=3.0, elsewhere=True)
    assert used is not None
    assert used.after.loss == pytest.approx(
        measure(with_temperature(shares, 3.0), labels, "abcde").loss
    )
    assert not used.crossed


def test_probabilities_that_are_honest_are_left_alone() -> None:
    shares, _, labels = made(1.0)
    found = scaling_of(shares, labels)
    assert found is not None
    assert found.fitted == pytest.approx(1, abs=0.05)
    assert not found.helps


@pytest.mark.parametrize(("images", "right"), [(19, 5), (40, 40), (40, 0)])
def test_where_no_temperature_is_the_best(images: int, right: int) -> None:
    shares = np.tile(np.array([[0.8, 0.2]], np.float32), (images, 1))
    labels = (np.arange(images) >= right).astype(np.int64)
    assert scaling_of(shares, labels) is None


def test_every_image_is_in_one_fold() -> None:
    parts = folds(23)
    assert len(parts) == FOLDS
    assert sorted(np.concatenate(parts).tolist()) == list(range(23))
