"""Whether anything can be learnt of numbers: they differ, by what float32 can tell apart."""

from __future__ import annotations

import math

import numpy as np

from striate.data.images import ImageSet
from striate.errors import DataError
from striate.support.text import printable

_LEAST = 1e-30  # of a deviation, whose square has to be more than 0
# Deviations that neighbours in float32 may lie apart: half of what exported files are held to.
_STEP = 5e-4


def refuse_unlearnable(train: ImageSet, origin: str) -> None:
    """Raise for images to train on of whose numbers a network could learn nothing.

    It answers in float32, in the unit of each target: a number far from 0 that hardly changes, such
    as a time in seconds since 1970 within an hour, is no more than noise there.

    Args:
        train: images with numbers, or with classes, of which nothing is asked.
        origin: where they are from, for the error.

    Raises:
        DataError: a target has one value only, or values that are too near to each other.
    """
    columns = () if train.values is None else train.values.T
    for target, column in zip(train.targets, columns, strict=True):
        name, low, high = printable(target.name), float(column.min()), float(column.max())
        if low == high:
            raise DataError(
                origin,
                f"'{name}' is {low:g} for every image to train on: nothing can be learnt",
                "choose another target, or add images with other values",
            )
        deviation = float(column.std())
        if deviation < _LEAST:
            why = f"'{name}' varies by {high - low:g} only, which is too little to compute with"
            raise DataError(origin, why, "give it in a smaller unit")
        if float(np.spacing(np.float32(max(-low, high)))) > _STEP * deviation:
            # Up to the first digit in which low and high differ.
            digits = 10.0 ** math.ceil(math.log10(high - low))
            raise DataError(
                origin,
                f"'{name}' lies between {low!r} and {high!r}, too far from 0 for numbers that "
                "differ so little: float32, in which networks compute, does not tell them apart",
                f"subtract {math.floor(low / digits) * digits:.15g} from each",
            )
