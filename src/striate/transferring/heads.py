"""Fitting a head to embeddings: softmax regression and support vector machines.

The machines are scikit-learn's (`machines.py`); the regression is its loss by SciPy's optimiser
(`regression.py`), held to scikit-learn's own answers by the tests.

Everything is decided on the training images alone. How strongly a head is held back is chosen by
stratified cross-validation (see `striate.transferring.validation`); the scores that each image was
given while it was held out are also what a machine's probabilities are calibrated on.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import l1_min_c

from striate.errors import StriateError, nearest
from striate.transferring import machines
from striate.transferring.filling import copy_into, fill_standardise
from striate.transferring.machines import Margins, fit_gaussian, fit_linear
from striate.transferring.regression import Problem
from striate.transferring.validation import Floats, Labels, Map, Samples, Trial, search, threads
from striate.zoo.heads import HEADS, Head, SoftmaxHead

Penalty = Literal["l2", "l1"]

# scikit-learn's C, from the strongest hold to the weakest. Standardised features of a wide
# embedding separate almost anything, so that the best is far below scikit-learn's default of 1.
STRENGTHS = 10.0 ** np.arange(-4.0, 2.1, 0.5)
#: Likewise, in units of the strength at which the first feature is let in.
L1_STRENGTHS = 10.0 ** np.arange(0.5, 3.1, 0.5)
#: Where the search begins in either.
BEGIN, BEGIN_L1 = 4, 2
#: Without a second image of any class nothing can be held out; this C serves then.
UNTRIED = 0.01


@dataclass(frozen=True, kw_only=True)
class FittedHead:
    """A head and how it was found."""

    kind: str
    penalty: Penalty
    head: Head
    folds: int
    """0 where nothing could be held out."""
    trials: tuple[Trial, ...]
    chosen: Trial
    """With an accuracy that is not a number where nothing could be held out."""
    seconds: float = 0.0
    margins: Margins | None = None
    note: str = ""
    """What a person should know, or nothing."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the head itself."""
        return {
            "kind": self.kind,
            "penalty": self.penalty,
            "folds": self.folds,
            "trials": [asdict(each) for each in self.trials],
            "chosen": asdict(self.chosen) if self.folds else {"strength": self.chosen.strength},
            "seconds": round(self.seconds, 3),
            "note": self.note,
            "margins": None if self.margins is None else asdict(self.margins),
        }


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

    Parameters
    ----------
    kind: ``softmax``, ``svm`` (linear) or ``svm-rbf`` (a Gaussian kernel).
    features: (images, D), or (images, views, D) with the image as it is for its first view. All
        views of an image are held out together, and it is judged by its first.
    labels: (images,) indices into `classes`, each of which has an image.
    penalty: ``l2``, or ``l1`` for softmax regression that leaves many features out.
    seed: decides which images share a fold.

    Raises
    ------
    StriateError: no such head or penalty, too many rows for the kernel, or a class of one image
        for a support vector machine, whose probabilities need a second one to be calibrated on.
    """
    began = time.monotonic()
    views = features[:, None] if features.ndim == 2 else features
    check_head(kind, penalty, labels, classes, views=views.shape[1])
    samples = Samples.of(views, labels, len(classes), seed)
    with warnings.catch_warnings():
        # Fits on the way to a fold's figure may end early; the one that is kept says so itself.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if kind == "softmax":
            fitted = _fit_softmax(samples, penalty)
        else:
            found = fit_linear(samples, seed) if kind == "svm" else fit_gaussian(samples)
            fitted = FittedHead(
                kind=kind,
                penalty="l2",
                head=found.head,
                folds=len(samples.folds),
                trials=found.trials,
                chosen=found.chosen,
                margins=found.margins,
            )
    fitted.head.eval()
    return replace(fitted, seconds=time.monotonic() - began)


def check_head(
    kind: str, penalty: str, labels: Labels, classes: Sequence[str], *, views: int
) -> None:
    """Raise what `fit_head` would, of a head that cannot be fitted, without any features."""
    if kind not in HEADS:
        raise StriateError(f"--head {kind}", "there is no such head", nearest(kind, HEADS))
    if penalty not in ("l1", "l2"):
        raise StriateError(f"--penalty {penalty}", "is unknown", nearest(penalty, ("l1", "l2")))
    if penalty == "l1" and kind != "softmax":
        raise StriateError("--penalty l1", f"does not go with --head {kind}", "take --head softmax")
    if kind == "softmax":
        return
    counts = np.bincount(labels, minlength=len(classes))
    if (counts < 2).any():
        alone = classes[int(np.flatnonzero(counts < 2)[0])]
        raise StriateError(
            f"--head {kind}",
            f"class '{alone}' has one image to train on, and a machine's probabilities are "
            "calibrated on images that it was not fitted to",
            "add an image of that class, or take --head softmax",
        )
    if kind == "svm-rbf" and len(labels) * views > machines.MOST_KERNEL_ROWS:
        raise StriateError(
            "--head svm-rbf",
            f"its kernel of {len(labels):,} images in {views} views does not fit into "
            f"memory (at most {machines.MOST_KERNEL_ROWS:,} together)",
            "take --head svm or softmax",
        )


# --- softmax regression -----------------------------------------------------------------------


def _fit_softmax(samples: Samples, penalty: Penalty) -> FittedHead:
    sparse = penalty == "l1"
    strengths = STRENGTHS
    if sparse:
        strengths = L1_STRENGTHS * l1_min_c(samples.rows, samples.labels, loss="log")
    with threads() as run:
        trials, chosen, start = _try(samples, strengths.tolist(), run, sparse=sparse)
        whole = Problem(samples.rows, samples.labels, samples.classes)
        solution = whole.fit(chosen.strength, start, tolerance=1e-4, sparse=sparse)
    head = SoftmaxHead(samples.rows.shape[1], samples.classes)
    fill_standardise(head, samples)
    copy_into(head.linear.weight, solution.coefficients[:-1].T)
    copy_into(head.linear.bias, solution.coefficients[-1])
    note = f"softmax regression ({penalty}) did not converge: its weights are near the best ones"
    return FittedHead(
        kind="softmax",
        penalty=penalty,
        head=head,
        folds=len(samples.folds),
        trials=trials,
        chosen=chosen,
        note="" if solution.converged else note,
    )


def _try(
    samples: Samples, strengths: list[float], run: Map[Any, Any], *, sparse: bool
) -> tuple[tuple[Trial, ...], Trial, Floats | None]:
    """The strengths tried, the best of them, and coefficients near those that all images give."""
    if not samples.folds:
        strength = strengths[BEGIN_L1] if sparse else UNTRIED
        nan = float("nan")
        return (), Trial(strength=strength, accuracy=nan, deviation=nan), None
    problems = [
        Problem(samples.rows[fold.fitted], samples.labels[fold.fitted], samples.classes)
        for fold in samples.folds
    ]
    solved: list[dict[float, Floats]] = [{} for _ in problems]

    def judge(strength: float) -> Sequence[Floats]:
        def held(number: int) -> Floats:
            known = solved[number]
            near = min(known, key=lambda other: abs(np.log(other / strength)), default=None)
            start = None if near is None else known[near]
            solution = problems[number].fit(strength, start, tolerance=1e-3, sparse=sparse)
            known[strength] = solution.coefficients
            return solution.shares(samples.rows[samples.folds[number].held])

        return run(held, range(len(problems)))

    begin = BEGIN_L1 if sparse else BEGIN
    found = search(samples, strengths, judge, by="loss", start=begin)
    start = np.mean([known[found.best.strength] for known in solved], axis=0)
    return found.trials, found.best, start
