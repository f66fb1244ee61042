"""From the scores of support vector machines to probabilities.

For each class a sigmoid, `striate.hub.heads.Sigmoids`, whose values are divided by their sum over
the classes (Platt 1999; Zadrozny and Elkan 2002). The sigmoids are fitted together, to the
likelihood of the held-out images under these normalised values, and with a prior: all classes have
much the same slope, which is near to what it is for most photographs. Platt's own fit, one class at
a time, needs dozens of images a class; with fewer, slopes come out that differ by chance between
the classes, or negative ones, with which a higher score of a class means a lower probability. Here
a slope cannot change its sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]

from striate.evaluation.metrics import negative_log_likelihood
from striate.transfer_learning.heads.cross_validation import Labels
from striate.transfer_learning.heads.scaling import Floats

#: The sigmoid of a class whose scores nothing is known of, ``1 / (1 + exp(-(slope * score +
#: offset)))``: of photographs' embeddings, one image a class, the one with the least loss.
SLOPE, OFFSET = 4.0, 1.0
# What a departure from that costs, in nats over all held-out images: the shared slope (its
# logarithm) and offset, and what a class has of its own of either; each times its square.
_SHARED = np.array([4.0, 0.3])
_OWN = np.array([20.0, 0.5])
#: Scores whose probabilities have this share of the loss of equal ones hardly separate the classes.
_FLAT = 0.97


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """A sigmoid ``1 / (1 + exp(-(slope * score + offset)))`` for each class."""

    slopes: Floats
    """(classes,), above 0."""
    offsets: Floats
    """(classes,)."""
    images: int
    """Held-out images that they were fitted to; 0: they are those of the prior."""
    loss: float
    """Mean negative log likelihood of these images, in nats."""

    def shares(self, scores: Floats) -> Floats:
        """Probabilities (images, classes) of `scores`."""
        logits = -np.logaddexp(0, -(self.slopes * scores + self.offsets))
        found: Floats = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
        return found

    @property
    def note(self) -> str:
        """What a person should know, or empty."""
        if not self.images:
            return (
                "no image could be held out to calibrate its probabilities on: they are what its "
                "scores usually mean"
            )
        if self.loss > _FLAT * np.log(len(self.slopes)):
            return (
                f"its scores hardly separate the classes of the {self.images} held-out images, so "
                "that its probabilities are near to one another"
            )
        return ""


def calibrate(scores: Floats, labels: Labels, weights: Floats | None = None) -> Calibration:
    """The likeliest sigmoids for held-out `scores`, (images, classes), given the prior.

    Args:
        scores: of each class's SVM, for images that it was not fitted to.
        labels: (images,) their classes.
        weights: (images,) what each counts for, 1 in the mean; None where all count alike.

    Returns:
        The sigmoids; those of the prior where there is no image.
    """
    images, classes = scores.shape
    weights = np.ones(images) if weights is None else weights
    picked = np.arange(images)
    wanted = np.eye(classes)[labels]
    prior = np.array([np.log(SLOPE), OFFSET])

    def sigmoids(flat: Floats) -> Floats:
        """(2, classes): logarithms of slopes, and offsets."""
        return flat[:2, None] + flat[2:].reshape(2, classes)

    def loss(flat: Floats) -> tuple[float, Floats]:
        logs, offsets = sigmoids(flat)
        slopes = np.exp(logs)
        logits = -np.logaddexp(0, -(slopes * scores + offsets))
        sums = np.logaddexp.reduce(logits, axis=1)
        away = (np.exp(logits - sums[:, None]) - wanted) * -np.expm1(logits) * weights[:, None]
        slope = np.stack([(away * scores * slopes).sum(0), away.sum(0)])
        shared, own = flat[:2] - prior, flat[2:].reshape(2, classes)
        value = ((sums - logits[picked, labels]) * weights).sum()
        value += (_SHARED * shared**2).sum() + (_OWN[:, None] * own**2).sum()
        of_shared = slope.sum(1) + 2 * _SHARED * shared
        of_own = slope + 2 * _OWN[:, None] * own
        return float(value), np.concatenate([of_shared, of_own.ravel()])

    begin = np.concatenate([prior, np.zeros(2 * classes)])
    # Far out in either direction nothing changes any more; exp() must not overflow on the way.
    bounds = [(-7.0, 7.0), (-50.0, 50.0), *[(-3.0, 3.0)] * classes, *[(-50.0, 50.0)] * classes]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds).x if images else begin
    logs, offsets = sigmoids(found)
    fitted = Calibration(slopes=np.exp(logs), offsets=offsets, images=images, loss=0.0)
    if not images:
        return fitted
    return replace(fitted, loss=negative_log_likelihood(fitted.shares(scores), labels, weights))
