"""Support vector machines (SVMs), one for each class against the rest, by scikit-learn.

C is tried relative to the data: `_scale` is the C with which the classes' scores just reach both
margins. With a smaller one every training image is a support vector, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC, LinearSVC

from striate.hub.heads import LinearSVMHead, RBFSVMHead
from striate.transfer_learning.heads.calibration import Calibration, calibrate
from striate.transfer_learning.heads.cross_validation import Labels, Map, Samples, threads
from striate.transfer_learning.heads.kernels import Kernel, gaussian, linear, median_distance
from striate.transfer_learning.heads.modules import (
    copy_into,
    fill_linear,
    fill_sigmoids,
    fill_standardise,
)
from striate.transfer_learning.heads.scaling import Floats, Scaling
from striate.transfer_learning.heads.search import (
    Searched,
    Trial,
    best_scaling,
    better_of,
    search,
    untried,
)

#: scikit-learn's C in units of `_scale`, and where the search begins: the best for embeddings of
#: photographs is seldom far from there.
LINEAR_C_VALUES = 10.0 ** np.arange(0.0, 4.1, 0.25)
GAUSSIAN_C_VALUES = 10.0 ** np.arange(0.0, 3.6, 0.25)
BEGIN = 4
#: How far away neighbours are at first, and then. The first is far since scores no longer change
#: once C is so large that all training images are on their side: near ones would all look alike.
STRIDES = (4, 2, 1)
#: gamma of the Gaussian kernel, in units of 1 / the median of the squared distances between images.
#: The first, with which it is nearly linear, unless cross-validation favours another.
GAMMAS = (0.5, 2.0)
#: The kernel is held in memory. With the distances that a Gaussian one is made of, and with parts
#: of it or a copy in float64, as scikit-learn takes them, that is up to 20 bytes for each pair of
#: rows: 2 GB for this many.
MOST_KERNEL_ROWS = 10_000
#: Bytes up to which the kernels of all folds are kept; else those of the two in use.
_ALL_PARTS = 2**28
#: Hardest support vectors that are named: two rows of pictures on a wide page.
PICTURED = 14

_BINS = np.round(np.arange(-2.0, 4.01, 0.2), 1)

# (rows, classes) of coefficients on rows, (classes,) of intercepts.
_Duals = tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True)
class Margins:
    """How the training images lie about an SVM's borders.

    An image's margin is the score of its own class: 1 on the margin, 0 on the border, negative on
    the wrong side.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    """Images between one edge and the next; the outer bins hold what lies beyond."""
    wrong: int
    """Images on the wrong side of their class's border."""
    within: int
    """Images on their side of it, but less than 1 away."""
    vectors: int
    """Images that are support vectors of some class."""
    hardest: tuple[tuple[int, float], ...]
    """(image, margin) of the support vectors with the least margins, the least first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSVMs:
    """A head of SVMs and how it was found."""

    head: LinearSVMHead | RBFSVMHead
    trials: tuple[Trial, ...]
    chosen: Trial
    calibration: Calibration
    margins: Margins
    held_shares: Floats
    """(held, classes): probabilities of the images that folds hold out, fold by fold."""


def fit_linear(samples: Samples, seed: int) -> FittedSVMs:
    """A linear SVM for each class against the rest."""
    if len(samples.rows) > MOST_KERNEL_ROWS:
        return _fit_descent(samples, seed)
    with threads() as run:

        @lru_cache(1)  # one that proved to be better is gone on with
        def judge(scaled: Samples) -> _judge:
            return _judge(scaled, linear, run)

        def climb(scaled: Samples, start: int, strides: Sequence[int]) -> Searched:
            given = scaled, _c_values(scaled), judge(scaled)
            return search(*given, start=start, strides=strides, shares=_shares)

        if samples.folds:
            samples, found = best_scaling(samples, climb, BEGIN, STRIDES)
            kernel = linear(samples.rows, samples.rows)
        else:
            kernel = linear(samples.rows, samples.rows)
            found = untried(samples, _c_values(samples), _fitted(kernel, samples, run))
        used, intercepts = _duals(kernel, samples, found.best.C, run)
    weights = used.T.astype(np.float32) @ samples.rows
    return _linear_svms(samples, found, weights, intercepts, (used != 0).any(1))


def _fit_descent(samples: Samples, seed: int) -> FittedSVMs:
    """The same for more rows than a kernel has room for: squared hinge loss, coordinate descent."""

    def fit(c: float, rows: Floats, labels: Labels, weights: Floats) -> LinearSVC:
        svm = LinearSVC(C=c, dual=True, tol=1e-2, max_iter=300, random_state=seed)
        return svm.fit(rows, labels, weights)

    def fit_all(c: float) -> LinearSVC:
        return fit(c, samples.rows, samples.labels, samples.weights)

    with threads() as run:

        def climb(scaled: Samples, start: int, strides: Sequence[int]) -> Searched:
            def judge(c: float) -> Sequence[Floats]:
                def held(number: int) -> Floats:
                    rows, others = scaled.split(number)
                    fitted = scaled.folds[number].fitted
                    svm = fit(c, rows, scaled.labels[fitted], scaled.weights[fitted])
                    return _both(svm.decision_function(others))

                return run(held, range(len(scaled.folds)))

            given = scaled, _c_values(scaled)[::4], judge
            return search(*given, start=start, strides=strides, shares=_shares)

        if samples.folds:
            samples, found = best_scaling(samples, climb, 1, (1,))
        else:
            found = untried(
                samples,
                _c_values(samples)[::4],
                lambda c: _both(fit_all(c).decision_function(samples.rows)),
            )
    final = fit_all(found.best.C)
    scores = _both(final.decision_function(samples.rows))
    # Rows on the margin or within have a part in the loss: they are support vectors.
    own = samples.labels[:, None] == np.arange(samples.classes)
    within: NDArray[np.bool_] = np.any(np.where(own, scores, -scores) < 1, axis=1)
    return _linear_svms(samples, found, final.coef_, final.intercept_, within)


def _c_values(samples: Samples) -> list[float]:
    """Values of C for linear SVMs."""
    own, counts = _weighted(samples)
    sums = own.T @ samples.rows
    means = sums / counts[:, None]
    others = (sums.sum(0) - sums) / (counts.sum() - counts)[:, None]
    scale = _scale(((means - others) ** 2).sum(1), counts)
    return [float(scale * units) for units in LINEAR_C_VALUES]


def _weighted(samples: Samples) -> tuple[Floats, Floats]:
    """(rows, classes): each row's weight in the column of its class; and (classes,) their sums."""
    own = np.eye(samples.classes, dtype=np.float32)[samples.labels] * samples.weights[:, None]
    return own, own.sum(0, dtype=np.float64)


