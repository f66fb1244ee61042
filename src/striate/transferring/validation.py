"""Cross-validation of heads: who is held out with whom, and which strength did best."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.metrics import negative_log_likelihood

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

#: Images above which three folds say as much as five.
MANY = 1_000
#: Strengths in turn that may do worse than the best before no weaker hold is tried.
_PATIENCE = 2
#: Folds judged at a time. Each holds its own part of a kernel, which may be a gigabyte.
_TOGETHER = 2


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One strength in cross-validation: each image judged by heads that have not seen it."""

    strength: float
    """scikit-learn's C: the larger, the less the head is held back."""
    accuracy: float
    deviation: float
    """Standard deviation of the accuracy over the folds."""
    loss: float | None = None
    """Mean negative log likelihood in nats; None for support vector machines."""
    width: float | None = None
    """Of the Gaussian kernel; None for other heads."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """What is fitted on and what is judged, in rows of the samples."""

    fitted: NDArray[np.int64]
    held: NDArray[np.int64]
    """The first views of the images that are held out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Training images as rows to fit on: one a view, standardised."""

    rows: Floats
    """(images · views, D) float32; the views of an image stand together."""
    labels: Labels
    """(images · views,)."""
    views: int
    classes: int
    mean: Floats
    deviation: Floats
    """(D,) of every feature over the rows; 1 where a feature never changes."""
    folds: tuple[Fold, ...]
    """None where no class has a second image."""

    @classmethod
    def of(cls, features: Floats, labels: Labels, classes: int, seed: int) -> Samples:
        """Standardise `features`, (images, views, D), and decide the folds."""
        images, views, width = features.shape
        rows = np.ascontiguousarray(features, np.float32).reshape(images * views, width)
        mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
        deviation[deviation < 1e-8 * np.maximum(np.abs(mean), 1)] = 1.0
        mean, deviation = mean.astype(np.float32), deviation.astype(np.float32)
        return cls(
            rows=(rows - mean) / deviation,
            labels=np.repeat(labels, views),
            views=views,
            classes=classes,
            mean=mean,
            deviation=deviation,
            folds=_folds(labels, views, seed),
        )

    @property
    def firsts(self) -> NDArray[np.int64]:
        """The row of each image as it is."""
        return np.arange(0, len(self.rows), self.views)


def _folds(labels: Labels, views: int, seed: int) -> tuple[Fold, ...]:
    """Stratified folds: five, three of many images, fewer where no class has as many images.

    A class of one image is fitted on in every fold and held out in none; any other leaves at least
    one image to fit on in each.
    """
    counts = np.bincount(labels)
    number = min(3 if len(labels) > MANY else 5, int(counts.max()))
    if number < 2:
        return ()
    random = np.random.default_rng(seed)
    fold_of = np.full(len(labels), -1)
    for label in np.flatnonzero(counts > 1):
        members = random.permutation(np.flatnonzero(labels == label))
        # Each class begins at another fold, or the first would have all the odd images.
        fold_of[members] = (np.arange(len(members)) + label) % number
    row_folds = np.repeat(fold_of, views)
    return tuple(
        Fold(
            fitted=np.flatnonzero(row_folds != fold),
            held=np.flatnonzero(fold_of == fold) * views,
        )
        for fold in range(number)
        if (fold_of == fold).any()
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Searched:
    """What came of trying strengths."""

    trials: tuple[Trial, ...]
    best: Trial
    scores: Floats
    """(held, classes): what the best strength's heads said to images that they had not seen."""
    labels: Labels
    """(held,)."""


def search(
    samples: Samples,
    strengths: Iterable[float],
    judge: Callable[[float, int], Floats],
    *,
    by: Literal["loss", "accuracy"],
    width: float | None = None,
) -> Searched:
    """Try `strengths`, which rise, until they have clearly passed the best.

    Parameters
    ----------
    judge: called with a strength and the number of a fold, on threads, but never twice at once for
        one fold; gives the scores (held, classes) of the fold's held images. With ``by="loss"``
        those are probabilities.
    by: what decides. Of equals the strongest hold wins.
    width: goes into the trials.
    """
    assert samples.folds
    labels = np.concatenate([samples.labels[fold.held] for fold in samples.folds])
    trials: list[Trial] = []
    best: Trial | None = None
    kept: Floats = np.empty(0)
    waited = 0
    with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="striate-folds") as pool:
        for strength in strengths:
            numbers = range(len(samples.folds))
            parts = list(pool.map(judge, [strength] * len(numbers), numbers))
            scores = np.concatenate(parts)
            hits = [
                float((part.argmax(1) == samples.labels[fold.held]).mean())
                for part, fold in zip(parts, samples.folds, strict=True)
            ]
            trial = Trial(
                strength=float(strength),
                accuracy=float((scores.argmax(1) == labels).mean()),
                deviation=float(np.std(hits)),
                loss=negative_log_likelihood(scores, labels) if by == "loss" else None,
                width=width,
            )
            trials.append(trial)
            if best is None or better(trial, best):
                best, kept, waited = trial, scores, 0
            else:
                waited += 1
            if waited >= _PATIENCE:
                break
    assert best is not None
    return Searched(trials=tuple(trials), best=best, scores=kept, labels=labels)


def better(one: Trial, other: Trial) -> bool:
    """Whether `one` did better: by loss where there is one, else by accuracy."""
    if one.loss is not None and other.loss is not None:
        return one.loss < other.loss
    return one.accuracy > other.accuracy
