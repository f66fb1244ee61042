"""Which epoch is better, and whether classes are so uneven that it matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from striate.errors import StriateError, nearest, parameter
from striate.recipes.choices import ClassWeights, NumberLoss, OfClasses, OfNumbers, Select
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.training.checkpoint import State

_ERRORS = frozenset(("loss", *get_args(OfNumbers)))
"""Figures of which the smaller is the better."""
UNEVEN = 10
"""From so many images of the largest class for each of the smallest on, training is told of it."""


def check_choices(
    class_weights: str | None,
    select: str | None = None,
    loss: str | None = None,
    *,
    numbers: bool = False,
) -> None:
    """Refuse what is no choice, or none for images with `numbers` or with classes.

    Raises:
        StriateError: it names the parameter and the nearest choice.
    """
    kind = "numbers" if numbers else "classes"
    of_other = get_args(OfClasses if numbers else OfNumbers)
    wanted = {
        "class_weights": (class_weights, get_args(ClassWeights), numbers),
        "select": (select, get_args(Select), select in of_other),
        "loss": (loss, get_args(NumberLoss), not numbers),
    }
    for name, (given, choices, is_of_other) in wanted.items():
        if given is None:
            continue
        if given not in choices:
            raise StriateError(parameter(name, given), "is unknown", nearest(given, choices))
        if is_of_other:
            own = ", ".join(each for each in choices if each not in of_other)
            remedy = f"choose one of {own}" if name == "select" else "leave it out"
            if name == "loss":
                remedy += f", or name the numbers by {parameter('target')}"
            raise StriateError(parameter(name, given), f"is not for {kind}", remedy)


def rank(found: Mapping[str, float], select: Select) -> tuple[float, float, float]:
    """How good figures of the validation images are: of two ranks the larger is the better.

    Examples:
        >>> rank({"loss": 0.5, "top1": 0.9}, "top1") > rank({"loss": 0.6, "top1": 0.9}, "top1")
        True
        >>> rank({"loss": 0.5, "mae": 3.0}, "mae") > rank({"loss": 0.4, "mae": 4.0}, "mae")
        True
    """
    last = "top1" if "top1" in found else "mae"
    by, loss, other = (-found[k] if k in _ERRORS else found[k] for k in (select, "loss", last))
    return by, loss, other


def is_better(found: Mapping[str, float], state: State, select: Select) -> bool:
    """Whether figures of the validation images are better than those of the best epoch so far."""
    if state.best is None:
        return True
    best = state.best.epoch
    kept = next(line["validation"] for line in state.history if line["epoch"] == best)
    return rank(found, select) > rank(kept, select)


def note_on_imbalance(images: ImageSet, class_weights: ClassWeights) -> str:
    """What to say of images whose classes are very uneven in number, and what to do about it.

    Empty where they are not, or where they are weighed, and of images with numbers.
    """
    counts = images.counts
    if not len(counts):
        return ""
    most, fewest = int(counts.argmax()), int(counts.argmin())
    if class_weights != "none" or counts[most] < UNEVEN * counts[fewest]:
        return ""
    large, small = printable(images.classes[most]), printable(images.classes[fewest])
    return (
        f"the classes are uneven: {counts[most]:,} images of {large}, {counts[fewest]:,} of "
        f"{small}; to count all alike: --class-weights balanced"
    )
