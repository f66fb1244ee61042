"""A detector measured on labelled boxes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.finding.inputs import Item
from striate.detection.annotations.labelled import Annotations, Labelled, Truth, held_out
from striate.detection.boxes import Boxes
from striate.detection.detector import Choice, Detector
from striate.detection.evaluation.average_precision import Precision, average_precision
from striate.detection.evaluation.classes import match_classes
from striate.detection.evaluation.mistakes import Mistake, counts, missed, surest_false
from striate.detection.evaluation.result import BoxEvaluation, ClassFigures
from striate.errors import DataError, parameter
from striate.support import paths
from striate.support.progress import counting
from striate.support.text import printable
from striate.support.words import plural

LEAST_SCORE, LIMIT = 0.001, 0.6
"""Darknet's ``valid``, whose boxes COCO's figures are computed of: every box of some score, several
classes a box, and a suppression that leaves more than people want to see."""

SHOWN = 24
"""Mistakes of each kind that are kept to be looked at."""

_Measured = list[tuple[Labelled, Truth, Boxes, tuple[int, int]]]


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How to measure.

    Attributes:
        choice: which boxes the detector gives.
        threshold: above which a person would be shown a box.
        every_part: whether pictures of every part count, those of training among them.
        skip_bad: leave out what cannot be used, instead of stopping at it.
        workers: threads that read pictures.
        progress: whether to show it.
    """

    choice: Choice
    threshold: float = 0.25
    every_part: bool = False
    skip_bad: bool = False
    workers: int = 0
    progress: bool = False


def evaluate_detector(
    detector: Detector[Any], annotations: Annotations, measuring: Measuring
) -> BoxEvaluation:
    """Measure `detector` on labelled boxes.

    Raises:
        DataError: annotations or pictures are at fault, no class is in both, or nothing is
            labelled.
        StriateError: pycocotools is missing.
    """
    notes = list(annotations.notes)
    skipped = _faults(annotations, skip_bad=measuring.skip_bad)
    part, pictures = "", annotations.pictures
    if not measuring.every_part:
        part, pictures = held_out(annotations.pictures)
    used = [box.label for each in pictures for box in each.boxes]
    matched = match_classes(annotations.classes, detector.names, most=max(used, default=0))
    if not annotations.classes:
        notes.append("nothing names the labelled classes: their numbers are the detector's")
    for name in matched.missing:
        gone = used.count(annotations.classes.index(name))
        boxes = plural(gone, "labelled box does", "labelled boxes do")
        notes.append(f"the detector has no class {name!r}, whose {boxes} not count")
    rows = _found(detector, pictures, matched.to, measuring, skipped)
    if not any(len(truth) - truth.crowd.sum() for _, truth, _, _ in rows):
        raise DataError(
            paths.shown(annotations.source),
            f"holds no labelled box of the detector's classes{f' in its {part} part' * bool(part)}",
            "give other data" if measuring.every_part else f"give {parameter('all_images')}",
        )
    return _result(
        detector,
        annotations,
        rows,
        measuring,
        # Of other classes nobody can say whether a box is wrong.
        labelled=frozenset(matched.to.values()),
        part=part,
        skipped=skipped,
        notes=tuple(notes),
    )


def _faults(annotations: Annotations, *, skip_bad: bool) -> list[tuple[str, str]]:
    faults = annotations.faults
    if faults and not skip_bad:
        first, others = faults[0], len(faults) - 1
        more = f" (and {plural(others, 'more fault')})" if others else ""
        raise DataError(
            first.where,
            first.why + more,
            f"mend it, or leave such pictures out with {parameter('skip_bad')}",
        )
    return [(each.where, each.why) for each in faults]


def _found(
    detector: Detector[Any],
    pictures: Sequence[Labelled],
    to: dict[int, int],
    measuring: Measuring,
    skipped: list[tuple[str, str]],
) -> _Measured:
    """What the detector finds in each picture that can be used; the others go to `skipped`."""
    items = (Item(each.name, each.path) for each in pictures)
    found = detector.detections(items, measuring.choice, workers=measuring.workers)
    rows: _Measured = []
    with closing(found), counting("detecting", wanted=measuring.progress) as count:
        for done, (picture, each) in enumerate(zip(pictures, found, strict=True), 1):
            why = each.error or _other_size(picture, each.size)
            if why and not measuring.skip_bad:
                remedy = f"leave it out with {parameter('skip_bad')}"
                raise DataError(paths.shown(picture.path), why, remedy)
            if why:
                skipped.append((printable(picture.name), why))
            else:
                truth = picture.truth(each.size).relabelled(to)
                rows.append((picture, truth, each.boxes, each.size))
            if count is not None:
                count(done, len(pictures))
    return rows


def _other_size(picture: Labelled, size: tuple[int, int]) -> str:
    """Why boxes of `picture` do not fit the picture that is there; empty if they do."""
    if picture.size is None or picture.size == size:
        return ""
    (high, wide), (height, width) = picture.size, size
    turned = ", turned by its EXIF entry" if picture.size == size[::-1] else ""
    return f"its boxes are of {wide} × {high} pixels, and it has {width} × {height}{turned}"


def _result(
    detector: Detector[Any],
    annotations: Annotations,
    rows: _Measured,
    measuring: Measuring,
    *,
    labelled: frozenset[int],
    part: str,
    skipped: list[tuple[str, str]],
    notes: tuple[str, ...],
) -> BoxEvaluation:
    truths, found = [each[1] for each in rows], [each[2] for each in rows]
    classes, threshold = len(detector.names), measuring.threshold
    measured = average_precision(truths, found, [each[3] for each in rows], classes)
    false = surest_false(truths, found, measured.outcomes, SHOWN, labelled)
    lost = missed(truths, measured.outcomes, threshold, SHOWN)
    choice = detector.full(measuring.choice)
    return BoxEvaluation(
        source=annotations.source,
        form=annotations.form,
        part=part,
        images=len(rows),
        boxes=int(sum(len(each) - each.crowd.sum() for each in truths)),
        figures=measured.figures,
        per_class=_per_class(detector, truths, found, measured, threshold),
        classes=detector.names,
        threshold=threshold,
        settings={
            **detector.settings,
            "nms": choice.rule,
            "iou": choice.limit,
            "least_score": choice.threshold,
        },
        false=tuple(false),
        missed=tuple(lost),
        pictures=_pictures(rows, [*false, *lost]),
        skipped=tuple(skipped),
        notes=notes,
    )


def _pictures(rows: _Measured, mistakes: Sequence[Mistake]) -> dict[int, Path]:
    return {each.picture: rows[each.picture][0].path for each in mistakes}


def _per_class(
    detector: Detector[Any],
    truths: Sequence[Truth],
    found: Sequence[Boxes],
    measured: Precision,
    threshold: float,
) -> tuple[ClassFigures, ...]:
    classes = len(detector.names)
    seen = counts(truths, found, measured.outcomes, classes, threshold)
    many = np.zeros(classes, np.int64)
    for truth in truths:
        np.add.at(many, truth.labels[~truth.crowd], 1)
    rows = []
    for label in np.flatnonzero(many).tolist():
        ap, ap50, ap75 = measured.of_class(label)
        half, three_quarters = measured.curves(label)
        rows.append(
            ClassFigures(
                name=detector.names[label],
                boxes=int(many[label]),
                ap=ap,
                ap50=ap50,
                ap75=ap75,
                seen=seen[label],
                curve50=tuple(half.tolist()),
                curve75=tuple(three_quarters.tolist()),
            )
        )
    return tuple(rows)
