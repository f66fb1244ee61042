"""Prediction intervals that hold the true value as often as they say: split-conformal.

Lei et al. 2018, "Distribution-free predictive inference for regression", Algorithm 2: of images
that the network was not trained on, the absolute errors are sorted; an interval of the level 90 %
reaches from the predicted value as far to both sides as the error at place ``⌈0.9 (n + 1)⌉``. For
an image drawn as those were, it then holds the true value with a probability of at least 90 %,
whatever the network and however errors are distributed.

How often it really does cannot be told from the images that it was taken from, on which it is right
by construction: they are divided, and each part is judged by the intervals of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.metrics import wilson
from striate.evaluation.regression.metrics import Floats

LEVELS = (0.8, 0.9, 0.95)
"""Shares of images whose true value an interval is meant to hold."""
#: Parts that each are judged by the intervals of all others.
FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class PredictionInterval:
    """The interval around every prediction of one target, and how often it held the true value.

    Attributes:
        level: share of images that it is meant to hold the true value of.
        half_width: how far it reaches to either side, in the target's unit; infinite where there
            are too few images for the level.
        images: that were looked at to see whether it does, none of which it was taken from.
        covered: of how many it held the true value.
    """

    level: float
    half_width: float
    images: int
    covered: int

    @property
    def coverage(self) -> float:
        """Share of the images whose true value it held; NaN without images."""
        return self.covered / self.images if self.images else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `coverage`, by Wilson."""
        return wilson(self.covered, self.images) if self.images else (math.nan, math.nan)

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for an infinite half width."""
        endless = not math.isfinite(self.half_width)
        return {
            "level": self.level,
            "half_width": None if endless else self.half_width,
            "images": self.images,
            "covered": self.covered,
        }


def half_width(errors: Floats, level: float) -> float:
    """How far an interval of `level` reaches, from the (n,) absolute `errors` of other images.

    Infinite where n is too small: a level of 95 % needs 19 images, one of 90 % needs 9.

    Examples:
        >>> half_width(np.arange(1.0, 20.0), 0.9), half_width(np.arange(1.0, 20.0), 0.96)
        (18.0, inf)
    """
    # Without what rounding adds to a product that is a whole number.
    place = math.ceil((len(errors) + 1) * level - 1e-9)
    return math.inf if place > len(errors) else float(np.partition(errors, place - 1)[place - 1])


def half_widths(errors: Floats, levels: Sequence[float] = LEVELS) -> tuple[float, ...]:
    """`half_width` of each of `levels`."""
    return tuple(half_width(errors, level) for level in levels)


def covered(
    errors: Floats, widths: Sequence[float], levels: Sequence[float] = LEVELS
) -> tuple[PredictionInterval, ...]:
    """Intervals that were taken from other images, on the (n,) absolute `errors` of these."""
    return tuple(
        PredictionInterval(
            level=level,
            half_width=width,
            images=len(errors),
            covered=int((errors <= width).sum()),
        )
        for level, width in zip(levels, widths, strict=True)
    )


def cross_fitted(
    errors: Floats,
    groups: Sequence[str] | None = None,
    *,
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
) -> tuple[PredictionInterval, ...]:
    """Intervals taken from all images, and how often those of nine tenths hold the other tenth.

    Args:
        errors: (n,), absolute.
        groups: what is never divided, such as the content of each image; by default every image is
            alone.
        levels: that are wanted.
        seed: decides the parts.
    """
    parts = folds(len(errors), groups, seed=seed)
    hits = np.zeros(len(levels), np.int64)
    for part in np.unique(parts):
        here, others = errors[parts == part], errors[parts != part]
        hits += [int((here <= width).sum()) for width in half_widths(others, levels)]
    return tuple(
        PredictionInterval(level=level, half_width=width, images=len(errors), covered=int(hit))
        for level, width, hit in zip(levels, half_widths(errors, levels), hits, strict=True)
    )


def folds(n: int, groups: Sequence[str] | None = None, *, seed: int = 0) -> NDArray[np.int64]:
    """The part, 0 to `FOLDS` - 1, of each of `n` images; those of a group are in the same."""
    at = {group: place for place, group in enumerate(sorted(set(groups or ())))}
    members = np.arange(n) if groups is None else np.array([at[each] for each in groups], np.int64)
    drawn = np.random.default_rng(seed).permutation(len(at) or n) % FOLDS
    return np.asarray(drawn[members], np.int64)
