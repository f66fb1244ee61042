"""Cross-validation of heads: who is held out with whom, and which strength did best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import sklearn
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from striate.evaluation.metrics import negative_log_likelihood
from striate.training.precision import processor_threads

T = TypeVar("T")
R = TypeVar("R")

#: Calls a function with every item, on threads; results in the items' order.
Map = Callable[[Callable[[T], R], Iterable[T]], list[R]]

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

#: Images above which three folds say as much as five.
MANY = 1_000


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
    """Empty where no class has a second image."""

    @classmethod
    def of(cls, features: Floats, labels: Labels, classes: int, seed: int) -> Samples:
        """Standardise `features`, (images, views, D), and decide the folds."""
        images, views, width = features.shape
        rows = np.ascontiguousarray(features, np.float32).reshape(images * views, width)
        mean = rows.mean(0, dtype=np.float64).astype(np.float32)
        centred = rows - mean
        deviation = np.sqrt(np.square(centred).mean(0, dtype=np.float64)).astype(np.float32)
        deviation[deviation < 1e-6 * np.maximum(np.abs(mean), 1)] = 1.0
        centred /= deviation
        return cls(
            rows=centred,
            labels=np.repeat(labels, views),
            views=views,
            classes=classes,
            mean=mean,
            deviation=deviation,
            folds=_folds(labels, _originals(features[:, 0]), views, seed),
        )

    @property
    def firsts(self) -> NDArray[np.int64]:
        """The row of each image as it is."""
        return np.arange(0, len(self.rows), self.views)


def _originals(features: Floats) -> NDArray[np.int64]:
    """The first image with the same features, of each: copies of one picture have all alike."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(row.tobytes(), at) for at, row in enumerate(features)])


def _folds(labels: Labels, originals: NDArray[np.int64], views: int, seed: int) -> tuple[Fold, ...]:
    """Stratified folds: five, three of many images, fewer where no class has as many pictures.

    Copies of one picture share a fold, whatever they are called. A class of one picture is fitted
    on in every fold and held out in none; any other leaves at least one to fit on in each.
    """
    pictures = [np.unique(originals[labels == label]) for label in range(labels.max() + 1)]
    number = min(3 if len(labels) > MANY else 5, max(map(len, pictures)))
    if number < 2:
        return ()
    random = np.random.default_rng(seed)
    fold_of = np.full(len(labels), -1)
    for label, own in enumerate(pictures):
        free = random.permutation(own[fold_of[own] < 0])
        if len(own) > 1:
            # Each class begins at another fold, or the first would have all the odd images.
            fold_of[free] = (np.arange(len(free)) + label) % number
            if (fold_of[own] == fold_of[own[0]]).all():  # other classes dealt its pictures
                fold_of[own[0]] = -1
    fold_of = fold_of[originals]
    row_folds = np.repeat(fold_of, views)
    return tuple(
        Fold(
            fitted=np.flatnonzero(row_folds != fold),
            held=np.flatnonzero(fold_of == fold) * views,
        )
        for fold in range(number)
        if (fold_of == fold).any()
    )


@contextmanager
def threads() -> Iterator[Map[Any, Any]]:
    """A `Map` on as many threads as there are processors, each of which computes on one alone.

    Two folds at a time whose products take two threads each hinder one another more than they help.
    """

    def quick(function: Callable[[T], R], item: T) -> R:
        # Ours are finite, and checked once: a kernel of a thousand images takes as long to check
        # as a machine to fit. The setting is a thread's own.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            return function(item)

    with (
        ThreadpoolController().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(processor_threads(1), thread_name_prefix="striate-folds") as pool,
    ):
        yield lambda function, items: list(pool.map(lambda item: quick(function, item), items))


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
    strengths: Sequence[float],
    judge: Callable[[float], Sequence[Floats]],
    *,
    by: Literal["loss", "accuracy"],
    start: int,
    strides: Sequence[int] = (2, 1),
    width: float | None = None,
) -> Searched:
    """Climb among `strengths`, which rise, to one whose neighbours do no better.

    Parameters
    ----------
    judge: called with a strength; gives a fold each the scores (held, classes) of the images that
        are held out. With ``by="loss"`` those are probabilities.
    by: what decides. Of equals the strongest hold wins.
    start: where the climb begins.
    strides: how far away neighbours are, in turn: wide ones first find the region.
    width: goes into the trials.
    """
    assert samples.folds
    labels = np.concatenate([samples.labels[fold.held] for fold in samples.folds])
    found: dict[int, tuple[Trial, Floats]] = {}

    def look(at: int) -> None:
        parts = judge(strengths[at])
        scores = np.concatenate(parts)
        hits = [
            float((part.argmax(1) == samples.labels[fold.held]).mean())
            for part, fold in zip(parts, samples.folds, strict=True)
        ]
        trial = Trial(
            strength=float(strengths[at]),
            accuracy=float((scores.argmax(1) == labels).mean()),
            deviation=float(np.std(hits)),
            loss=negative_log_likelihood(scores, labels) if by == "loss" else None,
            width=width,
        )
        found[at] = trial, scores

    best = start
    look(start)
    for stride in strides:
        while True:
            beside = (best - stride, best + stride)
            new = [at for at in beside if 0 <= at < len(strengths) and at not in found]
            if not new:
                break
            for at in new:
                look(at)
            best = min(found)
            for at in sorted(found):
                best = at if better(found[at][0], found[best][0]) else best
    trial, scores = found[best]
    trials = tuple(found[at][0] for at in sorted(found))
    return Searched(trials=trials, best=trial, scores=scores, labels=labels)


def better(one: Trial, other: Trial) -> bool:
    """Whether `one` did better: by loss where there is one, else by accuracy."""
    if one.loss is not None and other.loss is not None:
        return one.loss < other.loss
    return one.accuracy > other.accuracy
