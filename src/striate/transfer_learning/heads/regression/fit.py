"""Fitting a head for numbers to embeddings: ridge and support vector regression.

Everything is decided on the training images alone: features are scaled and C, epsilon and gamma
chosen by cross-validation, in folds of which each spans the range of the values.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from striate.errors import StriateError, nearest, parameter
from striate.hub.heads import HEADS, VALUE_HEADS, ValueHead
from striate.recipes.frozen import HeadFit, HeadKind
from striate.transfer_learning.heads.regression.ridge import alpha_of, fit_ridge
from striate.transfer_learning.heads.regression.samples import ValueSamples, ValueTrial
from striate.transfer_learning.heads.regression.svr import fit_svr
from striate.transfer_learning.heads.regression.tube import Tube, tubes
from striate.transfer_learning.heads.scaling import Floats
from striate.transfer_learning.heads.svm import MOST_KERNEL_ROWS

#: Raised whenever the same features give another head, or another description of one.
METHOD = 1
#: What is said of a fit that was ended.
UNCONVERGED = "support vector regression did not converge: its coefficients are near the best ones"


@dataclass(frozen=True, kw_only=True)
class FittedValueHead:
    """A head for numbers and how it was found.

    Attributes:
        kind: of head.
        head: the module: embeddings to standardised values.
        folds: of the cross-validation; 0 where nothing could be held out.
        trials: what was tried.
        chosen: the best, with an error that is not a number where nothing could be held out.
        seconds: that it took.
        tubes: of each target; None for ridge regression.
        note: what a person should know, or empty.
        held: numbers of the images that were held out in some fold.
        held_values: (held, targets): their standardised values by heads that were not fitted to
            them.
    """

    kind: HeadKind
    head: ValueHead
    folds: int
    trials: tuple[ValueTrial, ...]
    chosen: ValueTrial
    seconds: float = 0.0
    tubes: tuple[Tube, ...] | None = None
    note: str = ""
    held: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    held_values: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the head itself."""
        return {
            "kind": self.kind,
            "folds": self.folds,
            "trials": [self._plain(each) for each in self.trials],
            "chosen": self._plain(self.chosen),
            "seconds": round(self.seconds, 3),
            "note": self.note,
            "tubes": None if self.tubes is None else [asdict(each) for each in self.tubes],
        }

    @property
    def head_fit(self) -> HeadFit:
        """What a run keeps of it."""
        return HeadFit(
            kind=self.kind,
            penalty="l2",
            C=self.chosen.C,
            folds=self.folds,
            gamma=self.chosen.gamma,
            epsilon=self.chosen.epsilon,
        )

    def decay(self, rows: int) -> float | None:
        """The weight decay under which it is at rest in training; None where there is none such.

        Ridge regression minimises ``sum of squares + alpha · |w|²``, target by target; training the
        mean of the squares over rows and targets ``+ decay · |w|² / 2``.

        Args:
            rows: that it was fitted to, all views counted.
        """
        if self.kind != "ridge":
            return None
        return 2 * alpha_of(self.chosen.C) / (rows * self.head.linear.out_features)

    def _plain(self, trial: ValueTrial) -> dict[str, Any]:
        """Without an error where nothing was held out: JSON has no word for that."""
        found = {key: value for key, value in asdict(trial).items() if _is_number(value)}
        return found | ({"alpha": alpha_of(trial.C)} if self.kind == "ridge" else {})


def _is_number(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def fit_value_head(
    kind: str, features: Floats, values: Floats, *, seed: int = 0
) -> FittedValueHead:
    """Fit a head of that kind to embeddings. The same input gives the same head.

    Args:
        kind: ``ridge``, ``svr`` (linear) or ``svr-rbf`` (a Gaussian kernel).
        features: (images, D), or (images, views, D) with the image as it is for its first view. All
            views of an image are held out together, and it is judged by its first.
        values: (images, targets), standardised.
        seed: decides which images share a fold.

    Returns:
        The head, and what came of trying values of C, epsilon and gamma.

    Raises:
        StriateError: no such head, or too many rows for the kernel.
    """
    began = time.monotonic()
    views = features[:, None] if features.ndim == 2 else features
    check_value_head(kind, images=len(values), views=views.shape[1])
    given = ValueSamples.of(views, values, seed)
    folds = given.samples.folds
    with warnings.catch_warnings():
        # Fits on the way to a fold's figure may end early.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if kind == "ridge":
            ridge = fit_ridge(given)
            fitted = FittedValueHead(
                kind="ridge",
                head=ridge.head,
                folds=len(folds),
                trials=ridge.found.trials,
                chosen=ridge.found.best,
                held_values=ridge.found.scores,
            )
        else:
            svr = fit_svr(given, kernel=kind == "svr-rbf")
            fitted = FittedValueHead(
                kind="svr-rbf" if kind == "svr-rbf" else "svr",
                head=svr.head,
                folds=len(folds),
                trials=svr.found.trials,
                chosen=svr.found.best,
                tubes=tubes(svr, views.shape[1]),
                note="" if svr.converged else UNCONVERGED,
                held_values=svr.found.scores,
            )
    fitted.head.eval()
    held = np.concatenate([fold.held for fold in folds]) // views.shape[1] if folds else fitted.held
    return replace(fitted, held=held, seconds=time.monotonic() - began)


def check_value_head(kind: str, *, images: int, views: int) -> None:
    """Raise what `fit_value_head` would, of a head that cannot be fitted, without any features."""
    if kind in HEADS:
        raise StriateError(
            parameter("head", kind),
            "is for classes, and these images have numbers",
            f"take {parameter('head', 'ridge')}, svr or svr-rbf",
        )
    if kind not in VALUE_HEADS:
        which = parameter("head", kind)
        raise StriateError(which, "there is no such head", nearest(kind, VALUE_HEADS))
    if kind == "svr-rbf" and images * views > MOST_KERNEL_ROWS:
        raise StriateError(
            parameter("head", kind),
            f"its kernel of {images:,} images in {views} views does not fit into memory (at most "
            f"{MOST_KERNEL_ROWS:,} together)",
            f"take {parameter('head', 'svr')} or {parameter('head', 'ridge')}",
        )