def _shares(scores: Floats, labels: Labels, weights: Floats) -> Floats:
    return calibrate(scores, labels, weights).shares(scores)


def _scale(distances: Floats, counts: Floats) -> float:
    """The C at which SVMs that have every image for a support vector just reach both margins.

    Such an SVM's coefficients are C for the n images of its class and add up to -n * C for the
    others. With d the distance between their means its scores of these differ by n * C * d^2, and
    margins are 2 apart. With a smaller C the border stands still and only the scores shrink.

    Args:
        distances: (classes,) d^2 of each class's mean from that of all others.
        counts: (classes,) n; of images that weigh differently, what they weigh together.
    """
    apart = float((counts * distances).mean())
    return 2.0 / apart if apart > 1e-12 else 1.0  # 1: all images alike, and any C does as well


def _linear_svms(
    samples: Samples, found: Searched, weights: Floats, offsets: Floats, vectors: NDArray[np.bool_]
) -> FittedSVMs:
    head = LinearSVMHead(samples.rows.shape[1], samples.classes)
    calibration = calibrate(found.scores, found.labels, found.weights)
    fill_standardise(head, samples.scaling)
    fill_linear(head, weights, offsets)
    fill_sigmoids(head, calibration)
    scores = (
        samples.rows @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    )
    return FittedSVMs(
        head=head,
        trials=found.trials,
        chosen=found.best,
        calibration=calibration,
        held_shares=calibration.shares(found.scores) if len(found.scores) else found.scores,
        margins=_margins(samples, scores, vectors),
    )


