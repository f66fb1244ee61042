"""From probabilities and labels to the figures that a person judges a classifier by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.errors import TrainingError
from striate.evaluation.ranking import Ranking, ranking_of
from striate.support.shown import Shown

if TYPE_CHECKING:
    from striate.evaluation.temperature import Scaling

#: Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054
#: Guo et al. 2017, "On Calibration of Modern Neural Networks", Sec. 4: fifteen bins.
CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class ClassResult:
    """One class. Precision, recall and F1 are 0 where they are undefined (nothing to divide by)."""

    name: str
    images: int
    predicted: int
    """How many images were given this class, rightly or wrongly."""
    precision: float
    recall: float
    f1: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; the class's name is under ``class``."""
        return {
            "class": self.name,
            "images": self.images,
            "predicted": self.predicted,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """The images whose confidence (largest probability) lies in ``(low, high]``."""

    low: float
    high: float
    images: int
    confidence: float
    """Mean confidence; 0 without images."""
    accuracy: float
    """Share that is right; 0 without images."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "low": self.low,
            "high": self.high,
            "images": self.images,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
        }


@dataclass(frozen=True, kw_only=True)
class Evaluation(Shown):
    """What `measure` found. Shares are fractions from 0 to 1."""

    shown_by: ClassVar[str] = "striate.evaluation.terminal:show"

    images: int
    classes: tuple[str, ...]
    top1: float
    top5: float
    """Share of images whose class is among the five likeliest; 1 with five classes or fewer."""
    loss: float
    """Mean negative log likelihood, in nats."""
    ece: float
    """Expected calibration error, `CALIBRATION_BINS` bins of equal width."""
    interval: tuple[float, float]
    """95 % Wilson interval of `top1`."""
    baseline: float
    """Share of the commonest class: the accuracy of always naming it."""
    per_class: tuple[ClassResult, ...]
    balanced: float
    """Balanced accuracy: the mean recall of the classes that have images."""
    macro_f1: float
    """Mean F1 of the classes that have images or were predicted."""
    mcc: float
    """Matthews' correlation coefficient of many classes (Gorodkin 2004): 1 for no mistake, 0 for
    what chance gives; 0 where only one class has images, or was predicted."""
    ranking: Ranking
    """Curves and areas of every class, and coverage by threshold."""
    confusion: NDArray[np.int64]
    """(classes, classes); rows are true classes, columns predicted ones."""
    calibration: tuple[CalibrationBin, ...]
    scaling: Scaling | None = None
    """What a temperature does to the probabilities; None where it was not looked for."""
    left_out: int = 0
    """Images that were not measured on since the network was trained on them."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Files that could not be used, and why."""
    notes: tuple[str, ...] = ()
    """What a person should know and need not mend."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "images": self.images,
            "top1": self.top1,
            "top5": self.top5,
            "loss": self.loss,
            "ece": self.ece,
            "interval": list(self.interval),
            "baseline": self.baseline,
            "balanced_accuracy": self.balanced,
            "macro_f1": self.macro_f1,
            "mcc": self.mcc,
            "classes": list(self.classes),
            "per_class": [each.to_json() for each in self.per_class],
            "confusion": self.confusion.tolist(),
            "calibration": [each.to_json() for each in self.calibration],
            "ranking": self.ranking.to_json(),
            "scaling": None if self.scaling is None else self.scaling.to_json(),
            "left_out": self.left_out,
            "skipped": [{"file": file, "error": reason} for file, reason in self.skipped],
            "notes": list(self.notes),
        }


def measure(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str]
) -> Evaluation:
    """Judge `probabilities` by `labels`.

    Args:
        probabilities: (images, classes), each row summing to 1.
        labels: (images,) indices of the true classes.
        classes: names, in the order of the columns.

    Raises:
        ValueError: the shapes do not fit together, or there are no images.
        TrainingError: some probabilities are not finite numbers.
    """
    labels = np.asarray(labels, dtype=np.int64)
    images, count = len(labels), len(classes)
    if images == 0 or probabilities.shape != (images, count):
        raise ValueError(
            f"probabilities (shape {probabilities.shape}) for {images} labels and {count} classes"
        )
    unsound = ~np.isfinite(probabilities).all(axis=1)
    if unsound.any():
        raise TrainingError(
            "the network's probabilities",
            f"are not finite numbers for {int(unsound.sum())} of {images} images",
            "the weights have diverged: train again at a lower learning rate",
        )
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    top1 = float(right.mean())
    # Takes a second to import, which nothing before the first figures should wait for.
    from sklearn.metrics import confusion_matrix

    confusion = confusion_matrix(labels, predicted, labels=np.arange(count)).astype(np.int64)
    bins = calibrate(probabilities.max(axis=1), right)
    per_class = _per_class(labels, predicted, classes)
    return Evaluation(
        images=images,
        classes=tuple(classes),
        top1=top1,
        top5=float((ranks(probabilities, labels) < 5).mean()),
        loss=negative_log_likelihood(probabilities, labels),
        ece=expected_error(bins),
        interval=wilson(int(right.sum()), images),
        baseline=float(confusion.sum(axis=1).max() / images),
        per_class=per_class,
        balanced=float(np.mean([each.recall for each in per_class if each.images])),
        macro_f1=float(np.mean([e.f1 for e in per_class if e.images or e.predicted])),
        mcc=matthews(confusion),
        ranking=ranking_of(probabilities, labels, classes),
        confusion=confusion,
        calibration=bins,
    )


def ranks(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes come before the true one, for each image; of equals, the lower index first.

    A rank below k means a hit among the top k, and a rank of 0 is ``argmax`` naming the true class.
    """
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    before = probabilities > true
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    before |= (probabilities == true) & earlier
    count: NDArray[np.int64] = before.sum(axis=1, dtype=np.int64)
    return count


def negative_log_likelihood(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating[Any]] | None = None,
) -> float:
    """Mean of ``-log p(true class)`` in nats, by `weights` (images,) where there are any.

    A probability that float32 rounds to zero counts as its smallest normal number (87.3 nats), so
    that one hopeless image cannot make the mean infinite.
    """
    true = np.take_along_axis(probabilities, labels[:, None], axis=1).astype(np.float64)
    losses = -np.log(np.maximum(true[:, 0], np.finfo(np.float32).tiny))
    return float(np.average(losses, weights=weights))


