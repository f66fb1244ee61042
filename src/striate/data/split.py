"""A split that depends on nothing but the pictures themselves and a seed.

Each picture draws a number between 0 and 1 from its content and the seed; below the fraction it is
held out. So copies of a picture never fall on both sides, whatever their names and classes, and
adding or removing files moves no other. In expectation each class is held out in the same
proportion.

One exception serves very small classes. Every class must have a picture to train on and, if it has
two different ones, should have one to be measured on; where the draw gives it none, the picture
nearest to the other side is moved there, with all its copies. The moved picture is the only one in
the class on its side, so no more than that one can move back when files are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from striate.errors import RecipeError


def draw(digest: str, seed: int) -> float:
    """The number in [0, 1) that decides about a picture."""
    return float(draws_of([digest], seed)[0])


def draws_of(digests: Sequence[str], seed: int) -> NDArray[np.float64]:
    """`draw` of each of n pictures: (n,)."""
    begun = blake2b(f"{seed}:".encode(), digest_size=8)

    def value(digest: str) -> bytes:
        own = begun.copy()  # in half the time that beginning anew takes
        own.update(digest.encode())
        return own.digest()

    values = np.frombuffer(b"".join(map(value, digests)), ">u8")
    return (values >> np.uint64(11)).astype(np.float64) / 2**53


def check_fraction(fraction: float) -> None:
    """Raise RecipeError where a share to hold out does not lie between 0 and 1."""
    if not 0 < fraction < 1:
        raise RecipeError("val_fraction", f"{fraction} does not lie between 0 and 1", "e.g. 0.2")


def held_out(
    digests: Sequence[str], labels: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which images are held out: bool (n,).

    A class whose images are all copies of one picture stays in training.

    Raises:
        RecipeError: `fraction` does not lie between 0 and 1.
    """
    check_fraction(fraction)
    draws = draws_of(digests, seed)
    out = draws < fraction
    members = np.bincount(labels)
    held = np.bincount(labels[out], minlength=len(members))
    one_sided = (held == 0) | (held == members)
    return _mended(out, draws, labels) if (one_sided & (members > 0)).any() else out


_HALVINGS = 3
_FEWEST = 2  # pictures of each part that are held out, about


def held_out_numbers(
    digests: Sequence[str], values: NDArray[np.float64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which images are held out, spread over the range of their `values`: bool (n,).

    Args:
        digests: content hashes of n images.
        values: (n, targets), finite; of several targets the parts are halved in each in turn.
        fraction: the share, of all pictures to the nearest one, but at least one on each side.
        seed: decides which.

    Raises:
        RecipeError: `fraction` does not lie between 0 and 1.
    """
    check_fraction(fraction)
    draws, picture = np.unique(draws_of(digests, seed), return_inverse=True)
    count = len(draws)
    if count < 2:
        return np.zeros(len(picture), np.bool_)
    means = np.zeros((count, values.shape[1]))
    np.add.at(means, picture, values)
    means /= np.bincount(picture)[:, None]
    total = min(max(round(fraction * count), 1), count - 1)
    out = np.zeros(count, np.bool_)
    seen = held = 0
    for part in _parts(means, np.arange(count), 0, least=int(np.ceil(_FEWEST / fraction))):
        seen += len(part)
        share = seen * total // count - held
        out[part[:share]] = True  # pictures are in the order of their draws
        held += share
    return out[picture]


def _parts(
    values: NDArray[np.float64], pictures: NDArray[np.int64], depth: int, *, least: int
) -> list[NDArray[np.int64]]:
    """The `pictures`, ascending, halved at their median as long as halves have the `least`."""
    if depth == _HALVINGS * values.shape[1] or len(pictures) < 2 * least:
        return [pictures]
    order = np.argsort(values[pictures, depth % values.shape[1]], kind="stable")
    low, high = np.split(pictures[order], [len(pictures) // 2])
    return [
        each
        for half in (low, high)
        for each in _parts(values, np.sort(half), depth + 1, least=least)
    ]


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
