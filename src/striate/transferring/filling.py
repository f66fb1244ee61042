"""From what scikit-learn found to the modules of `striate.zoo.heads`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from striate.transferring.validation import Floats, Samples, Searched
from striate.zoo.heads import Head, LinearSVMHead, RBFSVMHead, SoftmaxHead


def fill_standardise(head: Head, samples: Samples) -> None:
    """Take over the mean and deviation of every feature."""
    copy_into(head.standardise.mean, samples.mean)
    copy_into(head.standardise.deviation, samples.deviation)


def fill_linear(head: SoftmaxHead | LinearSVMHead, weights: Floats, offsets: Floats) -> None:
    """Take over scikit-learn's coefficients; for two classes it has those of the second alone."""
    if len(weights) == 1:
        # Halves, so that the softmax of the two is the sigmoid of their difference; a machine's
        # score is the same for both but for its sign.
        part = 1.0 if isinstance(head, LinearSVMHead) else 0.5
        weights = np.concatenate([-part * weights, part * weights])
        offsets = np.concatenate([-part * offsets, part * offsets])
    copy_into(head.linear.weight, weights)
    copy_into(head.linear.bias, offsets)


def fill_sigmoids(head: LinearSVMHead | RBFSVMHead, found: Searched) -> None:
    """Fit a sigmoid for each class to the scores of images that were held out."""
    pairs = [
        platt(found.scores[:, number], found.labels == number)
        for number in range(found.scores.shape[1])
    ]
    copy_into(head.calibrate.slope, np.array([slope for slope, _ in pairs]))
    copy_into(head.calibrate.offset, np.array([offset for _, offset in pairs]))


def platt(scores: Floats, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """(a, b) of ``1 / (1 + exp(a · score + b))``, the likeliest for held-out `scores`.

    Platt 1999, Sec. 2.2: the targets are not 0 and 1 but 1 / (N₋ + 2) and (N₊ + 1) / (N₊ + 2), so
    that scores which separate the classes do not lead to certainty.
    """
    yes = int(positive.sum())
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (len(scores) - yes + 2))
    twice = np.concatenate([scores, scores])[:, None].astype(np.float64)
    answers = np.repeat([1, 0], len(scores))
    weights = np.concatenate([target, 1 - target])
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    fitted.fit(twice, answers, weights)
    return -float(fitted.coef_[0, 0]), -float(fitted.intercept_[0])


def copy_into(into: torch.Tensor, values: Floats) -> None:
    """Overwrite a parameter or buffer, in its own type and shape."""
    with torch.no_grad():
        into.copy_(torch.from_numpy(np.asarray(values)).reshape(into.shape))