def fit_gaussian(samples: Samples) -> FittedSVMs:
    """The same with a Gaussian kernel."""
    with threads() as run:
        samples, found = _search_gaussian(samples, run)
        assert found.best.gamma is not None
        rows = samples.rows
        kernel = gaussian(found.best.gamma)(rows, rows)
        used, intercepts = _duals(kernel, samples, found.best.C, run)
    kept = np.flatnonzero((used != 0).any(1))
    head = RBFSVMHead(rows.shape[1], samples.classes, len(kept))
    calibration = calibrate(found.scores, found.labels, found.weights)
    fill_standardise(head, samples.scaling)
    copy_into(head.support, rows[kept])
    copy_into(head.gamma, np.array(found.best.gamma))
    copy_into(head.linear.weight, used[kept].T)
    copy_into(head.linear.bias, intercepts)
    fill_sigmoids(head, calibration)
    scores = kernel @ used.astype(np.float32) + intercepts
    return FittedSVMs(
        head=head,
        trials=found.trials,
        chosen=found.best,
        calibration=calibration,
        held_shares=calibration.shares(found.scores) if len(found.scores) else found.scores,
        margins=_margins(samples, scores, (used != 0).any(1)),
    )


def _search_gaussian(samples: Samples, run: Map[Any, Any]) -> tuple[Samples, Searched]:
    """The samples as they did best, and what came of it."""

    @lru_cache(1)  # a way that proved to be better is gone on with
    def judge(scaled: Samples, gamma: float) -> tuple[list[float], _judge]:
        kernel = gaussian(gamma)
        scale = _kernel_scale(kernel(scaled.rows, scaled.rows), scaled)
        return [scale * units for units in GAUSSIAN_C_VALUES], _judge(scaled, kernel, run)

    def climb(way: tuple[Samples, float], start: int, strides: Sequence[int]) -> Searched:
        scaled, relative = way
        gamma = relative / median_distance(scaled.rows)
        given = scaled, *judge(scaled, gamma)
        return search(*given, start=start, strides=strides, shares=_shares, gamma=gamma)

    way = samples, GAMMAS[0]
    if not samples.folds:
        gamma = GAMMAS[0] / median_distance(samples.rows)
        kernel = gaussian(gamma)(samples.rows, samples.rows)
        fit = _fitted(kernel, samples, run)
        return samples, untried(samples, judge(samples, gamma)[0], fit, gamma)
    found = climb(way, BEGIN, STRIDES)
    way, found = better_of(way, found, ((samples, gamma) for gamma in GAMMAS[1:]), climb)
    others = ((samples.scaled_as(kind), way[1]) for kind in Scaling.others(samples.images))
    (samples, _), found = better_of(way, found, others, climb)
    return samples, found


def _kernel_scale(kernel: Floats, samples: Samples) -> float:
    """`_scale` where distances are those that the kernel means."""
    own, counts = _weighted(samples)
    products = (own.T @ (kernel @ own)).astype(np.float64)
    within = np.diag(products)
    across = products.sum(0) - within
    beyond = products.sum() - 2 * across - within
    others = counts.sum() - counts
    distances = within / counts**2 + beyond / others**2 - 2 * across / (counts * others)
    return _scale(distances, counts)


