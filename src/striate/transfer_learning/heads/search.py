"""Which C did best in cross-validation, and which way of fitting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from striate.evaluation.metrics import negative_log_likelihood
from striate.transfer_learning.heads.cross_validation import Labels, Samples
from striate.transfer_learning.heads.scaling import KINDS, Floats, Kind, Scaling

W = TypeVar("W")

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


class Tried(Protocol):
    """One value of C that was tried: a `Trial`, or that of a head for numbers."""

    @property
    def loss(self) -> float | None:
        """Mean negative log likelihood of an image that was held out, in nats."""


K = TypeVar("K", bound=Tried)


@dataclass(frozen=True, kw_only=True, eq=False)
class Climbed(Generic[K]):
    """What came of trying values of C."""

    trials: tuple[K, ...]
    best: K
    at: int
    """Index of the best."""
    scores: Floats
    """(held, outputs): of heads with the best C, for images that they were not fitted to."""


S = TypeVar("S", bound=Climbed[Any])


@dataclass(frozen=True, kw_only=True, eq=False)
class Searched(Climbed[Trial]):
    """What came of trying values of C for classes."""

    labels: Labels
    """(held,)."""
    weights: Floats
    """(held,): see `striate.transfer_learning.heads.cross_validation.Samples`."""


def climb_c(
    c_values: Sequence[float],
    look: Callable[[int], tuple[K, Floats]],
    *,
    start: int,
    strides: Sequence[int],
) -> Climbed[K]:
    """Climb among `c_values`, which rise, to one whose neighbours have no smaller loss.

    One far from where the search began has to be better by more, the fewer images are held out: see
    `LOG_C_PENALTY`.

    Args:
        c_values: values of C.
        look: called with an index of them; gives what came of it, and the scores (held, outputs) of
            the images that are held out.
        start: index of the C where the climb begins.
        strides: how far away neighbours are, in turn: wide ones first find the region. None to try
            the first C alone.

    Returns:
        Every C that was tried, the best, and the scores of its heads.
    """
    found = {start: look(start)}
    held = len(found[start][1])

    def cost(at: int) -> float:
        loss = found[at][0].loss
        assert loss is not None
        away = np.log10(c_values[at] / c_values[start])
        return loss + LOG_C_PENALTY * float(away**2) / held

    best = start
    for stride in strides:
        while True:
            beside = (best - stride, best + stride)
            new = [at for at in beside if 0 <= at < len(c_values) and at not in found]
            if not new:
                break
            for at in new:
                found[at] = look(at)
            best = min(sorted(found), key=cost)
    trial, scores = found[best]
    trials = tuple(found[at][0] for at in sorted(found))
    return Climbed(trials=trials, best=trial, at=best, scores=scores)


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
    """`climb_c` for classes, by the likelihood of the held-out images' own.

    Accuracy would choose by a few images; it is what the losses are, before they are rounded.

    Args:
        samples: what is fitted on and held out; it has folds.
        c_values: values of C, which rise.
        judge: called with a C; gives a fold each the scores (held, classes) of the images that are
            held out.
        start: as for `climb_c`.
        strides: likewise.
        shares: from scores, labels and weights to probabilities; by default they are that already.
        gamma: of a Gaussian kernel, which goes into the trials.
    """
    assert samples.folds
    held = np.concatenate([fold.held for fold in samples.folds])
    labels, weights = samples.labels[held], samples.weights[held]

    def look(at: int) -> tuple[Trial, Floats]:
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
        return trial, scores

    found = climb_c(c_values, look, start=start, strides=strides)
    return Searched(**vars(found), labels=labels, weights=weights)


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
Climb = Callable[[W, int, Sequence[int]], S]


def better_of(way: W, best: S, others: Iterable[W], climb: Climb[W, S]) -> tuple[W, S]:
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
        if best.best.loss - tried.best.loss > OTHER_PENALTY / len(best.scores):
            way, best = other, climb(other, best.at, (1,))
            tried = best
        trials += tried.trials
    return way, replace(best, trials=tuple(trials))


class Scaled(Protocol):
    """What can be scaled otherwise: samples of classes, or of numbers."""

    @property
    def images(self) -> int:
        """That differ."""

    def scaled_as(self: G, kind: Kind) -> G:
        """The same images in the same folds, scaled otherwise."""


G = TypeVar("G", bound=Scaled)


def best_scaling(samples: G, climb: Climb[G, S], begin: int, strides: Sequence[int]) -> tuple[G, S]:
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
