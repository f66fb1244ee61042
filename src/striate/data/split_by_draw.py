"""The rule by which images were held out before it was a share of each class.

Each picture whose draw (`striate.data.split.draw`) lies below the fraction is held out. Where that
leaves a class without a picture on one side, the one nearest to the other side is moved there, with
all its copies. Runs that were split so are found again by it: see
`striate.data.sources.arranged_for`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from striate.data.split import draws_of


def held_out_by_draw(
    digests: Sequence[str], labels: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which images were held out: bool (n,).

    A class whose images are all copies of one picture stays in training.
    """
    draws = draws_of(digests, seed)
    out = draws < fraction
    members = np.bincount(labels)
    held = np.bincount(labels[out], minlength=len(members))
    one_sided = (held == 0) | (held == members)
    return _mended(out, draws, labels) if (one_sided & (members > 0)).any() else out


def _mended(
    out: NDArray[np.bool_], draws: NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """`out` after each class that lacks a side was given a picture there.

    A picture goes by its draw, which equal pictures share and others do not.
    """
    sides: dict[float, bool] = dict(zip(draws.tolist(), out.tolist(), strict=True))
    pictures: dict[int, set[float]] = {}
    for label, value in zip(labels.tolist(), draws.tolist(), strict=True):
        pictures.setdefault(label, set()).add(value)
    classes = [sorted(pictures[label]) for label in sorted(pictures)]
    for own in classes:
        if all(sides[value] for value in own):
            sides[own[-1]] = False
    for own in classes:
        if len(own) > 1 and not any(sides[value] for value in own):
            free = (value for value in own if not _is_last(value, classes, sides))
            chosen = next(free, None)
            if chosen is not None:
                sides[chosen] = True
    return np.array([sides[value] for value in draws.tolist()], np.bool_)


def _is_last(value: float, classes: list[list[float]], sides: dict[float, bool]) -> bool:
    """Whether a class that holds the picture has no other to train on."""
    return any(
        value in own and all(sides[other] for other in own if other != value) for own in classes
    )
