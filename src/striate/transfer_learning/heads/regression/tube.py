"""How the training images lie about the tube of support vector regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.transfer_learning.heads.regression.svr import FittedSVR
from striate.transfer_learning.heads.svm import PICTURED

#: Edges of the histogram, in standard deviations of the target: predicted less true.
_BINS = np.round(np.arange(-2.0, 2.01, 0.1), 1)


@dataclass(frozen=True, kw_only=True)
class Tube:
    """The training images of one target, by the error of their prediction.

    An image's error is predicted less true, in standard deviations of the target; of its views the
    one that is furthest off.

    Attributes:
        epsilon: half the width of the tube, likewise.
        edges: of the histogram.
        counts: images between one edge and the next; the outer bins hold what lies beyond.
        within: images inside the tube, which have no part in the prediction.
        on: support vectors on its edge, as near as the fit is exact.
        beyond: support vectors outside of it.
        furthest: (image, error) of those furthest outside, the furthest first.
        edge: (image, error) of some on its edge, from the lowest value to the highest.
    """

    epsilon: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    within: int
    on: int
    beyond: int
    furthest: tuple[tuple[int, float], ...]
    edge: tuple[tuple[int, float], ...]


def tubes(fitted: FittedSVR, views: int) -> tuple[Tube, ...]:
    """The tube of each target.

    Args:
        fitted: the head, with its coefficients of training rows.
        views: rows of each image, which stand together.
    """
    return tuple(_tube(fitted, target, views) for target in range(fitted.values.shape[1]))


def _tube(fitted: FittedSVR, target: int, views: int) -> Tube:
    epsilon = fitted.found.best.epsilon
    assert epsilon is not None
    by_view = (fitted.predicted - fitted.values)[:, target].reshape(-1, views)
    furthest = np.abs(by_view).argmax(1)
    errors = np.take_along_axis(by_view, furthest[:, None], axis=1)[:, 0]
    vectors = fitted.vectors[:, target].reshape(-1, views).any(1)
    beyond = fitted.beyond[:, target].reshape(-1, views).any(1)
    counts, _ = np.histogram(np.clip(errors, _BINS[0], _BINS[-1]), _BINS)
    outside = np.flatnonzero(beyond)
    outside = outside[np.argsort(-np.abs(errors[outside]), kind="stable")][:PICTURED]
    edge = np.flatnonzero(vectors & ~beyond)
    rising = edge[np.argsort(fitted.values[edge * views, target], kind="stable")]
    spread = np.linspace(0, len(rising) - 1, PICTURED) if len(rising) else np.empty(0)
    some = rising[np.unique(spread.round().astype(np.int64))]
    return Tube(
        epsilon=epsilon,
        edges=tuple(_BINS.tolist()),
        counts=tuple(counts.tolist()),
        within=int((~vectors).sum()),
        on=len(edge),
        beyond=int(beyond.sum()),
        furthest=tuple((int(i), round(float(errors[i]), 4)) for i in outside),
        edge=tuple((int(i), round(float(errors[i]), 4)) for i in some),
    )
