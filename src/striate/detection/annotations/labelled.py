"""Pictures with boxes that people drew, whatever file they were in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

#: Which part of the data is measured on, where there are parts.
PARTS = ("test", "val")


@dataclass(frozen=True)
class Box:
    """One box that somebody drew.

    Attributes:
        xyxy: left, top, right, bottom, in pixels or as parts of the picture's width and height.
        label: the index of its class among those of the annotations.
        area: of what it stands around, in pixels; None for that of the box itself.
        crowd: whether it stands around a crowd of things, or one that is not to be counted: boxes
            in it are neither right nor wrong.
    """

    xyxy: tuple[float, float, float, float]
    label: int
    area: float | None = None
    crowd: bool = False


@dataclass(frozen=True, eq=False)
class Truth:
    """The labelled boxes of one picture, in pixels.

    Attributes:
        xyxy: float64 (n, 4), left, top, right and bottom.
        labels: int64 (n,), indices of class names.
        areas: float64 (n,), in pixels, of what each box stands around.
        crowd: bool (n,), whether boxes in it are neither right nor wrong.
    """

    xyxy: Floats
    labels: NDArray[np.int64]
    areas: Floats
    crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    def relabelled(self, to: Mapping[int, int]) -> Truth:
        """The same with the labels that `to` gives; boxes of labels that are not in it go."""
        stays = np.isin(self.labels, list(to))
        labels = np.array([to[each] for each in self.labels[stays].tolist()], np.int64)
        return Truth(self.xyxy[stays], labels, self.areas[stays], self.crowd[stays])


@dataclass(frozen=True)
class Labelled:
    """One picture and what was drawn in it.

    Attributes:
        name: as its annotations call it.
        path: the file.
        boxes: may be none.
        part: ``train``, ``val`` or ``test``; empty where nothing tells.
        size: (height, width) as its annotations say; None where they do not.
        relative: whether boxes are in parts of the picture, not in pixels.
    """

    name: str
    path: Path
    boxes: tuple[Box, ...]
    part: str = ""
    size: tuple[int, int] | None = None
    relative: bool = False

    def truth(self, size: tuple[int, int]) -> Truth:
        """Its boxes, of a picture that has `size` (height, width)."""
        height, width = size if self.relative else (1, 1)
        xyxy = np.array([each.xyxy for each in self.boxes], np.float64).reshape(-1, 4)
        xyxy = xyxy * np.array([width, height, width, height], np.float64)
        own = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1).tolist()
        pairs = zip(self.boxes, own, strict=True)
        return Truth(
            xyxy,
            np.array([each.label for each in self.boxes], np.int64),
            np.array([area if each.area is None else each.area for each, area in pairs], float),
            np.array([each.crowd for each in self.boxes], bool),
        )


@dataclass(frozen=True)
class Fault:
    """What is wrong with the annotations of one picture: `where`, to the line or number; `why`."""

    where: str
    why: str


@dataclass(frozen=True)
class Annotations:
    """All that was read.

    Attributes:
        source: the file or folder.
        form: ``COCO JSON``, ``YOLO text`` or ``VOC XML``.
        classes: names in the order of the labels; empty where nothing names them.
        pictures: in their order, without those at fault.
        faults: one or more for each picture that is left out.
        notes: what was taken for granted.
    """

    source: Path
    form: str
    classes: tuple[str, ...]
    pictures: tuple[Labelled, ...]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)


def held_out(pictures: Sequence[Labelled]) -> tuple[str, tuple[Labelled, ...]]:
    """The part to measure on and its pictures: test, else val, else, without parts, all of them."""
    for part in PARTS:
        chosen = tuple(each for each in pictures if each.part == part)
        if chosen:
            return part, chosen
    return "", tuple(pictures)


def box_of(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    """Four numbers as left, top, right, bottom.

    Raises:
        ValueError: they make no box; says why.
    """
    left, top, right, bottom = map(float, numbers)
    if not np.isfinite([left, top, right, bottom]).all():
        raise ValueError("has a coordinate that is no number")
    if right <= left or bottom <= top:
        raise ValueError(f"has no area ({right - left:g} wide, {bottom - top:g} high)")
    return left, top, right, bottom
