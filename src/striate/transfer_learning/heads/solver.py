"""Softmax regression: scikit-learn's, in fewer passes over the embeddings.

scikit-learn's own fit takes float64 coefficients to float32 rows, so that every pass copies them
all. This is the same loss by the same optimiser, SciPy's L-BFGS-B, with passes in float32 alone.
With bounds that optimiser also finds coefficients under an L1 penalty, most of them exactly 0, for
which scikit-learn goes through the images one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, minimize  # type: ignore[import-untyped]

from striate.transfer_learning.heads.cross_validation import Labels
from striate.transfer_learning.heads.scaling import Floats

#: Most steps of a fit.
PASSES = 500


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Coefficients (D + 1, classes) float32, the last row the intercepts."""

    coefficients: Floats
    converged: bool

    def shares(self, rows: Floats) -> Floats:
        """Probabilities (n, classes) of `rows` (n, D)."""
        return _softmax(rows @ self.coefficients[:-1] + self.coefficients[-1])


class Problem:
    """Rows that coefficients are fitted to, with one C or several.

    Args:
        rows: (n, D) float32.
        labels: (n,) indices of classes.
        weights: (n,) float32, what each row counts for.
        classes: how many there are, whether or not each has a row.
    """

    def __init__(self, rows: Floats, labels: Labels, weights: Floats, classes: int) -> None:
        self.rows, self.labels, self.weights, self.classes = rows, labels, weights, classes
        # Products go along the rows of what they read; the gradient's would go across them.
        self._columns = np.ascontiguousarray(rows.T)
        self._wanted = np.eye(classes, dtype=np.float32)[labels]
        self._picked = np.arange(len(rows))

    def fit(
        self, c: float, start: Floats | None = None, *, tolerance: float, sparse: bool
    ) -> Solution:
        """Fit with an L2 penalty, or with L1 if `sparse`, from `start` (nothing if None)."""
        shape = (self.rows.shape[1] + 1, self.classes)
        begin = np.zeros(shape) if start is None else np.asarray(start, np.float64)
        # Of two classes scikit-learn has the difference alone, whose square is twice the sum of
        # theirs: half of C is as strong a penalty. Sums of magnitudes are the same.
        c = c / 2 if self.classes == 2 and not sparse else c
        penalty = 1 / (c * len(self.rows))
        solve = self._sparse if sparse else self._dense
        found, weights = solve(begin, penalty, {"maxiter": PASSES, "gtol": tolerance, "ftol": 1e-9})
        converged = bool(found.success) or _rests(found, 10 * tolerance)
        return Solution(coefficients=weights.astype(np.float32), converged=converged)

    def _dense(
        self, begin: Floats, penalty: float, options: dict[str, float]
    ) -> tuple[Any, Floats]:
        def loss(flat: Floats) -> tuple[float, Floats]:
            weights = flat.reshape(begin.shape)
            value, slope = self._loss(weights)
            slope[:-1] += penalty * weights[:-1]
            return value + penalty / 2 * float(np.square(weights[:-1]).sum()), slope.ravel()

        found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options=options)
        return found, found.x.reshape(begin.shape)

    def _sparse(
        self, begin: Floats, penalty: float, options: dict[str, float]
    ) -> tuple[Any, Floats]:
        """The penalty is smooth in what a coefficient has above and below 0, each at least 0."""
        below = begin.copy()
        below[-1] = 0  # intercepts are free, and not penalised
        above = np.where(np.arange(len(begin))[:, None] < len(begin) - 1, begin.clip(0), begin)
        price = np.full_like(begin, penalty)
        price[-1] = 0

        def loss(flat: Floats) -> tuple[float, Floats]:
            up, down = flat.reshape(2, *begin.shape)
            value, slope = self._loss(up - down)
            value += float((price * (up + down)).sum())
            opposite = price - slope
            opposite[-1] = 0
            return value, np.stack([price + slope, opposite]).ravel()

        least = np.zeros((2, *begin.shape))
        least[0, -1] = -np.inf
        found = minimize(
            loss,
            np.stack([above, (-below).clip(0)]).ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(least.ravel(), np.inf),
            options=options,
        )
        found.jac[(found.x <= least.ravel()) & (found.jac > 0)] = 0  # out of bounds is no way down
        up, down = found.x.reshape(2, *begin.shape)
        return found, up - down

    def _loss(self, weights: Floats) -> tuple[float, Floats]:
        """The mean weighted negative log likelihood and its slope, float64."""
        weights = weights.astype(np.float32)
        logits = self.rows @ weights[:-1] + weights[-1]
        logits -= logits.max(1, keepdims=True)
        own = logits[self._picked, self.labels]
        np.exp(logits, out=logits)
        sums = logits.sum(1, keepdims=True)
        away = (logits / sums - self._wanted) * self.weights[:, None] / len(self.rows)
        slope = np.empty(weights.shape)
        slope[:-1] = self._columns @ away
        slope[-1] = away.sum(0)
        return float(((np.log(sums[:, 0]) - own) * self.weights).mean(dtype=np.float64)), slope


def _rests(found: Any, tolerance: float) -> bool:
    """Whether the optimiser ended where float32 resolves no descent, at next to no slope.

    It then reports that its line search failed, even where the slope is barely above what it was to
    come down to.
    """
    return bool(found.status == 2 and np.abs(found.jac).max() <= tolerance)


def _softmax(logits: Floats) -> Floats:
    shares: Floats = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return shares
