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
    value = blake2b(f"{seed}:{digest}".encode(), digest_size=8).digest()
    return (int.from_bytes(value) >> 11) / 2**53


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
    draws = {digest: draw(digest, seed) for digest in digests}
    out = {digest: value < fraction for digest, value in draws.items()}
    pictures: dict[int, set[str]] = {}
    for digest, label in zip(digests, labels.tolist(), strict=True):
        pictures.setdefault(label, set()).add(digest)
    classes = [sorted(pictures[label], key=draws.__getitem__) for label in sorted(pictures)]
    for own in classes:
        if all(out[digest] for digest in own):
            out[own[-1]] = False
    for own in classes:
        if len(own) > 1 and not any(out[digest] for digest in own):
            free = (digest for digest in own if not _is_last(digest, classes, out))
            chosen = next(free, None)
            if chosen is not None:
                out[chosen] = True
    return np.array([out[digest] for digest in digests], np.bool_)


def _is_last(digest: str, classes: list[list[str]], out: dict[str, bool]) -> bool:
    """Whether a class that holds the picture has no other to train on."""
    return any(
        digest in own and all(out[other] for other in own if other != digest) for own in classes
    )
