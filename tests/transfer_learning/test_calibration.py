"""Sigmoids against autograd, and against probabilities that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from striate.hub.heads import Sigmoids
from striate.transfer_learning.heads import calibration
from striate.transfer_learning.heads.calibration import OFFSET, SLOPE, calibrate


def held_out(images: int, classes: int, seed: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    scores = random.normal(size=(images, classes)) - 1
    scores[np.arange(images), labels] += signal
    return scores, labels


def module_of(found: calibration.Calibration) -> Sigmoids:
    module = Sigmoids(len(found.slopes)).double()
    module.slope = torch.from_numpy(-found.slopes).requires_grad_()
    module.offset = torch.from_numpy(-found.offsets).requires_grad_()
    return module


@pytest.mark.parametrize(("images", "classes"), [(6, 3), (60, 2), (400, 5)])
@pytest.mark.parametrize("uneven", [False, True])
def test_they_are_the_likeliest_given_the_prior(images: int, classes: int, uneven: bool) -> None:
    scores, labels = held_out(images, classes, 0, 1.5)
    weights = np.where(labels == 0, 3.0, 0.5) if uneven else None
    found = calibrate(scores, labels, weights)
    module = module_of(found)
    logits = module(torch.from_numpy(scores))
    assert logits.softmax(1).detach().numpy() == pytest.approx(found.shares(scores))
    # What autograd finds of the head's own arithmetic and of the prior adds up to nothing.
    losses = F.cross_entropy(logits, torch.from_numpy(labels), reduction="none")
    (losses * torch.tensor(1.0 if weights is None else weights)).sum().backward()
    assert module.slope.grad is not None
    assert module.offset.grad is not None
    alone, together = calibration._OWN, calibration._SHARED
    for values, prior, slope, at in (
        (np.log(found.slopes), np.log(SLOPE), -module.slope.grad.numpy() * found.slopes, 0),
        (found.offsets, OFFSET, -module.offset.grad.numpy(), 1),
    ):
        # What the classes share is where both penalties pull alike.
        total = alone[at] * classes + together[at]
        shared = (alone[at] * values.sum() + together[at] * prior) / total
        assert slope + 2 * alone[at] * (values - shared) == pytest.approx(0, abs=0.02)


def test_probabilities_that_are_known_are_found() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(4_000, 3))
    slopes, offsets = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -1.0])
    known = calibration.Calibration(slopes=slopes, offsets=offsets, images=1, loss=1.0)
    shares = known.shares(scores)
    labels = (shares.cumsum(1) < random.random((len(scores), 1))).sum(1)
    assert np.abs(calibrate(scores, labels).shares(scores) - shares).mean() < 0.03


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("images", [4, 40, 4000])
def test_scores_that_speak_against_their_classes_are_not_turned_round(
    images: int, classes: int
) -> None:
    scores, labels = held_out(images, classes, 1, -2.0)
    found = calibrate(scores, labels)
    assert (found.slopes > 0).all()
    # The higher a score, the likelier its class, and not by much: that is what there is to say.
    steps = found.shares(np.linspace(-2, 2, 9)[:, None] * np.eye(classes)[0])[:, 0]
    assert (np.diff(steps) > 0).all()
    assert "hardly separate" in found.note


def test_without_held_out_images_they_are_the_usual_ones() -> None:
    found = calibrate(np.empty((0, 3)), np.empty(0, np.int64))
    assert found.slopes == pytest.approx(SLOPE)
    assert found.offsets == pytest.approx(OFFSET)
    assert "no image could be held out" in found.note
    assert calibrate(*held_out(30, 3, 0, 2.0)).note == ""


def test_a_class_that_was_never_held_out_has_the_slope_of_all() -> None:
    scores, labels = held_out(300, 3, 0, 2.0)
    kept = labels != 2
    found = calibrate(scores[kept], labels[kept])
    assert found.slopes[2] == pytest.approx(found.slopes[:2].mean(), rel=0.5)
    assert np.isfinite(found.shares(scores)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 1e6, -1e6])
def test_scores_that_are_all_alike_warn_of_nothing(value: float) -> None:
    found = calibrate(np.full((6, 3), value), np.arange(6) % 3)
    assert found.shares(np.full((1, 3), value)) == pytest.approx(1 / 3, abs=0.01)
