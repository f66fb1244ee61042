"""Cross-validation of heads: which images are held out together, and which C did best.

In each fold features are scaled by the images that are fitted on, never by those that are
held out: a scale that only suits the images it came from would otherwise look as if it suited all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import sklearn
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from striate.evaluation.metrics import negative_log_likelihood
from striate.recipes.choices import ClassWeights
from striate.support.processors import processor_threads
from striate.training.losses import balanced_weights
from striate.transfer_learning.heads.scaling import KINDS, Floats, Kind, Scaling

T = TypeVar("T")
R = TypeVar("R")
W = TypeVar("W")

#: Calls a function with every item, on threads; results in the items' order.
Map = Callable[[Callable[[T], R], Iterable[T]], list[R]]

Labels = NDArray[np.int64]

#: Images above which three folds are as good as five.
MANY = 1_000
#: What a C ten times as large or small as where the search began must gain in the log likelihood of
#: all held-out images together: by chance a few of them may favour any C. For a thousand images it
#: is next to nothing.
LOG_C_PENALTY = 0.5
#: What a scaling or a gamma other than the usual one must gain likewise.
OTHER_PENALTY = 1.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One C in cross-validation: each image judged by heads that have not seen it."""

    C: float
    """C, as scikit-learn has it: the larger, the weaker the regularisation."""
    accuracy: float
    std: float
    """Standard deviation of the accuracy over the folds."""
    loss: float | None = None
    """Mean negative log likelihood in nats, an SVM's of its calibrated probabilities; an image
    weighs in it what it weighs in the fit."""
    scaling: Kind = KINDS[0]
    """How features were scaled: see `striate.transfer_learning.heads.scaling`."""
    gamma: float | None = None
    """gamma of the Gaussian kernel; None for other heads."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """What is fitted on and what is judged, in rows of the samples."""

    fitted: NDArray[np.int64]
    held: NDArray[np.int64]
    """The first views of the images that are held out."""
    images: int
    """Different images that are fitted on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Training images as rows to fit on: one a view, scaled."""

    rows: Floats
    """(images · views, D) float32, scaled; the views of an image stand together."""
    labels: Labels
    """(images · views,)."""
    weights: Floats
    """(images · views,) float32: what each counts for, 1 in the mean; C is multiplied by it."""
    views: int
    classes: int
    scaling: Scaling
    """From features to `rows`."""
    folds: tuple[Fold, ...]
    """Empty where no class has a second image."""
    raw: Floats
    """`rows` as they came."""
    images: int
    """That differ."""
    scaled: Kind

    @classmethod
    def of(
        cls,
        features: Floats,
        labels: Labels,
        classes: int,
        seed: int,
        class_weights: ClassWeights = "none",
    ) -> Samples:
        """Scale `features`, (images, views, D), and decide the folds."""
        images, views, width = features.shape
        raw = np.ascontiguousarray(features, np.float32).reshape(images * views, width)
        originals = _originals(features[:, 0])
        different = len(np.unique(originals))
        scaling = Scaling.of(raw, different)
        weights = np.ones(images, np.float32)
        if class_weights == "balanced":
            # Of all images, in every fold: another weight would be another C.
            weights = balanced_weights(labels, classes).numpy()[labels]
        return cls(
            rows=scaling(raw),
            labels=np.repeat(labels, views),
            weights=np.repeat(weights, views),
            views=views,
            classes=classes,
            scaling=scaling,
            folds=_folds(labels, originals, views, seed),
            raw=raw,
            images=different,
            scaled=KINDS[0],
        )

    def scaled_as(self, kind: Kind) -> Samples:
        """The same images in the same folds, scaled otherwise."""
        scaling = Scaling.of(self.raw, self.images, kind)
        return replace(self, rows=scaling(self.raw), scaling=scaling, scaled=kind)

    def split(self, number: int) -> tuple[Floats, Floats]:
        """The rows that fold `number` fits on and those it holds out, scaled by the former."""
        fold = self.folds[number]
        fitted = self.raw[fold.fitted]
        scaling = Scaling.of(fitted, fold.images, self.scaled)
        return scaling(fitted), scaling(self.raw[fold.held])


def _originals(features: Floats) -> NDArray[np.int64]:
    """The first image with the same features, of each: copies of one picture have all alike."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(row.tobytes(), at) for at, row in enumerate(features)])


