"""The numbers that a run answers with, and the scale that its network learnt them on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from striate.data.learnable import refuse_unlearnable
from striate.data.tables.roles import name_and_unit
from striate.data.targets import Answers, Target
from striate.errors import RunError
from striate.support.paths import shown
from striate.support.tables import Bounds, check_bounds

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.runs.config import RunConfig
    from striate.runs.run import Run

_ANY = Bounds(-math.inf, math.inf)


@dataclass(frozen=True, kw_only=True)
class ScaledTarget(Target):
    """A target as the training images have it.

    A network's output for it is ``(value - mean) / deviation``.

    Attributes:
        mean: of its values.
        deviation: their standard deviation.
        low: the least of them.
        high: the greatest.
    """

    mean: Annotated[float, _ANY]
    deviation: Annotated[float, Bounds(0, math.inf, above=True)]
    low: Annotated[float, _ANY]
    high: Annotated[float, _ANY]

    def __post_init__(self) -> None:
        check_bounds(self, "target", kind=RunError)

    @property
    def plain(self) -> Target:
        """What people need of it."""
        return Target(name=self.name, unit=self.unit)


def scaled(images: ImageSet) -> tuple[ScaledTarget, ...]:
    """The scale of each target of the training `images`; nothing of images with classes.

    Raises:
        DataError: see `striate.data.learnable.refuse_unlearnable`.
    """
    if images.values is None:
        return ()
    refuse_unlearnable(images, "the images to train on")
    found = []
    for target, column in zip(images.targets, images.values.T, strict=True):
        found.append(
            ScaledTarget(
                name=target.name,
                unit=target.unit,
                mean=float(column.mean()),
                deviation=float(column.std()),
                low=float(column.min()),
                high=float(column.max()),
            )
        )
    return tuple(found)


def standardised(
    targets: Sequence[ScaledTarget], values: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What a network is to give for images of these `values`, (images, targets)."""
    means, deviations = scale_of(targets)
    found: NDArray[np.float32] = ((values - means) / deviations).astype(np.float32)
    return found


def scale_of(targets: Sequence[ScaledTarget]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The means and the deviations of the targets, (targets,) each."""
    return (
        np.array([each.mean for each in targets], np.float64),
        np.array([each.deviation for each in targets], np.float64),
    )


def answers_of(config: RunConfig) -> Answers:
    """What the images of a run with these decisions are answered with."""
    return Answers(
        usual=config.data.label,
        targets=tuple(each.name for each in config.targets),
        units=tuple(each.unit for each in config.targets),
    )


def as_trained(asked: Sequence[str], targets: Sequence[Target]) -> tuple[str, ...]:
    """The names of `targets` for those that a person `asked` for, with or without their units.

    Examples:
        >>> as_trained(["Age (years)", "n"], [Target(name="age", unit="years")])
        ('age', 'n')
    """
    known = {
        key: each.name
        for each in targets
        for key in ((each.name.casefold(), ""), (each.name.casefold(), each.unit.casefold()))
    }
    bare = {each: name_and_unit(" ".join(each.casefold().split())) for each in asked}
    return tuple(known.get(bare[each], each) for each in asked)


def refuse_numbers(run: Run, what: str, remedy: str = "give a run of classes") -> None:
    """Raise for a `run` that answers with numbers, of which `what` is not to be had.

    Raises:
        RunError: it does.
    """
    if run.answers_numbers:
        raise RunError(shown(run.path), f"answers with numbers, and {what} is for classes", remedy)
