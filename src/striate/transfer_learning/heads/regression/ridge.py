"""Ridge regression: its alpha and the scaling of features by cross-validation.

Hoerl and Kennard 1970, "Ridge regression: biased estimation for nonorthogonal problems". The sums
of products are the same for every alpha, so that a fit with another costs one solution of linear
equations, not another pass over the embeddings; the results are scikit-learn's `Ridge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import solve  # type: ignore[import-untyped]

from striate.hub.heads import RidgeHead
from striate.transfer_learning.heads.cross_validation import threads
from striate.transfer_learning.heads.modules import copy_into, fill_standardise
from striate.transfer_learning.heads.regression.samples import (
    ValueSamples,
    ValueTrial,
    search_c,
    unchosen,
)
from striate.transfer_learning.heads.scaling import Floats
from striate.transfer_learning.heads.search import Climbed, best_scaling

#: alpha, from the largest: in units of the number of features, which is the mean of a row's square
#: as features are scaled.
ALPHAS = 10.0 ** np.arange(2.0, -4.1, -0.5)
#: Where the search begins, and what serves where nothing can be held out.
BEGIN = 4
#: How far away neighbours are at first, and then.
STRIDES = (2, 1)
#: Rows whose products are summed at once, in float64.
_AT_ONCE = 4096


class Equations:
    """Rows (n, D) that values (n, targets) are fitted to, with one alpha or several."""

    def __init__(self, rows: Floats, values: Floats) -> None:
        self._mean = rows.mean(0, dtype=np.float64)
        self._offset = values.mean(0)
        self._rows, values = rows, values - self._offset
        self._dual = len(rows) <= rows.shape[1]
        if self._dual:  # fewer unknowns: a coefficient a row instead of one a feature
            centred = rows - self._mean
            self._products, self._wanted = centred @ centred.T, values
        else:
            width = rows.shape[1]
            self._products, self._wanted = (
                np.zeros((width, width)),
                np.zeros((width, values.shape[1])),
            )
            for at in range(0, len(rows), _AT_ONCE):
                centred = rows[at : at + _AT_ONCE] - self._mean
                self._products += centred.T @ centred
                self._wanted += centred.T @ values[at : at + _AT_ONCE]

    def fit(self, alpha: float) -> tuple[Floats, Floats]:
        """Weights (D, targets) and offsets (targets,) that are best with `alpha`."""
        left = self._products.copy()
        left[np.diag_indices_from(left)] += alpha
        found: Floats = solve(left, self._wanted, assume_a="pos", overwrite_a=True)
        weights = (self._rows - self._mean).T @ found if self._dual else found
        return weights, self._offset - self._mean @ weights


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedRidge:
    """A head of ridge regression and how it was found."""

    head: RidgeHead
    found: Climbed[ValueTrial]


def fit_ridge(given: ValueSamples) -> FittedRidge:
    """Ridge regression with the alpha and the scaling that cross-validation favours."""
    c_values = [c_of(units * given.samples.rows.shape[1]) for units in ALPHAS]
    with threads() as run:

        @lru_cache(1)  # one that proved to be better is gone on with
        def parts(scaled: ValueSamples) -> list[tuple[Equations, Floats]]:
            def part(number: int) -> tuple[Equations, Floats]:
                rows, held = scaled.samples.split(number)
                fitted = scaled.samples.folds[number].fitted
                return Equations(rows, scaled.values[fitted]), held

            return run(part, range(len(scaled.samples.folds)))

        def climb(scaled: ValueSamples, start: int, strides: Sequence[int]) -> Climbed[ValueTrial]:
            def judge(c: float) -> Sequence[Floats]:
                def predicted(of: tuple[Equations, Floats]) -> Floats:
                    weights, offsets = of[0].fit(alpha_of(c))
                    return of[1] @ weights + offsets

                return run(predicted, parts(scaled))

            return search_c(scaled, c_values, judge, start=start, strides=strides)

        if given.samples.folds:
            given, found = best_scaling(given, climb, BEGIN, STRIDES)
        else:
            found = unchosen(given, c_values[BEGIN])
        weights, offsets = Equations(given.samples.rows, given.values).fit(alpha_of(found.best.C))
    head = RidgeHead(*weights.shape)
    fill_standardise(head, given.samples.scaling)
    copy_into(head.linear.weight, weights.T)
    copy_into(head.linear.bias, offsets)
    return FittedRidge(head=head, found=found)


def c_of(alpha: float) -> float:
    """C of ridge regression, as scikit-learn relates the two: ``1 / (2 · alpha)``."""
    return 1 / (2 * alpha)


def alpha_of(c: float) -> float:
    """The opposite of `c_of`."""
    return 1 / (2 * c)