class _judge:  # noqa: N801 - a function that remembers
    """Scores of the images that each fold holds out, by SVMs fitted to the others: see `search`."""

    def __init__(self, samples: Samples, kernel: Kernel, run: Map[Any, Any]) -> None:
        self.samples, self.kernel, self.run = samples, kernel, run
        size = sum(8 * len(fold.fitted) ** 2 for fold in samples.folds)
        self._lock = Lock()
        self._part = lru_cache(len(samples.folds) if size <= _ALL_PARTS else 2)(self._make)
        self._scores: dict[float, list[Floats]] = {}

    def _make(self, number: int) -> tuple[Floats, Floats]:
        """Kernels of what is fitted on with itself, float64, and of what is held out with it."""
        rows, held = self.samples.split(number)
        return self.kernel(rows, rows).astype(np.float64), self.kernel(held, rows)

    def __call__(self, c: float) -> Sequence[Floats]:
        if c not in self._scores:
            self._scores[c] = self._compute(c)
        return self._scores[c]

    def _compute(self, c: float) -> list[Floats]:
        samples, columns = self.samples, _columns(self.samples.classes)

        def score(task: tuple[int, int]) -> Floats:
            number, one = task
            fold = samples.folds[number]
            with self._lock:
                within, across = self._part(number)
            positive = samples.labels[fold.fitted] == one
            svm = _svc(within, positive, samples.weights[fold.fitted], c, 5e-2)
            scores: Floats = across[:, svm.support_] @ svm.dual_coef_[0]
            scores += svm.intercept_[0]
            return scores

        tasks = [(number, one) for number in range(len(samples.folds)) for one in columns]
        scores = iter(self.run(score, tasks))
        return [_both(np.stack([next(scores) for _ in columns], axis=1)) for _ in samples.folds]


def _duals(kernel: Floats, samples: Samples, c: float, run: Map[Any, Any]) -> _Duals:
    """Coefficients (rows, classes) and intercepts (classes,) of SVMs fitted to all rows."""
    exact = kernel.astype(np.float64)  # once, not for each class
    columns = _columns(samples.classes)
    labels, weights = samples.labels, samples.weights
    svms = run(lambda one: _svc(exact, labels == one, weights, c, 1e-2), columns)
    used = np.zeros((len(kernel), len(columns)))
    for column, svm in enumerate(svms):
        used[svm.support_, column] = svm.dual_coef_[0]
    return _both(used), _both(np.array([[m.intercept_[0] for m in svms]]))[0]


def _fitted(kernel: Floats, samples: Samples, run: Map[Any, Any]) -> Callable[[float], Floats]:
    """A function from C to the scores of all rows, by SVMs fitted to these very rows."""

    def scores(c: float) -> Floats:
        used, intercepts = _duals(kernel, samples, c, run)
        found: Floats = kernel @ used + intercepts
        return found

    return scores


def _columns(classes: int) -> Sequence[int]:
    """The classes with an SVM of their own: of two the second, since the scores are opposite."""
    return range(classes) if classes > 2 else (1,)


def _svc(
    kernel: Floats, positive: NDArray[np.bool_], weights: Floats, c: float, tolerance: float
) -> SVC:
    return SVC(kernel="precomputed", C=c, tol=tolerance).fit(kernel, positive, weights)


def _both(scores: Floats) -> Floats:
    """(rows, classes) of what for two classes is one column."""
    column = scores.reshape(len(scores), -1)
    return np.concatenate([-column, column], axis=1) if column.shape[1] == 1 else column


def _margins(samples: Samples, scores: Floats, supporting: NDArray[np.bool_]) -> Margins:
    """`scores` (rows, classes) and `supporting` (rows,) as images' margins: the worst view's."""
    rows = np.take_along_axis(scores, samples.labels[:, None], axis=1)
    own = rows.reshape(-1, samples.views).min(1)
    vectors = supporting.reshape(-1, samples.views).any(1)
    counts, _ = np.histogram(np.clip(own, _BINS[0], _BINS[-1]), _BINS)
    held = np.flatnonzero(vectors)
    hardest = held[np.argsort(own[held], kind="stable")][:PICTURED]
    return Margins(
        edges=tuple(_BINS.tolist()),
        counts=tuple(counts.tolist()),
        wrong=int((own < 0).sum()),
        within=int(((own >= 0) & (own < 1)).sum()),
        vectors=len(held),
        hardest=tuple((int(i), round(float(own[i]), 4)) for i in hardest),
    )
