"""Support vector machines, one for each class against the rest, by scikit-learn.

A kernel is computed once, and each fold's part of it once; machines read numbers from it. Strengths
are tried relative to the data: `_scale` says where a hold ceases to be so strong that every image
holds up the border, whatever it looks like.
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

from striate.transferring.filling import copy_into, fill_linear, fill_sigmoids, fill_standardise
from striate.transferring.validation import (
    Floats,
    Labels,
    Map,
    Samples,
    Searched,
    Trial,
    better,
    search,
    threads,
)
from striate.zoo.heads import LinearSVMHead, RBFSVMHead

#: scikit-learn's C in units of `_scale`, from the strongest hold to the weakest, and where the
#: search begins: the best for embeddings of photographs is seldom far from there.
LINEAR_STRENGTHS = 10.0 ** np.arange(0.5, 4.1, 0.5)
GAUSSIAN_STRENGTHS = 10.0 ** np.arange(0.5, 3.6, 0.5)
BEGIN = 2
#: Widths of the Gaussian kernel, in units of 1 / features: squared distances between standardised
#: embeddings are about twice their length.
WIDTHS = (0.25, 1.0)
#: The kernel is held in memory. With the distances that a Gaussian one is made of, and with parts
#: of it or a copy in float64, as scikit-learn takes them, that is up to 20 bytes for each pair of
#: rows: 2 GB for this many.
MOST_KERNEL_ROWS = 10_000
#: Bytes up to which the parts of all folds are kept; else those of the two in use.
_ALL_PARTS = 2**28
#: Hardest support vectors that are named: two rows of pictures on a wide page.
PICTURED = 14

_BINS = np.round(np.arange(-2.0, 4.01, 0.2), 1)

# What machines say: (rows, classes) of coefficients on rows, (classes,) of intercepts.
_Duals = tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True)
class Margins:
    """How the training images lie about a support vector machine's borders.

    An image's margin is what the machine of its own class says to it: 1 on the margin, 0 on the
    border, negative on the wrong side.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    """Images between one edge and the next; the outer bins hold what lies beyond."""
    wrong: int
    """Images on the wrong side of their class's border."""
    within: int
    """Images on their side of it, but less than 1 away."""
    vectors: int
    """Images that hold up the border of some class: the support vectors."""
    hardest: tuple[tuple[int, float], ...]
    """(image, margin) of the support vectors with the least margins, the least first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Machines:
    """A head of support vector machines and how it was found."""

    head: LinearSVMHead | RBFSVMHead
    trials: tuple[Trial, ...]
    chosen: Trial
    margins: Margins


def fit_linear(samples: Samples, seed: int) -> Machines:
    """A machine for each class against the rest, without a kernel but that of the products."""
    if len(samples.rows) > MOST_KERNEL_ROWS:
        return _fit_descent(samples, seed)
    kernel = samples.rows @ samples.rows.T
    with threads() as run:
        judge = _judge(samples, kernel, run)
        found = search(samples, _strengths(samples), judge, by="accuracy", start=BEGIN)
        judge.forget()
        used, intercepts = _duals(kernel, samples, found.best.strength, run)
    weights = used.T.astype(np.float32) @ samples.rows
    return _linear_machine(samples, found, weights, intercepts, (used != 0).any(1))


def _fit_descent(samples: Samples, seed: int) -> Machines:
    """The same for more rows than a kernel has room for: squared hinge loss, coordinate descent."""

    def fit(strength: float, rows: Floats, labels: Labels) -> LinearSVC:
        machine = LinearSVC(C=strength, dual=True, tol=1e-2, max_iter=300, random_state=seed)
        return machine.fit(rows, labels)

    with threads() as run:

        def judge(strength: float) -> Sequence[Floats]:
            def held(number: int) -> Floats:
                fold = samples.folds[number]
                machine = fit(strength, samples.rows[fold.fitted], samples.labels[fold.fitted])
                return _both(machine.decision_function(samples.rows[fold.held]))

            return run(held, range(len(samples.folds)))

        found = search(
            samples, _strengths(samples)[::2], judge, by="accuracy", start=1, strides=(1,)
        )
    final = fit(found.best.strength, samples.rows, samples.labels)
    scores = _both(final.decision_function(samples.rows))
    # Rows on the margin or within have a part in the loss: they hold up the border.
    own = samples.labels[:, None] == np.arange(samples.classes)
    within: NDArray[np.bool_] = np.any(np.where(own, scores, -scores) < 1, axis=1)
    return _linear_machine(samples, found, final.coef_, final.intercept_, within)


def _strengths(samples: Samples) -> list[float]:
    """Of a linear machine."""
    counts = np.bincount(samples.labels, minlength=samples.classes)
    sums = np.eye(samples.classes, dtype=np.float32)[samples.labels].T @ samples.rows
    means = sums / counts[:, None]
    others = (sums.sum(0) - sums) / (len(samples.rows) - counts)[:, None]
    scale = _scale(((means - others) ** 2).sum(1), counts)
    return [float(scale * units) for units in LINEAR_STRENGTHS]


def _scale(distances: Floats, counts: NDArray[np.int64]) -> float:
    """The C at which machines that every image of a class holds up just reach both margins.

    Such a machine's coefficients are C for the n images of its class and add up to -n·C for the
    others. With d the distance between their means it tells these apart by n·C·d², and margins are
    2 apart. With a smaller C the border stands still and only the scores shrink.

    Parameters
    ----------
    distances: (classes,) d² of each class's mean from that of all others.
    counts: (classes,) n.
    """
    return 2.0 / max(float((counts * distances).mean()), 1e-12)


def _linear_machine(
    samples: Samples, found: Searched, weights: Floats, offsets: Floats, vectors: NDArray[np.bool_]
) -> Machines:
    head = LinearSVMHead(samples.rows.shape[1], samples.classes)
    fill_standardise(head, samples)
    fill_linear(head, weights, offsets)
    fill_sigmoids(head, found)
    scores = (
        samples.rows @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    )
    return Machines(
        head=head,
        trials=found.trials,
        chosen=found.best,
        margins=_margins(samples, scores, vectors),
    )


def fit_gaussian(samples: Samples) -> Machines:
    """The same with a Gaussian kernel."""
    rows = samples.rows
    distances = rows @ rows.T
    squares = np.diag(distances).copy()
    distances *= -2
    distances += squares
    distances += squares[:, None]
    np.maximum(distances, 0, out=distances)
    first, *others = (relative / rows.shape[1] for relative in WIDTHS)
    with threads() as run:
        found, at = _climb(samples, distances, first, run, start=BEGIN)
        trials = list(found.trials)
        for width in others:
            # What suits one width shows whether another is worth a climb of its own.
            other, _ = _climb(samples, distances, width, run, start=at, strides=())
            if better(other.best, found.best):
                other, at = _climb(samples, distances, width, run, start=at)
                found = other
            trials += other.trials
        assert found.best.width is not None
        kernel = _gaussian(distances, found.best.width)
        used, intercepts = _duals(kernel, samples, found.best.strength, run)
    kept = np.flatnonzero((used != 0).any(1))
    head = RBFSVMHead(rows.shape[1], samples.classes, len(kept))
    fill_standardise(head, samples)
    copy_into(head.support, rows[kept])
    copy_into(head.width, np.array(found.best.width))
    copy_into(head.linear.weight, used[kept].T)
    copy_into(head.linear.bias, intercepts)
    fill_sigmoids(head, found)
    scores = kernel @ used.astype(np.float32) + intercepts
    return Machines(
        head=head,
        trials=tuple(trials),
        chosen=found.best,
        margins=_margins(samples, scores, (used != 0).any(1)),
    )


def _climb(
    samples: Samples,
    distances: Floats,
    width: float,
    run: Map[Any, Any],
    *,
    start: int,
    strides: Sequence[int] = (2, 1),
) -> tuple[Searched, int]:
    """The strengths tried with a kernel of that `width`, and which of them was the best."""
    kernel = _gaussian(distances, width)
    scale = _kernel_scale(kernel, samples)
    strengths = [float(scale * units) for units in GAUSSIAN_STRENGTHS]
    judge = _judge(samples, kernel, run)
    found = search(
        samples, strengths, judge, by="accuracy", start=start, strides=strides, width=width
    )
    return found, strengths.index(found.best.strength)


def _gaussian(distances: Floats, width: float) -> Floats:
    kernel: Floats = distances * np.float32(-width)
    np.exp(kernel, out=kernel)
    return kernel


def _kernel_scale(kernel: Floats, samples: Samples) -> float:
    """`_scale` where distances are those that the kernel means."""
    own = np.eye(samples.classes, dtype=np.float32)[samples.labels]
    counts = np.bincount(samples.labels, minlength=samples.classes)
    products = (own.T @ (kernel @ own)).astype(np.float64)
    within = np.diag(products)
    across = products.sum(0) - within
    beyond = products.sum() - 2 * across - within
    others = len(kernel) - counts
    distances = within / counts**2 + beyond / others**2 - 2 * across / (counts * others)
    return _scale(distances, counts)


class _judge:  # noqa: N801 - a function that remembers
    """What machines on parts of `kernel` say to the images that are held out: see `search`."""

    def __init__(self, samples: Samples, kernel: Floats, run: Map[Any, Any]) -> None:
        self.samples, self.kernel, self.run = samples, kernel, run
        size = sum(8 * len(fold.fitted) ** 2 for fold in samples.folds)
        self._lock = Lock()
        self._part = lru_cache(len(samples.folds) if size <= _ALL_PARTS else 2)(self._cut)
        self.forget: Callable[[], None] = self._part.cache_clear

    def _cut(self, number: int) -> tuple[Floats, Floats]:
        fold = self.samples.folds[number]
        within = np.empty((len(fold.fitted), len(fold.fitted)))
        for at, row in enumerate(fold.fitted):
            within[at] = self.kernel[row, fold.fitted]
        return within, self.kernel[np.ix_(fold.held, fold.fitted)]

    def __call__(self, strength: float) -> Sequence[Floats]:
        samples, columns = self.samples, _columns(self.samples.classes)

        def score(task: tuple[int, int]) -> Floats:
            number, one = task
            fold = samples.folds[number]
            with self._lock:
                within, across = self._part(number)
            machine = _machine(within, samples.labels[fold.fitted] == one, strength, 5e-2)
            scores: Floats = across[:, machine.support_] @ machine.dual_coef_[0]
            scores += machine.intercept_[0]
            return scores

        tasks = [(number, one) for number in range(len(samples.folds)) for one in columns]
        scores = iter(self.run(score, tasks))
        return [_both(np.stack([next(scores) for _ in columns], axis=1)) for _ in samples.folds]


def _duals(kernel: Floats, samples: Samples, strength: float, run: Map[Any, Any]) -> _Duals:
    """Coefficients (rows, classes) and intercepts (classes,) of machines fitted to all rows."""
    exact = kernel.astype(np.float64)  # once, not for each class
    columns = _columns(samples.classes)
    machines = run(lambda one: _machine(exact, samples.labels == one, strength, 1e-2), columns)
    used = np.zeros((len(kernel), len(columns)))
    for column, machine in enumerate(machines):
        used[machine.support_, column] = machine.dual_coef_[0]
    return _both(used), _both(np.array([[m.intercept_[0] for m in machines]]))[0]


def _columns(classes: int) -> Sequence[int]:
    """The classes that have a machine of their own: of two the second, whose scores tell both."""
    return range(classes) if classes > 2 else (1,)


def _machine(kernel: Floats, positive: NDArray[np.bool_], strength: float, tolerance: float) -> SVC:
    return SVC(kernel="precomputed", C=strength, tol=tolerance).fit(kernel, positive)


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
