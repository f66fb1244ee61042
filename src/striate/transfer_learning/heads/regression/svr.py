"""Support vector regression (SVR), one for each target, by scikit-learn.

Drucker et al. 1997, "Support vector regression machines"; Smola and Schölkopf 2004, "A tutorial on
support vector regression". A value within epsilon of the predicted one costs nothing: the images
within that tube have no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVR, LinearSVR

from striate.hub.heads import LinearSVRHead, RBFSVRHead
from striate.transfer_learning.heads.cross_validation import Map, threads
from striate.transfer_learning.heads.kernels import Kernel, gaussian, linear, median_distance
from striate.transfer_learning.heads.modules import copy_into, fill_standardise
from striate.transfer_learning.heads.regression.samples import (
    ValueSamples,
    ValueTrial,
    search_c,
    unchosen,
)
from striate.transfer_learning.heads.scaling import Floats, Scaling
from striate.transfer_learning.heads.search import Climbed, better_of
from striate.transfer_learning.heads.svm import GAMMAS, MOST_KERNEL_ROWS

#: scikit-learn's C in units of `_scale`, and where the search begins.
C_VALUES = 10.0 ** np.arange(-1.0, 3.6, 0.25)
BEGIN = 10
STRIDES = (4, 2, 1)
#: Half the width of the tube, in standard deviations of the target. The first unless
#: cross-validation favours another.
EPSILONS = (0.1, 0.3, 0.03)
#: Most steps of a fit, for each row: while C is looked for, and in the end. Where few features
#: stand against many images and C is large, there would be no end to them.
_TRIED, _FINAL = 10, 500


class _Way(NamedTuple):
    """One way of fitting, but for C; ``gamma`` in units of 1 / the median squared distance."""

    given: ValueSamples
    epsilon: float
    gamma: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSVR:
    """A head of SVR and how it was found.

    Attributes:
        head: the module.
        found: what was tried.
        vectors: (rows, targets), which training rows are support vectors: those on the edge of the
            tube and beyond.
        beyond: likewise, which of them are beyond it: they pull with all of C.
        predicted: (rows, targets), standardised.
        values: (rows, targets), standardised: the true ones.
        converged: whether the last fit ended within its steps.
    """

    head: LinearSVRHead | RBFSVRHead
    found: Climbed[ValueTrial]
    vectors: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    predicted: Floats
    values: Floats
    converged: bool = True


def fit_svr(given: ValueSamples, *, kernel: bool) -> FittedSVR:
    """SVR with the C, epsilon, scaling and, where `kernel` is wanted, gamma that did best.

    Args:
        given: what is fitted on and held out.
        kernel: a Gaussian one; else it is linear.
    """
    large = len(given.samples.rows) > MOST_KERNEL_ROWS
    with threads() as run:

        @lru_cache(1)  # kernels take longer to make than all else but the fits
        def parts(scaled: ValueSamples, gamma: float | None) -> _Parts:
            return _Parts(scaled, _kernel(gamma), run)

        def climb(way: _Way, start: int, strides: Sequence[int]) -> Climbed[ValueTrial]:
            gamma = _gamma(way)
            judged = _Large(way.given, run) if large else parts(way.given, gamma)
            return search_c(
                way.given,
                [judged.scale * units for units in C_VALUES],
                lambda c: judged.predicted(c, way.epsilon),
                start=start,
                strides=strides,
                gamma=gamma,
                epsilon=way.epsilon,
            )

        way = _Way(given, EPSILONS[0], GAMMAS[0] if kernel else None)
        if given.samples.folds:
            way, found = _search(way, climb)
        else:
            whole = _kernel(_gamma(way))(given.samples.rows, given.samples.rows)
            c = float(_scale(whole, given.values) * C_VALUES[BEGIN])
            found = unchosen(given, c, gamma=_gamma(way), epsilon=way.epsilon)
        if large:
            return _by_newton(way, found)
        return _by_kernel(way, found, run)


def _search(way: _Way, climb: Any) -> tuple[_Way, Climbed[ValueTrial]]:
    """The way that did best, and what came of it."""
    found = climb(way, BEGIN, STRIDES)
    if way.gamma is not None:
        others = [way._replace(gamma=gamma) for gamma in GAMMAS[1:]]
        way, found = better_of(way, found, others, climb)
    others = [way._replace(epsilon=epsilon) for epsilon in EPSILONS[1:]]
    way, found = better_of(way, found, others, climb)
    kinds = Scaling.others(way.given.samples.images)
    scalings = (way._replace(given=way.given.scaled_as(kind)) for kind in kinds)
    return better_of(way, found, scalings, climb)


def _gamma(way: _Way) -> float | None:
    return None if way.gamma is None else way.gamma / median_distance(way.given.samples.rows)


def _kernel(gamma: float | None) -> Kernel:
    return linear if gamma is None else gaussian(gamma)


def _scale(kernel: Floats, values: Floats) -> float:
    """The C at which an SVR that has every image for a support vector fits as well as it can.

    Its coefficients are C or -C, by the side of the median that the image's value is on, and its
    predictions C times what the kernel makes of those signs: this is the C for which these come
    nearest to the signs. With a smaller one every prediction lies within a part of the range.
    """
    signs = np.sign(values - np.median(values, axis=0))
    signs -= signs.mean(0)
    found = kernel @ signs
    below = float(np.square(found).sum())
    return float((signs * found).sum()) / below if below > 1e-12 else 1.0


class _Parts:
    """Kernels of what each fold fits on and holds out."""

    def __init__(self, given: ValueSamples, kernel: Kernel, run: Map[Any, Any]) -> None:
        self.given, self.run = given, run
        self._kernels = []
        for number in range(len(given.samples.folds)):
            rows, held = given.samples.split(number)
            within = kernel(rows, rows).astype(np.float64)
            self._kernels.append((within, kernel(held, rows)))
        first = given.values[given.samples.folds[0].fitted]
        self.scale = _scale(self._kernels[0][0], first)

    def predicted(self, c: float, epsilon: float) -> Sequence[Floats]:
        """Values (held, targets) of each fold's images."""
        targets = range(self.given.values.shape[1])

        def values(task: tuple[int, int]) -> Floats:
            number, target = task
            within, across = self._kernels[number]
            wanted = self.given.values[self.given.samples.folds[number].fitted, target]
            svr = _svr(within, wanted, c, epsilon, trial=True)
            found: Floats = across[:, svr.support_] @ svr.dual_coef_[0] + svr.intercept_[0]
            return found

        folds = range(len(self._kernels))
        found = iter(self.run(values, [(number, target) for number in folds for target in targets]))
        return [np.stack([next(found) for _ in targets], axis=1) for _ in folds]


