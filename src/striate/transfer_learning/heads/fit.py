"""Fitting a head to embeddings: softmax regression and support vector machines (SVMs).

The SVMs are scikit-learn's (`svm.py`); the regression (`softmax.py`) is its loss by SciPy's
optimiser (`solver.py`), which the tests hold against scikit-learn's own results.

Everything is decided on the training images alone. Features are scaled (`scaling.py`). C is chosen
by stratified cross-validation (`cross_validation.py`); an SVM's probabilities are calibrated on the
scores of images while these were held out (`calibration.py`).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from striate.errors import StriateError, nearest, parameter
from striate.hub.heads import HEADS, Head
from striate.recipes.choices import ClassWeights
from striate.recipes.frozen import HeadFit, HeadKind
from striate.transfer_learning.heads import svm
from striate.transfer_learning.heads.cross_validation import Labels, Samples
from striate.transfer_learning.heads.scaling import Floats
from striate.transfer_learning.heads.search import Trial
from striate.transfer_learning.heads.softmax import Penalty, fit_softmax
from striate.transfer_learning.heads.svm import Margins, fit_gaussian, fit_linear

#: Raised whenever the same features give another head, or another description of one: cache entries
#: of heads are of those before.
METHOD = 3


@dataclass(frozen=True, kw_only=True)
class FittedHead:
    """A head and how it was found."""

    kind: HeadKind
    penalty: Penalty
    class_weights: ClassWeights
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
    held: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Numbers of the images that were held out in some fold: all, but single ones of a class."""
    held_shares: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """(held, classes): their probabilities by heads with the chosen C that were not fitted to
    them."""

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

    @property
    def head_fit(self) -> HeadFit:
        """What a run keeps of it."""
        return HeadFit(
            kind=self.kind,
            penalty=self.penalty,
            C=self.chosen.C,
            folds=self.folds,
            gamma=self.chosen.gamma,
            class_weights=self.class_weights,
        )

    def decay(self, rows: int) -> float | None:
        """The weight decay under which it is at rest in training; None where there is none such.

        scikit-learn minimises ``C · sum of losses + |w|² / 2``, training ``mean loss + decay ·
        |w|² / 2``: the same, but for a factor, with a decay of ``1 / (C · rows)``, also where
        images have weights, which are 1 in the mean. Of two classes scikit-learn has one vector w;
        the head holds its halves, ``-w / 2`` and ``w / 2``, whose squares add up to half of its
        square, so that the decay is twice that.

        Args:
            rows: that it was fitted to, all views counted.
        """
        if self.kind != "softmax" or self.penalty != "l2":
            return None
        halved = 2.0 if self.head.linear.out_features == 2 else 1.0
        return halved / (self.chosen.C * rows)

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
    class_weights: ClassWeights = "none",
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
        class_weights: ``balanced`` to weigh images so that all classes count alike, in the fit, in
            the choice of C and in an SVM's probabilities; ``none`` for each image to count alike.
        seed: decides which images share a fold.

    Returns:
        The head, and what came of trying values of C.

    Raises:
        StriateError: no such head or penalty, or too many rows for the kernel.
    """
    began = time.monotonic()
    views = features[:, None] if features.ndim == 2 else features
    check_head(kind, penalty, images=len(labels), views=views.shape[1])
    samples = Samples.of(views, labels, len(classes), seed, class_weights)
    with warnings.catch_warnings():
        # Fits on the way to a fold's figure may end early; the final one is checked by itself.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if kind == "softmax":
            regression = fit_softmax(samples, penalty)
            fitted = FittedHead(
                kind="softmax",
                penalty=penalty,
                class_weights=class_weights,
                head=regression.head,
                folds=len(samples.folds),
                trials=regression.trials,
                chosen=regression.chosen,
                note=regression.note,
                held_shares=regression.held_shares,
            )
        else:
            linear = kind == "svm"
            found = fit_linear(samples, seed) if linear else fit_gaussian(samples)
            fitted = FittedHead(
                kind="svm" if linear else "svm-rbf",
                penalty="l2",
                class_weights=class_weights,
                head=found.head,
                folds=len(samples.folds),
                trials=found.trials,
                chosen=found.chosen,
                margins=found.margins,
                calibrated=found.calibration.images,
                note=found.calibration.note,
                held_shares=found.held_shares,
            )
    fitted.head.eval()
    rows = [fold.held for fold in samples.folds]
    held = np.concatenate(rows) // samples.views if rows else fitted.held
    return replace(fitted, held=held, seconds=time.monotonic() - began)


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
