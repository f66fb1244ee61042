"""How features are scaled before a head is fitted to them, whatever the number of images.

The standard deviation of a feature over three images is hardly more than chance: one that happens
to be nearly equal in all of them would, divided by it, drown all others in every other image. Its
square is therefore shrunk towards that of a middling feature, as if `PRIOR` images more had been
seen in which every feature varied alike.

Nor is a feature divided by all of it. How much a network's features vary is a measure of how much
they matter, so that dividing by the root of the standard deviation does best on most photographs,
known as Pareto scaling (van den Berg et al. 2006, 'Centering, scaling, and transformations', BMC
Genomics 7:142). Where cross-validation is sure of it, features are not divided at all, or by all of
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

#: ``pareto``: see above; ``none``: one number for all features; ``standard``: each by its standard
#: deviation.
Kind = Literal["pareto", "none", "standard"]
#: The first is taken unless cross-validation favours another. The last is not even tried with
#: fewer than `ENOUGH` images: what it makes of features that hardly vary in them is so large that a
#: head is certain of everything, and with good luck right.
KINDS: tuple[Kind, ...] = ("pareto", "none", "standard")
ENOUGH = 100

#: Images whose worth of evidence the prior is: features vary alike.
PRIOR = 20.0
#: With ``pareto`` no feature varies more than so many times as much as a middling one.
MOST = 16.0
#: With ``standard`` none is divided by less than this share of a middling standard deviation.
LEAST = 1e-4
#: Features above this quantile have no part in what is middling: a few may be far larger.
_MIDDLING = 0.9


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """``(x - mean) / std`` with a mean variance of 1 over the features of what it was made of."""

    mean: Floats
    """(D,) float32."""
    std: Floats
    """(D,) float32, above 0: what features are divided by, which is not their own std alone."""

    @classmethod
    def of(cls, rows: Floats, images: int, kind: Kind = KINDS[0]) -> Scaling:
        """The scaling of `rows`, (n, D), that come from so many different `images`."""
        mean = rows.mean(0, dtype=np.float64).astype(np.float32)
        variance = np.square(rows - mean).mean(0, dtype=np.float64)
        own = np.sqrt(variance)
        middle = _middling(own)
        if middle <= 0:  # no feature varies, or hardly any
            std = np.where(own > 0, own, 1.0)
        elif kind == "none":
            std = np.ones_like(own)
        elif kind == "standard":
            std = np.maximum(own, LEAST * middle)
        else:
            std = ((images * variance + PRIOR * middle**2) / (images + PRIOR)) ** 0.25
            std = np.maximum(std, own / (MOST * _middling(own / std)))
        spread = float(np.sqrt(np.square(own / std).mean()))
        return cls(mean=mean, std=(std * (spread or 1.0)).astype(np.float32))

    @staticmethod
    def others(images: int) -> tuple[Kind, ...]:
        """What may be tried beside the usual one with so many different images."""
        return KINDS[1:] if images >= ENOUGH else KINDS[1:-1]

    def __call__(self, rows: Floats) -> Floats:
        """`rows`, (n, D), scaled, as a new array."""
        scaled: Floats = rows - self.mean
        scaled /= self.std
        return scaled


def _middling(values: Floats) -> float:
    """The mean of all but the largest."""
    return float(values[values <= np.quantile(values, _MIDDLING)].mean())