def pictures(features: Floats, labels: Labels) -> NDArray[np.int64]:
    """How many different pictures each class has, by the features of its images, (images, D)."""
    originals = _originals(features)
    return np.array([len(np.unique(originals[labels == at])) for at in range(labels.max() + 1)])


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
    for own in pictures:
        # Afterwards, since other classes may hold out the pictures that they share with this one.
        if (fold_of[own] == fold_of[own[0]]).all():
            fold_of[own[0]] = -1
    fold_of = fold_of[originals]
    row_folds = np.repeat(fold_of, views)
    return tuple(
        Fold(
            fitted=np.flatnonzero(row_folds != fold),
            held=np.flatnonzero(fold_of == fold) * views,
            images=len(np.unique(originals[fold_of != fold])),
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
        # as an SVM to fit. The setting is a thread's own.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            return function(item)

    with (
        ThreadpoolController().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(processor_threads(1), thread_name_prefix="striate-folds") as pool,
    ):
        yield lambda function, items: list(pool.map(lambda item: quick(function, item), items))


@dataclass(frozen=True, kw_only=True, eq=False)
class Searched:
    """What came of trying values of C."""

    trials: tuple[Trial, ...]
    best: Trial
    at: int
    """Index of the best."""
    scores: Floats
    """(held, classes): of heads with the best C, for images that they were not fitted to."""
    labels: Labels
    """(held,)."""
    weights: Floats
    """(held,): see `Samples`."""


def search(
    samples: Samples,
    c_values: Sequence[float],
    judge: Callable[[float], Sequence[Floats]],
    *,
    start: int,
    strides: Sequence[int],
    shares: Callable[[Floats, Labels, Floats], Floats] = lambda scores, _labels, _weights: scores,
    gamma: float | None = None,
) -> Searched:
    """Climb among `c_values`, which rise, to one whose neighbours have no smaller loss.

    Accuracy would choose by a few images; it is what the losses are, before they are rounded. One
    far from where the search began has to be better by more, the fewer images are held out: see
    `LOG_C_PENALTY`.

    Args:
        samples: what is fitted on and held out; it has folds.
        c_values: values of C.
        judge: called with a C; gives a fold each the scores (held, classes) of the images that are
            held out.
        start: index of the C where the climb begins.
        strides: how far away neighbours are, in turn: wide ones first find the region. None to try
            the first C alone.
        shares: from scores, labels and weights to probabilities; by default they are that already.
        gamma: of a Gaussian kernel, which goes into the trials.

    Returns:
        Every C that was tried, the best, and the scores of its heads.
    """
    assert samples.folds
    held = np.concatenate([fold.held for fold in samples.folds])
    labels, weights = samples.labels[held], samples.weights[held]
    found: dict[int, tuple[Trial, Floats]] = {}

    def look(at: int) -> None:
        parts = judge(c_values[at])
        scores = np.concatenate(parts)
        hits = [
            float((part.argmax(1) == samples.labels[fold.held]).mean())
            for part, fold in zip(parts, samples.folds, strict=True)
        ]
        trial = Trial(
            C=float(c_values[at]),
            accuracy=float((scores.argmax(1) == labels).mean()),
            std=float(np.std(hits)),
            loss=negative_log_likelihood(shares(scores, labels, weights), labels, weights),
            gamma=gamma,
            scaling=samples.scaled,
        )
        found[at] = trial, scores

    def cost(at: int) -> float:
        loss = found[at][0].loss
        assert loss is not None
        away = np.log10(c_values[at] / c_values[start])
        return loss + LOG_C_PENALTY * float(away**2) / len(labels)

    best = start
    look(start)
    for stride in strides:
        while True:
            beside = (best - stride, best + stride)
            new = [at for at in beside if 0 <= at < len(c_values) and at not in found]
            if not new:
                break
            for at in new:
                look(at)
            best = min(sorted(found), key=cost)
    trial, scores = found[best]
    return Searched(
        trials=tuple(found[at][0] for at in sorted(found)),
        best=trial,
        at=best,
        scores=scores,
        labels=labels,
        weights=weights,
    )


def untried(
    samples: Samples,
    c_values: Sequence[float],
    fit: Callable[[float], Floats],
    gamma: float | None = None,
) -> Searched:
    """What there is to choose by where nothing can be held out.

    Args:
        samples: what is fitted on.
        c_values: values of C, which rise, from the one that does best as a rule.
        fit: called with a C; gives the scores (rows, classes) of a head that was fitted with it to
            all rows, to these very rows.
        gamma: of a Gaussian kernel.

    Returns:
        The first C with which the head is right on as many of its training images as with any, with
        an accuracy that is not a number.
    """
    hits = [float((fit(each).argmax(1) == samples.labels).mean()) for each in c_values]
    nan = float("nan")
    best = Trial(
        C=float(c_values[int(np.argmax(hits))]),
        accuracy=nan,
        std=nan,
        gamma=gamma,
        scaling=samples.scaled,
    )
    return Searched(
        trials=(),
        best=best,
        at=0,
        scores=np.empty((0, samples.classes)),
        labels=np.empty(0, np.int64),
        weights=np.empty(0, np.float32),
    )


#: What comes of a way of fitting, from an index of C on, in such strides: see `search`.
Climb = Callable[[W, int, Sequence[int]], Searched]


def better_of(way: W, best: Searched, others: Iterable[W], climb: Climb[W]) -> tuple[W, Searched]:
    """What did best: one way of fitting, or one of `others`.

    Another way is tried with the C that did best so far. Only if that gains `OTHER_PENALTY` is it
    worth a climb of its own, which is not far: features have the same variance in every way.

    Args:
        way: of fitting.
        best: what came of it.
        others: ways to fit likewise.
        climb: called with a way, an index of C to begin at, and strides.

    Returns:
        The best way and what came of it, with the trials of all.
    """
    trials = list(best.trials)
    for other in others:
        tried = climb(other, best.at, ())
        assert best.best.loss is not None
        assert tried.best.loss is not None
        if best.best.loss - tried.best.loss > OTHER_PENALTY / len(best.labels):
            way, best = other, climb(other, best.at, (1,))
            tried = best
        trials += tried.trials
    return way, replace(best, trials=tuple(trials))


def best_scaling(
    samples: Samples, climb: Climb[Samples], begin: int, strides: Sequence[int]
) -> tuple[Samples, Searched]:
    """The scaling with which heads do best: see `better_of`.

    Args:
        samples: scaled as usual.
        climb: as for `better_of`.
        begin: index of C to begin at.
        strides: with which C is looked for at first.

    Returns:
        The samples as they did best, and what came of it.
    """
    found = climb(samples, begin, strides)
    return better_of(samples, found, map(samples.scaled_as, Scaling.others(samples.images)), climb)
