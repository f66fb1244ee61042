"""Which epoch is better, and whether classes are so uneven that it matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from striate.errors import StriateError, nearest, parameter
from striate.recipes.choices import ClassWeights, Select
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.training.checkpoint import State

UNEVEN = 10
"""From so many images of the largest class for each of the smallest on, training is told of it."""


def check_choices(class_weights: str | None, select: str | None) -> None:
    """Refuse what is no choice.

    Raises:
        StriateError: it names the parameter and the nearest choice.
    """
    for name, given, choices in (
        ("class_weights", class_weights, get_args(ClassWeights)),
        ("select", select, get_args(Select)),
    ):
        if given is not None and given not in choices:
            raise StriateError(parameter(name, given), "is unknown", nearest(given, choices))


def rank(found: Mapping[str, float], select: Select) -> tuple[float, float, float]:
    """How good figures of the validation images are: of two ranks the larger is the better.

    Examples:
        >>> rank({"loss": 0.5, "top1": 0.9}, "top1") > rank({"loss": 0.6, "top1": 0.9}, "top1")
        True
    """
    loss = -found["loss"]
    return loss if select == "loss" else found[select], loss, found["top1"]


def is_better(found: Mapping[str, float], state: State, select: Select) -> bool:
    """Whether figures of the validation images are better than those of the best epoch so far."""
    if state.best is None:
        return True
    best = state.best.epoch
    kept = next(line["validation"] for line in state.history if line["epoch"] == best)
    return rank(found, select) > rank(kept, select)


def note_on_imbalance(images: ImageSet, class_weights: ClassWeights) -> str:
    """What to say of images whose classes are very uneven in number, and what to do about it.

    Empty where they are not, or where they are weighed.
    """
    counts = images.counts
    most, fewest = int(counts.argmax()), int(counts.argmin())
    if class_weights != "none" or counts[most] < UNEVEN * counts[fewest]:
        return ""
    large, small = printable(images.classes[most]), printable(images.classes[fewest])
    return (
        f"the classes are uneven: {counts[most]:,} images of {large}, {counts[fewest]:,} of "
        f"{small}; to count all alike: --class-weights balanced"
    )