def wilson(hits: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """The interval of Wilson 1927 for a share of `hits` in `trials`.

    Unlike the textbook's ``p ± z·√(p(1-p)/n)`` it stays within 0 and 1 and does not shrink to
    nothing when every image is right.

    Examples:
        >>> low, high = wilson(90, 100)
        >>> round(low, 3), round(high, 3)
        (0.826, 0.945)
    """
    share, n = hits / trials, float(trials)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula is exactly 0 and 1; rounding must not say otherwise.
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == trials else centre + half
    return low, high


def calibrate(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Bins of equal width over the confidence, each open below and closed above (Guo et al. 2017).

    Args:
        confidence: (images,) probability of the predicted class.
        right: (images,) whether that class is the true one.
        bins: how many; each is 1 / bins wide.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    which = np.clip(np.searchsorted(edges, confidence.astype(np.float64), side="left") - 1, 0, None)
    which = np.minimum(which, bins - 1)  # float32 may put a probability a hair above 1
    images = np.bincount(which, minlength=bins)
    confidences = np.bincount(which, weights=confidence.astype(np.float64), minlength=bins)
    hits = np.bincount(which, weights=right, minlength=bins)
    held = np.maximum(images, 1)
    return tuple(
        CalibrationBin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            images=int(images[i]),
            confidence=float(confidences[i] / held[i]),
            accuracy=float(hits[i] / held[i]),
        )
        for i in range(bins)
    )


def expected_error(bins: Sequence[CalibrationBin]) -> float:
    """The mean distance of confidence and accuracy over all images in `bins`."""
    images = sum(each.images for each in bins)
    return sum(each.images * abs(each.accuracy - each.confidence) for each in bins) / images


def matthews(confusion: NDArray[np.int64]) -> float:
    """Matthews' correlation coefficient of a confusion matrix (Gorodkin 2004, eq. 8).

    Examples:
        >>> round(matthews(np.array([[6, 3], [1, 2]])), 4), matthews(np.array([[5, 0], [5, 0]]))
        (0.2928, 0.0)
    """
    true, named = (confusion.sum(axis=axis).astype(np.float64) for axis in (1, 0))
    images = float(confusion.sum())
    shared = float(np.trace(confusion)) * images - float(true @ named)
    spread = (images**2 - float(named @ named)) * (images**2 - float(true @ true))
    return shared / math.sqrt(spread) if spread > 0 else 0.0


def _per_class(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[str]
) -> tuple[ClassResult, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, images = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(classes)), zero_division=0.0
    )
    named = np.bincount(predicted, minlength=len(classes))
    return tuple(
        ClassResult(
            name=name,
            images=int(images[i]),
            predicted=int(named[i]),
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
        )
        for i, name in enumerate(classes)
    )
