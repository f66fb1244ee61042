"""Fitting a head to embeddings: softmax regression and support vector machines, by scikit-learn.

Everything is decided on the training images alone. How strongly a head is held back is chosen by
stratified cross-validation (see `striate.transferring.validation`); the scores that each image was
given while it was held out are also what a machine's probabilities are calibrated on.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC, l1_min_c

from striate.errors import StriateError, nearest
from striate.transferring.filling import (
    copy_into,
    fill_linear,
    fill_sigmoids,
    fill_standardise,
)
from striate.transferring.validation import Floats, Labels, Samples, Searched, Trial, better, search
from striate.zoo.heads import HEADS, Head, LinearSVMHead, RBFSVMHead, SoftmaxHead

Penalty = Literal["l2", "l1"]

# scikit-learn's C, from the strongest hold to the weakest. Standardised features of a wide
# embedding separate almost anything, so that the best is far below scikit-learn's default of 1.
STRENGTHS = 10.0 ** np.arange(-4.0, 2.1, 0.5)
#: Likewise, in units of the strength at which the first feature is let in.
L1_STRENGTHS = 10.0 ** np.arange(0.5, 3.1, 0.5)
LINEAR_STRENGTHS = 10.0 ** np.arange(-5.0, 0.6, 0.5)
GAUSSIAN_STRENGTHS = (1.0, 10.0, 100.0)
#: Widths of the Gaussian kernel, in units of 1 / features: squared distances between standardised
#: embeddings are about twice their length.
WIDTHS = (0.25, 1.0)
#: Without a second image of any class nothing can be held out; this C serves then.
UNTRIED = 0.01
#: The kernel is held in memory, 8 bytes for each pair of rows: 1.2 GB for this many.
MOST_KERNEL_ROWS = 12_000

_BINS = np.round(np.arange(-2.0, 4.01, 0.2), 1)
_PICTURED = 24


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

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the head itself."""
        return {
            "kind": self.kind,
            "penalty": self.penalty,
            "folds": self.folds,
            "trials": [asdict(each) for each in self.trials],
            "chosen": asdict(self.chosen) if self.folds else {"strength": self.chosen.strength},
            "seconds": round(self.seconds, 3),
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
        # The first strengths of a path, and machines on the way to a fold's figure, may end early.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if kind == "softmax":
            fitted = _fit_softmax(samples, penalty, seed)
        elif kind == "svm":
            fitted = _fit_linear(samples, seed)
        else:
            fitted = _fit_gaussian(samples)
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
    if kind == "svm-rbf" and len(labels) * views > MOST_KERNEL_ROWS:
        raise StriateError(
            "--head svm-rbf",
            f"its kernel of {len(labels):,} images in {views} views does not fit into "
            f"memory (at most {MOST_KERNEL_ROWS:,} together)",
            "take --head svm or softmax",
        )


# --- softmax regression -----------------------------------------------------------------------


def _fit_softmax(samples: Samples, penalty: Penalty, seed: int) -> FittedHead:
    strengths = STRENGTHS
    if penalty == "l1":
        strengths = L1_STRENGTHS * l1_min_c(samples.rows, samples.labels, loss="log")
    if samples.folds:
        # One estimator a fold goes along the whole path, each strength starting from the last.
        paths = [_regression(penalty, seed, tolerance=1e-3) for _ in samples.folds]

        def judge(strength: float, number: int) -> Floats:
            fold, path = samples.folds[number], paths[number]
            path.C = strength
            path.fit(samples.rows[fold.fitted], samples.labels[fold.fitted])
            shares: Floats = path.predict_proba(samples.rows[fold.held])
            return shares

        found = search(samples, strengths, judge, by="loss")
        trials, chosen = found.trials, found.best
    else:
        trials, chosen = (), _untried(UNTRIED if penalty == "l2" else 1.0)
    final = _regression(penalty, seed, tolerance=1e-4)
    final.C = chosen.strength
    final.fit(samples.rows, samples.labels)
    head = SoftmaxHead(samples.rows.shape[1], samples.classes)
    fill_standardise(head, samples)
    fill_linear(head, final.coef_, final.intercept_)
    return FittedHead(
        kind="softmax",
        penalty=penalty,
        head=head,
        folds=len(samples.folds),
        trials=trials,
        chosen=chosen,
    )


def _regression(penalty: Penalty, seed: int, *, tolerance: float) -> LogisticRegression:
    if penalty == "l2":
        return LogisticRegression(max_iter=300, tol=tolerance, warm_start=True)
    return LogisticRegression(
        solver="saga", l1_ratio=1.0, max_iter=60, tol=tolerance, warm_start=True, random_state=seed
    )


def _untried(strength: float) -> Trial:
    return Trial(strength=strength, accuracy=float("nan"), deviation=float("nan"))


# --- support vector machines ------------------------------------------------------------------


def _fit_linear(samples: Samples, seed: int) -> FittedHead:
    """A machine for each class against the rest, without a kernel but that of the products."""
    if len(samples.rows) > MOST_KERNEL_ROWS:
        return _fit_descent(samples, seed)
    rows = samples.rows.astype(np.float64)
    kernel = rows @ rows.T
    found = search(samples, LINEAR_STRENGTHS, _judge(samples, kernel), by="accuracy")
    used, intercepts = _duals(kernel, samples, found.best.strength)
    return _linear_machine(samples, found, used.T @ rows, intercepts, (used != 0).any(1))


def _fit_descent(samples: Samples, seed: int) -> FittedHead:
    """The same for more rows than a kernel has room for: squared hinge loss, coordinate descent."""

    def fit(strength: float, rows: Floats, labels: Labels) -> LinearSVC:
        machine = LinearSVC(C=strength, dual=True, tol=1e-2, max_iter=300, random_state=seed)
        return machine.fit(rows, labels)

    def judge(strength: float, number: int) -> Floats:
        fold = samples.folds[number]
        machine = fit(strength, samples.rows[fold.fitted], samples.labels[fold.fitted])
        return _both(machine.decision_function(samples.rows[fold.held]))

    found = search(samples, LINEAR_STRENGTHS[::2], judge, by="accuracy")
    final = fit(found.best.strength, samples.rows, samples.labels)
    scores = _both(final.decision_function(samples.rows))
    # Rows on the margin or within have a part in the loss: they hold up the border.
    own = samples.labels[:, None] == np.arange(samples.classes)
    within: NDArray[np.bool_] = np.any(np.where(own, scores, -scores) < 1, axis=1)
    return _linear_machine(samples, found, final.coef_, final.intercept_, within)


def _linear_machine(
    samples: Samples, found: Searched, weights: Floats, offsets: Floats, vectors: NDArray[np.bool_]
) -> FittedHead:
    head = LinearSVMHead(samples.rows.shape[1], samples.classes)
    fill_standardise(head, samples)
    fill_linear(head, weights, offsets)
    fill_sigmoids(head, found)
    scores = (
        samples.rows @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    )
    return FittedHead(
        kind="svm",
        penalty="l2",
        head=head,
        folds=len(samples.folds),
        trials=found.trials,
        chosen=found.best,
        margins=_margins(samples, scores, vectors),
    )


def _fit_gaussian(samples: Samples) -> FittedHead:
    rows = samples.rows.astype(np.float64)
    squares = (rows**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2 * (rows @ rows.T), 0.0)
    searches = [
        search(
            samples,
            GAUSSIAN_STRENGTHS,
            _judge(samples, np.exp(-relative / rows.shape[1] * distances)),
            by="accuracy",
            width=relative / rows.shape[1],
        )
        for relative in WIDTHS
    ]
    found = searches[0]
    for other in searches[1:]:
        found = other if better(other.best, found.best) else found
    assert found.best.width is not None
    kernel = np.exp(-found.best.width * distances)
    used, intercepts = _duals(kernel, samples, found.best.strength)
    kept = np.flatnonzero((used != 0).any(1))
    head = RBFSVMHead(rows.shape[1], samples.classes, len(kept))
    fill_standardise(head, samples)
    copy_into(head.support, samples.rows[kept])
    copy_into(head.width, np.array(found.best.width))
    copy_into(head.linear.weight, used[kept].T)
    copy_into(head.linear.bias, intercepts)
    fill_sigmoids(head, found)
    return FittedHead(
        kind="svm-rbf",
        penalty="l2",
        head=head,
        folds=len(samples.folds),
        trials=tuple(trial for one in searches for trial in one.trials),
        chosen=found.best,
        margins=_margins(samples, kernel @ used + intercepts, (used != 0).any(1)),
    )


def _duals(kernel: Floats, samples: Samples, strength: float) -> tuple[Floats, Floats]:
    """Coefficients (rows, classes) and intercepts (classes,) of machines fitted to all rows."""
    machines = _machines(kernel, samples.labels, samples.classes, strength)
    used = np.zeros((len(kernel), samples.classes))
    for number, (machine, sign) in enumerate(machines):
        used[machine.support_, number] = sign * machine.dual_coef_[0]
    return used, np.array([sign * machine.intercept_[0] for machine, sign in machines])


def _judge(samples: Samples, kernel: Floats) -> Callable[[float, int], Floats]:
    """How well machines on parts of `kernel` do: see `search`."""

    def judge(strength: float, number: int) -> Floats:
        fold = samples.folds[number]
        within = kernel[np.ix_(fold.fitted, fold.fitted)]
        across = kernel[np.ix_(fold.held, fold.fitted)]
        labels = samples.labels[fold.fitted]
        machines = _machines(within, labels, samples.classes, strength)
        columns = [
            sign * (across[:, machine.support_] @ machine.dual_coef_[0] + machine.intercept_[0])
            for machine, sign in machines
        ]
        return np.stack(columns, axis=1)

    return judge


def _machines(
    kernel: Floats, labels: Labels, classes: int, strength: float
) -> list[tuple[SVC, int]]:
    """A machine for each class against the rest, with the sign that its scores have to be given."""
    kernel = np.ascontiguousarray(kernel)
    wanted = range(classes) if classes > 2 else (1,)
    machines = [
        SVC(kernel="precomputed", C=strength, tol=1e-2).fit(kernel, labels == one) for one in wanted
    ]
    if classes == 2:
        return [(machines[0], -1), (machines[0], 1)]
    return [(machine, 1) for machine in machines]


def _both(scores: Floats) -> Floats:
    """(rows, classes) of what scikit-learn gives, which for two classes is one column."""
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def _margins(samples: Samples, scores: Floats, supporting: NDArray[np.bool_]) -> Margins:
    """`scores` (rows, classes) and `supporting` (rows,) as images' margins: the worst view's."""
    rows = np.take_along_axis(scores, samples.labels[:, None], axis=1)
    own = rows.reshape(-1, samples.views).min(1)
    vectors = supporting.reshape(-1, samples.views).any(1)
    counts, _ = np.histogram(np.clip(own, _BINS[0], _BINS[-1]), _BINS)
    held = np.flatnonzero(vectors)
    hardest = held[np.argsort(own[held], kind="stable")][:_PICTURED]
    return Margins(
        edges=tuple(_BINS.tolist()),
        counts=tuple(counts.tolist()),
        wrong=int((own < 0).sum()),
        within=int(((own >= 0) & (own < 1)).sum()),
        vectors=len(held),
        hardest=tuple((int(i), round(float(own[i]), 4)) for i in hardest),
    )
