"""Softmax regression: scikit-learn's, in fewer passes over the embeddings.

scikit-learn's own fit takes float64 coefficients to float32 rows, so that every pass copies them
all. This is the same loss by the same optimiser, SciPy's L-BFGS-B, with passes in float32 alone.
Sparse fits (L1) are scikit-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression

from striate.transferring.validation import Floats, Labels

#: Most passes of a fit; for L1 in the search, and for the fit that is kept.
PASSES = 300
SPARSE_PASSES, SPARSE_FINAL_PASSES = 60, 600


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Coefficients (D + 1, classes) float32, the last row the intercepts."""

    coefficients: Floats
    converged: bool

    def shares(self, rows: Floats) -> Floats:
        """Probabilities (n, classes) of `rows` (n, D)."""
        return _softmax(rows @ self.coefficients[:-1] + self.coefficients[-1])


class Problem:
    """Rows that several strengths are fitted to.

    Parameters
    ----------
    rows: (n, D) float32.
    labels: (n,) indices of classes.
    """

    def __init__(self, rows: Floats, labels: Labels, classes: int) -> None:
        self.rows, self.labels, self.classes = rows, labels, classes
        # Products go along the rows of what they read; the gradient's would go across them.
        self._columns = np.ascontiguousarray(rows.T)
        self._wanted = np.eye(classes, dtype=np.float32)[labels]
        self._picked = np.arange(len(rows))

    def fit(self, strength: float, start: Floats | None = None, *, tolerance: float) -> Solution:
        """Fit with an L2 penalty, from `start` (nothing if None).

        Of two classes scikit-learn has the difference alone, whose square is twice the sum of
        theirs: half the strength holds it back as much.
        """
        shape = (self.rows.shape[1] + 1, self.classes)
        begin = np.zeros(shape) if start is None else start
        hold = (2 if self.classes == 2 else 1) / (strength * len(self.rows))

        def loss(flat: Floats) -> tuple[float, Floats]:
            weights = flat.reshape(shape).astype(np.float32)
            logits = self.rows @ weights[:-1] + weights[-1]
            logits -= logits.max(1, keepdims=True)
            own = logits[self._picked, self.labels]
            np.exp(logits, out=logits)
            sums = logits.sum(1, keepdims=True)
            away = (logits / sums - self._wanted) / len(self.rows)
            slope = np.empty(shape)
            slope[:-1] = self._columns @ away + hold * weights[:-1]
            slope[-1] = away.sum(0)
            squares = float(np.square(weights[:-1], dtype=np.float64).sum())
            mean = float((np.log(sums[:, 0]) - own).mean(dtype=np.float64))
            return mean + hold / 2 * squares, slope.ravel()

        found = minimize(
            loss,
            np.asarray(begin, np.float64).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": PASSES, "gtol": tolerance, "ftol": 1e-9},
        )
        weights = found.x.reshape(shape).astype(np.float32)
        return Solution(coefficients=weights, converged=bool(found.success))


class SparseProblem:
    """The same with an L1 penalty, which leaves features out. Each fit starts from the last one."""

    def __init__(self, rows: Floats, labels: Labels, classes: int, seed: int) -> None:
        self.rows, self.labels, self.classes = rows, labels, classes
        self._path = LogisticRegression(
            solver="saga", l1_ratio=1.0, tol=1e-3, warm_start=True, random_state=seed
        )

    def fit(self, strength: float, *, passes: int) -> Solution:
        """Fit in at most so many `passes`."""
        self._path.set_params(C=strength, max_iter=passes)
        self._path.fit(self.rows, self.labels)
        ended = int(self._path.n_iter_.max()) < passes
        weights = np.concatenate([self._path.coef_.T, self._path.intercept_[None]])
        if self.classes == 2:
            weights = np.concatenate([-weights / 2, weights / 2], axis=1)
        return Solution(coefficients=weights.astype(np.float32), converged=ended)


def _softmax(logits: Floats) -> Floats:
    shares: Floats = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return shares
