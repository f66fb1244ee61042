"""A split that depends on nothing but the pictures themselves, their classes and a seed.

Each picture draws a number between 0 and 1 from its content and the seed, and of each class those
with the smallest numbers are held out: a share of the class, to the nearest picture. Copies of a
picture are one picture, so they never fall on both sides, whatever their names and classes.
Renaming files changes nothing; adding or removing some moves the few near the limit of their class.

Images with numbers are held out in the same way, of each part of the range of their values.
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


def share_of(count: int, fraction: float) -> int:
    """How many of `count` pictures are held out: the nearest number that leaves some on each side.

    >>> [share_of(count, 0.2) for count in (1, 2, 7, 8, 600)]
    [0, 1, 1, 2, 120]
    """
    return min(max(round(fraction * count), 1), count - 1)


def held_out(
    digests: Sequence[str], labels: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which images are held out, a share of each class: bool (n,).

    A picture that has several classes counts in each of them. Such a one is not held out where it
    would be the last that one of them has to train on.

    Args:
        digests: content hashes of n images.
        labels: (n,), the class of each.
        fraction: the share of each class's pictures; see `share_of`.
        seed: decides which.

    Raises:
        RecipeError: `fraction` does not lie between 0 and 1.
    """
    check_fraction(fraction)
    draws, picture = np.unique(draws_of(digests, seed), return_inverse=True)
    # Each class with each of its pictures once: by class, and in it by draw.
    pairs = np.unique(np.stack([labels, picture], axis=1), axis=0)
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    members = np.split(pairs[:, 1], starts[1:]) if len(pairs) else []
    several = np.bincount(pairs[:, 1], minlength=len(draws)) > 1
    out = np.zeros(len(draws), np.bool_)
    if not several.any():
        for own in members:
            out[own[: share_of(len(own), fraction)]] = True
        return out[picture]
    trained = [len(own) for own in members]  # what each class would have left to train on
    decided = np.zeros(len(draws), np.bool_)
    classes_of = _classes_of(members, several)
    for number, own in enumerate(members):
        lacking = share_of(len(own), fraction) - int(out[own].sum())
        for each in own[~decided[own]].tolist():
            classes = classes_of.get(each, (number,))
            if lacking > 0 and all(trained[other] > 1 for other in classes):
                out[each] = True
                lacking -= 1
                for other in classes:
                    trained[other] -= 1
        decided[own] = True
    return out[picture]


def _classes_of(
    members: Sequence[NDArray[np.int64]], several: NDArray[np.bool_]
) -> dict[int, list[int]]:
    """The classes of each picture that has several."""
    found: dict[int, list[int]] = {}
    for number, own in enumerate(members):
        for each in own[several[own]].tolist():
            found.setdefault(each, []).append(number)
    return found


_HALVINGS = 3
_FEWEST = 2  # pictures of each part that are held out, about


def held_out_numbers(
    digests: Sequence[str], values: NDArray[np.float64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which images are held out, spread over the range of their `values`: bool (n,).

    Args:
        digests: content hashes of n images.
        values: (n, targets), finite; of several targets the parts are halved in each in turn.
        fraction: the share of all pictures; see `share_of`.
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
    total = share_of(count, fraction)
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