class _Large:
    """Likewise for more rows than a kernel has room for: squared loss, by Newton's method."""

    def __init__(self, given: ValueSamples, run: Map[Any, Any]) -> None:
        self.given, self.run = given, run
        some = slice(None, None, -(-len(given.samples.rows) // _SCALED_BY))
        rows = given.samples.rows[some]
        # Predictions are sums over the rows that there are.
        part = len(rows) / len(given.samples.rows)
        self.scale = _scale(linear(rows, rows), given.values[some]) * part

    def predicted(self, c: float, epsilon: float) -> Sequence[Floats]:
        """Values (held, targets) of each fold's images."""
        samples = self.given.samples

        def values(number: int) -> Floats:
            rows, held = samples.split(number)
            wanted = self.given.values[samples.folds[number].fitted]
            fitted = [_newton(rows, each, c, epsilon) for each in wanted.T]
            return np.stack([each.predict(held) for each in fitted], axis=1)

        return self.run(values, range(len(samples.folds)))


_SCALED_BY = 2_000


def _by_kernel(way: _Way, found: Climbed[ValueTrial], run: Map[Any, Any]) -> FittedSVR:
    """The head of the best trial, fitted to all rows."""
    samples, values, best = way.given.samples, way.given.values, found.best
    assert best.epsilon is not None
    epsilon = best.epsilon
    within = _kernel(best.gamma)(samples.rows, samples.rows)
    exact = within.astype(np.float64)  # once, not for each target
    fitted = run(lambda wanted: _svr(exact, wanted, best.C, epsilon, trial=False), values.T)
    used = np.zeros(values.shape)
    for target, svr in enumerate(fitted):
        used[svr.support_, target] = svr.dual_coef_[0]
    offsets = np.array([svr.intercept_[0] for svr in fitted])
    head: LinearSVRHead | RBFSVRHead
    if best.gamma is None:
        head = LinearSVRHead(samples.rows.shape[1], values.shape[1])
        copy_into(head.linear.weight, used.T @ samples.rows)
    else:
        kept = np.flatnonzero((used != 0).any(1))
        # Where the tube holds every image there is none: one that does nothing stands for them.
        kept = kept if len(kept) else np.zeros(1, np.int64)
        head = RBFSVRHead(samples.rows.shape[1], values.shape[1], len(kept))
        copy_into(head.support, samples.rows[kept])
        copy_into(head.gamma, np.array(best.gamma))
        copy_into(head.linear.weight, used[kept].T)
    fill_standardise(head, samples.scaling)
    copy_into(head.linear.bias, offsets)
    return FittedSVR(
        head=head,
        found=found,
        vectors=used != 0,
        beyond=np.abs(used) >= best.C * (1 - 1e-9),
        predicted=exact @ used + offsets,
        values=values,
        converged=not any(svr.fit_status_ for svr in fitted),
    )


def _by_newton(way: _Way, found: Climbed[ValueTrial]) -> FittedSVR:
    samples, values, best = way.given.samples, way.given.values, found.best
    assert best.epsilon is not None
    fitted = [_newton(samples.rows, each, best.C, best.epsilon) for each in values.T]
    head = LinearSVRHead(samples.rows.shape[1], values.shape[1])
    fill_standardise(head, samples.scaling)
    copy_into(head.linear.weight, np.stack([each.coef_ for each in fitted]))
    copy_into(head.linear.bias, np.concatenate([np.ravel(each.intercept_) for each in fitted]))
    predicted = np.stack([each.predict(samples.rows) for each in fitted], axis=1)
    # The squared loss has a part of its own in all that lies beyond, and nothing on the edge.
    beyond = np.abs(predicted - values) > best.epsilon
    return FittedSVR(
        head=head, found=found, vectors=beyond, beyond=beyond, predicted=predicted, values=values
    )


def _svr(kernel: Floats, wanted: Floats, c: float, epsilon: float, *, trial: bool) -> SVR:
    steps = (_TRIED if trial else _FINAL) * max(len(kernel), 200)
    ends = {"tol": 5e-3 if trial else 1e-3, "max_iter": steps}
    return SVR(kernel="precomputed", C=c, epsilon=epsilon, **ends).fit(kernel, wanted)


def _newton(rows: Floats, wanted: Floats, c: float, epsilon: float) -> LinearSVR:
    loss = "squared_epsilon_insensitive"
    return LinearSVR(C=c, epsilon=epsilon, loss=loss, dual=False, tol=1e-4).fit(rows, wanted)
