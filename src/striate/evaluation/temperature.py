"""Probabilities calibrated by a temperature, and how honest that makes them.

Guo et al. 2017, "On Calibration of Modern Neural Networks", Sec. 4.2: the logits are divided by one
number T that is fitted to held-out images by their log loss. Which class is the likeliest stays the
same. Of probabilities alone, whatever they come from, the same is p^(1/T), divided by its sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.metrics import (
    CalibrationBin,
    calibrate,
    expected_error,
    negative_log_likelihood,
)
from striate.runs.calibration import logs_of, with_temperature

FOLDS = 10
"""Parts of the images, each of which is judged by a temperature that was fitted to the others."""
FEWEST = 20
"""Images to which a temperature may be fitted; with fewer it is chance."""
HOTTEST = 20.0
"""Temperatures lie between 1 / 20 and 20; beyond, something else is wrong."""
WORTH = 0.01
"""Expected calibration error, as a share, that calibrating has to take away to be worth it."""

_STEPS = 60
_EXACT = 1e-9

Floats = NDArray[np.float64]
Shares = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How far the probabilities of some images can be taken at their word.

    Attributes:
        loss: mean negative log likelihood, in nats.
        ece: expected calibration error.
        bins: images by their confidence.
    """

    loss: float
    ece: float
    bins: tuple[CalibrationBin, ...]

    @classmethod
    def of(cls, probabilities: Shares, labels: NDArray[np.int64]) -> Reliability:
        """That of `probabilities`, (images, classes)."""
        right = probabilities.argmax(axis=1) == labels
        bins = calibrate(probabilities.max(axis=1), right)
        loss = negative_log_likelihood(probabilities, labels)
        return cls(loss=loss, ece=expected_error(bins), bins=bins)


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What a temperature does to the probabilities of held-out images.

    Attributes:
        used: the temperature that the probabilities have; 1 where they are not calibrated.
        fitted: the one that suits these images best.
        crossed: whether `after` is cross-fitted: every image is then judged by a temperature that
            was fitted to other images. It is that of `used` where this was fitted elsewhere.
        before: the network's own probabilities.
        after: calibrated.
    """

    used: float
    fitted: float
    crossed: bool
    before: Reliability
    after: Reliability

    @property
    def helps(self) -> bool:
        """Whether calibrating makes the probabilities clearly better."""
        return self.after.loss < self.before.loss and self.gain >= WORTH

    @property
    def gain(self) -> float:
        """By how much the expected calibration error falls."""
        return self.before.ece - self.after.ece

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def fit_temperature(
    probabilities: Shares, labels: NDArray[np.int64], *, start: float = 1.0
) -> float:
    """The temperature at which the log loss is least, between 1 / `HOTTEST` and `HOTTEST`.

    The loss is convex in 1 / T, whose place is found by Newton's method between two bounds.

    Args:
        probabilities: (images, classes), of a network as it is.
        labels: (images,).
        start: where to begin.
    """
    return _fitted(_distances(probabilities, labels), start)


def scaling_of(
    probabilities: Shares, labels: NDArray[np.int64], *, used: float = 1.0, elsewhere: bool = False
) -> Scaling | None:
    """What a temperature does to these images; None where they are too few, or all of one kind.

    Without an image that is classified wrongly, or without one that is classified correctly, no
    temperature is the best.

    Args:
        probabilities: the network's own, (images, classes).
        labels: (images,).
        used: the temperature that is in use.
        elsewhere: it was fitted to other images.
    """
    wrong = int((probabilities.argmax(axis=1) != labels).sum())
    if len(labels) < FEWEST or wrong in (0, len(labels)):
        return None
    distances = _distances(probabilities, labels)
    fitted = _fitted(distances, 1.0)
    if elsewhere:
        after = with_temperature(probabilities, used)
    else:
        after = np.empty_like(probabilities)
        for fold in folds(len(labels)):
            others = np.delete(distances, fold, axis=0)
            after[fold] = with_temperature(probabilities[fold], _fitted(others, fitted))
    return Scaling(
        used=used,
        fitted=fitted,
        crossed=not elsewhere,
        before=Reliability.of(probabilities, labels),
        after=Reliability.of(after, labels),
    )


def folds(images: int) -> Sequence[NDArray[np.int64]]:
    """The images' numbers in `FOLDS` parts, drawn by a generator of their own."""
    return np.array_split(np.random.default_rng(0).permutation(images), FOLDS)


def _distances(probabilities: Shares, labels: NDArray[np.int64]) -> Floats:
    """How far each class's logarithm lies above that of the true one, (images, classes)."""
    logs = logs_of(probabilities)
    logs -= np.take_along_axis(logs, labels[:, None], axis=1)
    return logs


def _fitted(distances: Floats, start: float) -> float:
    """The temperature at which the mean of ``log sum exp(distances / T)`` is least."""
    low, high = 1 / HOTTEST, HOTTEST
    inverse = 1 / start
    for _ in range(_STEPS):
        slope, curvature = _derivatives(distances, inverse)
        if slope > 0:
            high = inverse
        else:
            low = inverse
        found = inverse - slope / curvature if curvature > 0 else low
        if not low < found < high:
            found = (low * high) ** 0.5
        if abs(found - inverse) <= _EXACT * inverse:
            break
        inverse = found
    return 1 / inverse


def _derivatives(distances: Floats, inverse: float) -> tuple[float, float]:
    """The first and the second of the loss, by 1 / T: mean and variance of the distances."""
    weights = distances * inverse
    weights -= weights.max(axis=1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    means = np.einsum("nk,nk->n", weights, distances)
    squares = np.einsum("nk,nk,nk->n", weights, distances, distances)
    return float(means.mean()), float((squares - means**2).mean())
