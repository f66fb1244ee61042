"""The mistakes of a detector: boxes where nothing is, and things that it missed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from striate.detection.annotations.labelled import Truth
from striate.detection.boxes import Boxes
from striate.detection.evaluation.average_precision import Outcomes
from striate.detection.suppression import iou

Kind = Literal["twice", "class", "place", "nothing", "missed"]
"""A found box is the second of one thing (``twice``), has another class than the labelled box in
its place (``class``), overlaps one of its class too little (``place``), or has none below it
(``nothing``). Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors",
ECCV 2020, Sec. 2.2, has the same kinds."""

RIGHT, NEAR = 0.5, 0.1
"""The overlaps from which a box is in the right place, and from which it is near one."""


@dataclass(frozen=True)
class Mistake:
    """One box that is wrong, or one that is missing.

    Attributes:
        kind: what is wrong.
        picture: index of the picture.
        label: the class: what was found, or what was missed.
        xyxy: left, top, right and bottom of it, in pixels.
        score: of a found box; of a missed one that of the box that would have found it, below the
            threshold, and 0 where there is none.
        labelled: the class of the labelled box that a found one overlaps most, and that box; None
            where there is none.
        overlap: intersection over union with it.
    """

    kind: Kind
    picture: int
    label: int
    xyxy: tuple[float, float, float, float]
    score: float
    labelled: tuple[int, tuple[float, float, float, float]] | None = None
    overlap: float = 0.0


@dataclass(frozen=True)
class Counts:
    """Of one class, at a threshold: boxes that are right, boxes that are wrong, things missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Share of the boxes that are right; None where there are no boxes."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Share of the things that were found; None where there are none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None


def counts(
    truths: Sequence[Truth],
    found: Sequence[Boxes],
    outcomes: Outcomes,
    classes: int,
    threshold: float,
) -> list[Counts]:
    """What a person who sees the boxes above `threshold` sees, class by class."""
    right, wrong, missed = (np.zeros(classes, np.int64) for _ in range(3))
    labels, scores = _of_found(found, outcomes)
    shown = (scores >= threshold) & ~outcomes.ignored
    np.add.at(right, labels[shown & outcomes.right], 1)
    np.add.at(wrong, labels[shown & ~outcomes.right], 1)
    for truth, by in zip(truths, outcomes.score_of, strict=True):
        np.add.at(missed, truth.labels[(by < threshold) & ~truth.crowd], 1)
    rows = zip(right.tolist(), wrong.tolist(), missed.tolist(), strict=True)
    return [Counts(*row) for row in rows]


def surest_false(
    truths: Sequence[Truth],
    found: Sequence[Boxes],
    outcomes: Outcomes,
    most: int,
    labelled: Collection[int],
) -> list[Mistake]:
    """The wrong boxes of the highest scores, surest first.

    Args:
        truths: for each picture.
        found: for each picture.
        outcomes: of these.
        most: how many at the most.
        labelled: the classes of which boxes may be wrong: those that are labelled at all.
    """
    labels, scores = _of_found(found, outcomes)
    known = np.isin(labels, list(labelled))
    wrong = np.flatnonzero(known & ~outcomes.right & ~outcomes.ignored)
    order = wrong[np.argsort(-scores[wrong], kind="stable")][:most]
    mistakes = []
    for each in order.tolist():
        image = int(outcomes.picture[each])
        xyxy = found[image].xyxy[outcomes.box[each]]
        kind, nearest, overlap = _kind(truths[image], xyxy, int(labels[each]))
        mistakes.append(
            Mistake(
                kind,
                image,
                int(labels[each]),
                _corners(xyxy),
                float(scores[each]),
                None
                if nearest is None
                else (int(truths[image].labels[nearest]), _corners(truths[image].xyxy[nearest])),
                overlap,
            )
        )
    return mistakes


def missed(
    truths: Sequence[Truth], outcomes: Outcomes, threshold: float, most: int
) -> list[Mistake]:
    """Labelled boxes that nothing above `threshold` found, the largest first."""
    mistakes = [
        Mistake(
            "missed",
            image,
            int(truth.labels[each]),
            _corners(truth.xyxy[each]),
            max(float(by[each]), 0.0),
        )
        for image, (truth, by) in enumerate(zip(truths, outcomes.score_of, strict=True))
        for each in np.flatnonzero((by < threshold) & ~truth.crowd).tolist()
    ]
    return sorted(mistakes, key=lambda each: -_area(each.xyxy))[:most]


def _of_found(found: Sequence[Boxes], outcomes: Outcomes) -> tuple[NDArray[Any], NDArray[Any]]:
    """Class and score of each box among the `outcomes`."""
    first = np.cumsum([0, *map(len, found)])[:-1] if found else np.zeros(0, np.int64)
    place = first[outcomes.picture] + outcomes.box
    labels = np.concatenate([each.classes for each in found] or [np.zeros(0, np.int64)])
    scores = np.concatenate([each.scores for each in found] or [np.zeros(0, np.float32)])
    return labels[place], scores[place]


def _kind(truth: Truth, xyxy: NDArray[Any], label: int) -> tuple[Kind, int | None, float]:
    """What is wrong with a box, the labelled box that says so, and their overlap."""
    if not len(truth):
        return "nothing", None, 0.0
    overlaps = iou(xyxy.astype(np.float32), truth.xyxy.astype(np.float32))
    same = np.where(truth.labels == label, overlaps, -1)
    best, other = int(same.argmax()), int(overlaps.argmax())
    if same[best] >= RIGHT:
        return "twice", best, float(same[best])
    if overlaps[other] >= RIGHT:
        return "class", other, float(overlaps[other])
    if same[best] >= NEAR:
        return "place", best, float(same[best])
    return "nothing", None, 0.0


def _corners(xyxy: NDArray[Any]) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, xyxy)
    return left, top, right, bottom


def _area(xyxy: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = xyxy
    return (right - left) * (bottom - top)
