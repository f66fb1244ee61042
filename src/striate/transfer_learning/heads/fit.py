"""Fitting a head to embeddings: softmax regression and support vector machines (SVMs).

The SVMs are scikit-learn's (`svm.py`); the regression is its loss by SciPy's optimiser
(`softmax.py`), which the tests hold against scikit-learn's own results.

Everything is decided on the training images alone. Features are scaled (`scaling.py`). C is chosen
by stratified cross-validation (`cross_validation.py`); an SVM's probabilities are calibrated on the
scores of images while these were held out (`calibration.py`).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import l1_min_c

from striate.errors import StriateError, nearest, parameter
from striate.hub.heads import HEADS, Head, SoftmaxHead
from striate.recipes.frozen import HeadKind
from striate.transfer_learning.heads import svm
from striate.transfer_learning.heads.cross_validation import (
    Labels,
    Map,
    Samples,
    Searched,
    Trial,
    best_scaling,
    search,
    threads,
    untried,
)
from striate.transfer_learning.heads.modules import copy_into, fill_standardise
from striate.transfer_learning.heads.scaling import Floats, Kind
from striate.transfer_learning.heads.softmax import Problem
from striate.transfer_learning.heads.svm import Margins, fit_gaussian, fit_linear

Penalty = Literal["l2", "l1"]

#: Raised whenever the same features give another head, or another description of one: cache entries
#: of heads are of those before.
METHOD = 3

#: scikit-learn's C. A wide embedding separates almost any images, so that the best is far below
#: scikit-learn's default of 1.
C_VALUES = 10.0 ** np.arange(-4.0, 2.1, 0.5)
#: Likewise, in units of the C at which the first feature is let in.
L1_C_VALUES = 10.0 ** np.arange(0.5, 3.1, 0.5)
#: Where the search begins in either, and what serves where nothing can be held out.
BEGIN, BEGIN_L1 = 5, 2
#: How far away neighbours are at first, and then.
STRIDES = (2, 1)


@dataclass(frozen=True, kw_only=True)
class FittedHead:
    """A head and how it was found."""

    kind: HeadKind
    penalty: Penalty
    head: Head
    folds: int
    """0 where nothing could be held out."""
    trials: tuple[Trial, ...]
    chosen: Trial
    """With an accuracy that is not a number where nothing could be held out."""
    seconds: float = 0.0
    margins: Margins | None = None
    calibrated: int | None = None
    """Held-out images that an SVM's probabilities were calibrated on; None for other heads."""
    note: str = ""
    """What a person should know, or empty."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the head itself."""
        return {
            "kind": self.kind,
            "penalty": self.penalty,
            "folds": self.folds,
            "trials": [asdict(each) for each in self.trials],
            "chosen": self._chosen(),
            "seconds": round(self.seconds, 3),
            "note": self.note,
            "margins": None if self.margins is None else asdict(self.margins),
            "calibrated": self.calibrated,
        }

    def _chosen(self) -> dict[str, Any]:
        """Without an accuracy where nothing was held out: JSON has no word for that."""
        if self.folds:
            return asdict(self.chosen)
        return {"C": self.chosen.C, "gamma": self.chosen.gamma}


