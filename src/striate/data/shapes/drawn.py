"""All pictures that some settings ask for, with their classes and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.data.scan import over_threads
from striate.data.shapes.forms import class_names
from striate.data.shapes.paint import paint
from striate.data.shapes.scenes import TARGETS, scene
from striate.data.shapes.settings import NAME, Settings
from striate.data.targets import Answers, Target
from striate.errors import DataError, nearest, parameter


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures of shapes.

    Attributes:
        classes: names of the forms.
        images: uint8 (n, size, size, 3).
        labels: int64 (n,).
        values: float64 (n, 5), the numbers of `TARGETS`.
    """

    classes: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    values: NDArray[np.float64]


def draw(settings: Settings, workers: int = 0) -> Drawn:
    """Draw what is asked for; the number of threads does not matter."""
    scenes = [scene(settings, index) for index in range(settings.images)]
    images = np.empty((settings.images, settings.size, settings.size, 3), np.uint8)

    def fill(index: int) -> None:
        images[index] = paint(settings, scenes[index], index)

    for _ in over_threads(fill, range(settings.images), workers):
        pass
    return Drawn(
        classes=class_names(settings.classes),
        images=images,
        labels=np.array([each.label for each in scenes], np.int64),
        values=np.array([each.values for each in scenes], np.float64),
    )


def columns_of(settings: Settings, answers: Answers) -> tuple[list[int], tuple[Target, ...]]:
    """Which of the `TARGETS` are asked for.

    Raises:
        DataError: there is no such number, or it is the same in all pictures, or that of one shape
            among several.
    """
    places, chosen = [], []
    names = [target.name for target in TARGETS]
    for at, name in enumerate(answers.targets):
        if name not in names:
            why = f"is no number of {NAME}"
            raise DataError(parameter("target", name), why, nearest(name, names))
        if name in ("x", "y") and settings.count[1] > 1:
            why = f"is the place of one shape, and there are up to {settings.count[1]}"
            raise DataError(parameter("target", name), why, f"take {NAME}:count=1")
        target = TARGETS[names.index(name)]
        unit = answers.units[at] if answers.units else target.unit
        places.append(names.index(name))
        chosen.append(Target(name=name, unit=unit))
    return places, tuple(chosen)
