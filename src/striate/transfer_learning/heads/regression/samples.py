"""Training images with their values, and what came of trying a head on those held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from striate.transfer_learning.heads.cross_validation import Labels, Samples
from striate.transfer_learning.heads.scaling import KINDS, Floats, Kind
from striate.transfer_learning.heads.search import Climbed, climb_c

#: Images of a stratum: those of a fold lie all over the range of the values.
_STRATUM = 10
#: Mean squared error, in squared deviations, below which it makes no difference.
_LEAST = 1e-12


@dataclass(frozen=True, kw_only=True)
class ValueTrial:
    """One way to fit, in cross-validation: each image judged by heads that have not seen it.

    Attributes:
        C: the larger, the weaker the regularisation: scikit-learn's, and ``1 / (2 · alpha)`` of
            ridge regression.
        rmse: root mean squared error over all targets, in their standard deviations; not a number
            where nothing could be held out.
        std: of it over the folds.
        loss: mean negative log likelihood of a value, in nats, by a normal distribution with that
            error.
        scaling: how features were scaled.
        gamma: of the Gaussian kernel; None for other heads.
        epsilon: half the width of the tube, in standard deviations; None for ridge regression.
    """

    C: float
    rmse: float
    std: float
    loss: float | None = None
    scaling: Kind = KINDS[0]
    gamma: float | None = None
    epsilon: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueSamples:
    """Training images as rows to fit on.

    Attributes:
        samples: rows and folds; their labels are strata of the values.
        values: float64 (rows, targets), standardised.
    """

    samples: Samples
    values: Floats

    @classmethod
    def of(cls, features: Floats, values: Floats, seed: int) -> ValueSamples:
        """Scale `features`, (images, views, D), and decide the folds.

        `values` are (images, targets).
        """
        labels = strata(values)
        samples = Samples.of(features, labels, int(labels.max()) + 1, seed)
        repeated = np.repeat(np.asarray(values, np.float64), features.shape[1], axis=0)
        return cls(samples=samples, values=repeated)

    @property
    def images(self) -> int:
        """That differ."""
        return self.samples.images

    def scaled_as(self, kind: Kind) -> ValueSamples:
        """The same images in the same folds, scaled otherwise."""
        return replace(self, samples=self.samples.scaled_as(kind))


def strata(values: Floats) -> Labels:
    """Which part of the range of the first target each image is in, some ten images a part."""
    order = np.argsort(np.argsort(values[:, 0], kind="stable"), kind="stable")
    return np.asarray(order // _STRATUM, np.int64)


def search_c(
    given: ValueSamples,
    c_values: Sequence[float],
    judge: Callable[[float], Sequence[Floats]],
    *,
    start: int,
    strides: Sequence[int],
    gamma: float | None = None,
    epsilon: float | None = None,
) -> Climbed[ValueTrial]:
    """`climb_c` for numbers, by the squared error of images that are held out.

    Args:
        given: what is fitted on and held out; it has folds.
        c_values: values of C, which rise.
        judge: called with a C; gives a fold each the values (held, targets) that are predicted for
            the images that are held out.
        start: as for `climb_c`.
        strides: likewise.
        gamma: goes into the trials.
        epsilon: likewise.
    """
    samples = given.samples

    def look(at: int) -> tuple[ValueTrial, Floats]:
        parts = judge(c_values[at])
        squares = [
            np.square(part - given.values[fold.held])
            for part, fold in zip(parts, samples.folds, strict=True)
        ]
        mean = float(np.concatenate(squares).mean())
        trial = ValueTrial(
            C=float(c_values[at]),
            rmse=mean**0.5,
            std=float(np.std([each.mean() ** 0.5 for each in squares])),
            loss=float(0.5 * np.log(2 * np.pi * np.e * max(mean, _LEAST))),
            gamma=gamma,
            epsilon=epsilon,
            scaling=samples.scaled,
        )
        return trial, np.concatenate(parts)

    return climb_c(c_values, look, start=start, strides=strides)


def unchosen(
    given: ValueSamples, c: float, *, gamma: float | None = None, epsilon: float | None = None
) -> Climbed[ValueTrial]:
    """What is fitted with where nothing can be held out to choose by: the usual."""
    nan = float("nan")
    scaling = given.samples.scaled
    trial = ValueTrial(C=c, rmse=nan, std=nan, gamma=gamma, epsilon=epsilon, scaling=scaling)
    nothing = np.empty((0, given.values.shape[1]))
    return Climbed(trials=(), best=trial, at=0, scores=nothing)