def fit_head(
    kind: str,
    features: Floats,
    labels: Labels,
    classes: Sequence[str],
    *,
    penalty: Penalty = "l2",
    seed: int = 0,
) -> FittedHead:
    """Fit a head of that kind to embeddings. The same input gives the same head.

    Args:
        kind: ``softmax``, ``svm`` (linear) or ``svm-rbf`` (a Gaussian kernel).
        features: (images, D), or (images, views, D) with the image as it is for its first view. All
            views of an image are held out together, and it is judged by its first.
        labels: (images,) indices into `classes`, each of which has an image.
        classes: their names.
        penalty: ``l2``, or ``l1`` for softmax regression that leaves many features out.
        seed: decides which images share a fold.

    Returns:
        The head, and what came of trying values of C.

    Raises:
        StriateError: no such head or penalty, or too many rows for the kernel.
    """
    began = time.monotonic()
    views = features[:, None] if features.ndim == 2 else features
    check_head(kind, penalty, images=len(labels), views=views.shape[1])
    samples = Samples.of(views, labels, len(classes), seed)
    with warnings.catch_warnings():
        # Fits on the way to a fold's figure may end early; the final one is checked by itself.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if kind == "softmax":
            fitted = _fit_softmax(samples, penalty)
        else:
            linear = kind == "svm"
            found = fit_linear(samples, seed) if linear else fit_gaussian(samples)
            fitted = FittedHead(
                kind="svm" if linear else "svm-rbf",
                penalty="l2",
                head=found.head,
                folds=len(samples.folds),
                trials=found.trials,
                chosen=found.chosen,
                margins=found.margins,
                calibrated=found.calibration.images,
                note=found.calibration.note,
            )
    fitted.head.eval()
    return replace(fitted, seconds=time.monotonic() - began)


def check_head(kind: str, penalty: str, *, images: int, views: int) -> None:
    """Raise what `fit_head` would, of a head that cannot be fitted, without any features."""
    if kind not in HEADS:
        raise StriateError(parameter("head", kind), "there is no such head", nearest(kind, HEADS))
    if penalty not in ("l1", "l2"):
        which = parameter("penalty", penalty)
        raise StriateError(which, "is unknown", nearest(penalty, ("l1", "l2")))
    if penalty == "l1" and kind != "softmax":
        raise StriateError(
            parameter("penalty", "l1"),
            f"does not go with {parameter('head', kind)}",
            f"take {parameter('head', 'softmax')}",
        )
    if kind == "svm-rbf" and images * views > svm.MOST_KERNEL_ROWS:
        raise StriateError(
            parameter("head", kind),
            f"its kernel of {images:,} images in {views} views does not fit into "
            f"memory (at most {svm.MOST_KERNEL_ROWS:,} together)",
            f"take {parameter('head', 'svm')} or {parameter('head', 'softmax')}",
        )


# --- softmax regression -----------------------------------------------------------------------


def _fit_softmax(samples: Samples, penalty: Penalty) -> FittedHead:
    sparse = penalty == "l1"
    begin = BEGIN_L1 if sparse else BEGIN
    starts: dict[Kind, Floats] = {}
    with threads() as run:
        judge = lru_cache(1)(partial(_Judge, run, sparse))  # a better one is gone on with

        def climb(scaled: Samples, first: int, strides: Sequence[int]) -> Searched:
            judged = judge(scaled)
            given = scaled, _c_values(scaled, sparse), judged
            found = search(*given, start=first, strides=strides)
            starts[scaled.scaled] = judged.near(found.best.C)
            return found

        if samples.folds:
            samples, found = best_scaling(samples, climb, begin, STRIDES)
        whole = Problem(samples.rows, samples.labels, samples.classes)
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
    return FittedHead(
        kind="softmax",
        penalty=penalty,
        head=head,
        folds=len(samples.folds),
        trials=found.trials,
        chosen=found.best,
        note="" if solution.converged else note,
    )


def _c_values(samples: Samples, sparse: bool) -> list[float]:
    if not sparse:
        return [float(each) for each in C_VALUES]
    least = l1_min_c(samples.rows, samples.labels, loss="log")
    return [float(each * least) for each in L1_C_VALUES]


class _Judge:
    """Probabilities of the images that each fold holds out, by regressions fitted to the others.

    See `search`. Each fit begins with the coefficients of the nearest C.
    """

    def __init__(self, run: Map[Any, Any], sparse: bool, samples: Samples) -> None:
        self.run, self.sparse = run, sparse
        self.problems: list[Problem] = []
        self.held: list[Floats] = []
        for number, fold in enumerate(samples.folds):
            rows, held = samples.split(number)
            self.problems.append(Problem(rows, samples.labels[fold.fitted], samples.classes))
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
