"""A head of softmax regression: its C and the scaling of features by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
from sklearn.svm import l1_min_c

from striate.hub.heads import SoftmaxHead
from striate.transfer_learning.heads.cross_validation import Map, Samples, threads
from striate.transfer_learning.heads.modules import copy_into, fill_standardise
from striate.transfer_learning.heads.scaling import Floats, Kind
from striate.transfer_learning.heads.search import (
    Searched,
    Trial,
    best_scaling,
    search,
    untried,
)
from striate.transfer_learning.heads.solver import Problem

#: ``l1`` leaves many features out.
Penalty = Literal["l2", "l1"]

#: scikit-learn's C. A wide embedding separates almost any images, so that the best is far below
#: scikit-learn's default of 1.
C_VALUES = 10.0 ** np.arange(-4.0, 2.1, 0.5)
#: Likewise, in units of the C at which the first feature is let in.
L1_C_VALUES = 10.0 ** np.arange(0.5, 3.1, 0.5)
#: Where the search begins in either, and what serves where nothing can be held out.
BEGIN, BEGIN_L1 = 5, 2
#: How far away neighbours are at first, and then.
STRIDES = (2, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSoftmax:
    """A head of softmax regression and how it was found."""

    head: SoftmaxHead
    trials: tuple[Trial, ...]
    chosen: Trial
    note: str
    """What a person should know, or empty."""
    held_shares: Floats
    """(held, classes): probabilities of the images that folds hold out, fold by fold."""


def fit_softmax(samples: Samples, penalty: Penalty) -> FittedSoftmax:
    """Softmax regression with the C and the scaling that cross-validation favours."""
    sparse = penalty == "l1"
    begin = BEGIN_L1 if sparse else BEGIN
    starts: dict[Kind, Floats] = {}
    with threads() as run:
        judge = lru_cache(1)(
            partial(_FoldProbabilities, run, sparse)
        )  # a better one is gone on with

        def climb(scaled: Samples, first: int, strides: Sequence[int]) -> Searched:
            judged = judge(scaled)
            given = scaled, _c_values(scaled, sparse), judged
            found = search(*given, start=first, strides=strides)
            starts[scaled.scaled] = judged.near(found.best.C)
            return found

        if samples.folds:
            samples, found = best_scaling(samples, climb, begin, STRIDES)
        whole = Problem(samples.rows, samples.labels, samples.weights, samples.classes)
        if not samples.folds:
            found = untried(
                samples,
                _c_values(samples, sparse)[begin:],
                lambda c: whole.fit(c, tolerance=1e-3, sparse=sparse).shares(samples.rows),
            )
        start = starts.get(samples.scaled)
        solution = whole.fit(found.best.C, start, tolerance=1e-4, sparse=sparse)
    head = SoftmaxHead(samples.rows.shape[1], samples.classes)
    fill_standardise(head, samples.scaling)
    copy_into(head.linear.weight, solution.coefficients[:-1].T)
    copy_into(head.linear.bias, solution.coefficients[-1])
    note = f"softmax regression ({penalty}) did not converge: its weights are near the best ones"
    return FittedSoftmax(
        head=head,
        trials=found.trials,
        chosen=found.best,
        note="" if solution.converged else note,
        held_shares=found.scores,
    )


def _c_values(samples: Samples, sparse: bool) -> list[float]:
    if not sparse:
        return [float(each) for each in C_VALUES]
    least = l1_min_c(samples.rows, samples.labels, loss="log")
    return [float(each * least) for each in L1_C_VALUES]


class _FoldProbabilities:
    """Probabilities of the images that each fold holds out, by regressions fitted to the others.

    See `search`. Each fit begins with the coefficients of the nearest C.
    """

    def __init__(self, run: Map[Any, Any], sparse: bool, samples: Samples) -> None:
        self.run, self.sparse = run, sparse
        self.problems: list[Problem] = []
        self.held: list[Floats] = []
        for number, fold in enumerate(samples.folds):
            rows, held = samples.split(number)
            given = samples.labels[fold.fitted], samples.weights[fold.fitted]
            self.problems.append(Problem(rows, *given, samples.classes))
            self.held.append(held)
        self.solved: list[dict[float, Floats]] = [{} for _ in self.problems]

    def __call__(self, c: float) -> list[Floats]:
        def shares(number: int) -> Floats:
            known = self.solved[number]
            near = min(known, key=lambda other: abs(np.log(other / c)), default=None)
            solution = self.problems[number].fit(
                c,
                None if near is None else known[near],
                tolerance=1e-3,
                sparse=self.sparse,
            )
            known[c] = solution.coefficients
            return solution.shares(self.held[number])

        return self.run(shares, range(len(self.problems)))

    def near(self, c: float) -> Floats:
        """Coefficients near those that all images give."""
        mean: Floats = np.mean([known[c] for known in self.solved], axis=0)
        return mean
