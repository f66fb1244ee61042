"""COCO's average precision, computed by COCO's own code (pycocotools).

A box is right where its intersection over union with a labelled box of its class, that no surer box
has, is at least a limit. Precision is averaged over 101 recalls and the classes that are labelled;
AP over the limits .50, .55 … .95 as well (cocodataset.org, "Detection evaluation").
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.detection.annotations.labelled import Truth
from striate.detection.boxes import Boxes
from striate.support.packages import need

#: Names of the numbers that `summarize` gives, in its order.
FIGURES = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
_AT_HALF, _AT_THREE_QUARTERS = 0, 5
"""Places of the limits .50 and .75."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of every box that was found and of every labelled one, at a limit of .5.

    The most that count are the 100 surest of a class in a picture.

    Attributes:
        picture: int64 (n,), index of each found box's picture.
        box: int64 (n,), its place among the boxes of that picture.
        right: bool (n,), whether it is a labelled box of its class that no surer one is.
        ignored: bool (n,), whether it lies in a crowd and counts for nothing.
        score_of: for each picture float64 (labelled boxes,), the score of the box that found it;
            -1 where none did.
    """

    picture: NDArray[np.int64]
    box: NDArray[np.int64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    score_of: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class Precision:
    """The figures.

    Attributes:
        figures: by the names in `FIGURES`; None where nothing of that kind is labelled.
        precision: float64 (limits, 101, classes), at each recall; -1 where none is labelled.
        scores: float64 (101, classes), the score that gives each recall at a limit of .5.
        outcomes: box by box.
    """

    figures: dict[str, float | None]
    precision: NDArray[np.float64]
    scores: NDArray[np.float64]
    outcomes: Outcomes

    def of_class(self, index: int) -> tuple[float | None, float | None, float | None]:
        """AP, AP50 and AP75 of one class; None where it is not labelled."""
        own = self.precision[:, :, index]
        return _mean(own), _mean(own[_AT_HALF]), _mean(own[_AT_THREE_QUARTERS])

    def curves(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Precision of one class at 101 recalls, at a limit of .50 and of .75."""
        return self.precision[_AT_HALF, :, index], self.precision[_AT_THREE_QUARTERS, :, index]


def average_precision(
    truths: Sequence[Truth], found: Sequence[Boxes], sizes: Sequence[tuple[int, int]], classes: int
) -> Precision:
    """Hold what was `found` in pictures against their `truths`.

    Args:
        truths: for each picture.
        found: for each picture, with every score that there is, down to .001.
        sizes: (height, width) of each picture.
        classes: how many.

    Raises:
        StriateError: pycocotools is missing.
    """
    purpose = "measure detectors"
    coco = need("pycocotools.coco", purpose=purpose, extra="detect")
    cocoeval = need("pycocotools.cocoeval", purpose=purpose, extra="detect")
    with contextlib.redirect_stdout(io.StringIO()):  # it tells how long each step took
        given = _document(coco, sizes, classes, _labelled(truths))
        answers = _document(coco, sizes, classes, _found(found))
        judge = cocoeval.COCOeval(given, answers, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    figures = (None if each < 0 else _whole(each) for each in judge.stats)
    return Precision(
        dict(zip(FIGURES, figures, strict=True)),
        judge.eval["precision"][:, :, :, 0, -1],
        judge.eval["scores"][_AT_HALF, :, :, 0, -1],
        _outcomes(judge, truths, found),
    )


def _mean(precision: NDArray[np.float64]) -> float | None:
    held = precision[precision > -1]
    return _whole(held.mean()) if held.size else None


def _whole(value: float) -> float:
    """`value` without the last digits: pycocotools divides by a little more than it should."""
    return round(float(value), 12)


def _document(
    coco: Any, sizes: Sequence[tuple[int, int]], classes: int, annotations: list[dict[str, Any]]
) -> Any:
    """What pycocotools takes; all numbers begin at 1, since it takes a match with 0 for none."""
    document = coco.COCO()
    document.dataset = {
        "images": [
            {"id": number, "height": height, "width": width}
            for number, (height, width) in enumerate(sizes, 1)
        ],
        "categories": [{"id": number, "name": str(number)} for number in range(1, classes + 1)],
        "annotations": annotations,
    }
    document.createIndex()
    return document


def _labelled(truths: Sequence[Truth]) -> list[dict[str, Any]]:
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths, 1):
        rows = zip(
            truth.xyxy.tolist(),
            truth.labels.tolist(),
            truth.areas.tolist(),
            truth.crowd.tolist(),
            strict=True,
        )
        for xyxy, label, area, crowd in rows:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": label + 1,
                    "bbox": _corner_and_size(xyxy),
                    "area": area,
                    "iscrowd": int(crowd),
                }
            )
    return annotations


def _found(found: Sequence[Boxes]) -> list[dict[str, Any]]:
    annotations: list[dict[str, Any]] = []
    for image, boxes in enumerate(found, 1):
        rows = zip(boxes.xyxy.tolist(), boxes.scores.tolist(), boxes.classes.tolist(), strict=True)
        for xyxy, score, label in rows:
            left, top, width, height = _corner_and_size(xyxy)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": label + 1,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "score": score,
                }
            )
    return annotations


def _corner_and_size(xyxy: Sequence[float]) -> list[float]:
    left, top, right, bottom = xyxy
    return [left, top, right - left, bottom - top]


def _outcomes(judge: Any, truths: Sequence[Truth], found: Sequence[Boxes]) -> Outcomes:
    """What pycocotools found out box by box, for things of every size."""
    first_found = np.cumsum([1, *map(len, found)])
    first_truth = np.cumsum([1, *map(len, truths)])
    score_of = tuple(np.full(len(truth), -1.0) for truth in truths)
    picture: list[int] = []
    box: list[int] = []
    right: list[bool] = []
    ignored: list[bool] = []
    every_size = judge.params.areaRng[0]
    for each in judge.evalImgs:
        if each is None or each["aRng"] != every_size:
            continue
        image = each["image_id"] - 1
        matches, over = each["dtMatches"][_AT_HALF], each["dtIgnore"][_AT_HALF]
        scores = dict(zip(each["dtIds"], each["dtScores"], strict=True))
        for place, (identity, match) in enumerate(zip(each["dtIds"], matches, strict=True)):
            picture.append(image)
            box.append(int(identity - first_found[image]))
            right.append(bool(match) and not over[place])
            ignored.append(bool(over[place]))
        for identity, match in zip(each["gtIds"], each["gtMatches"][_AT_HALF], strict=True):
            if match:
                score_of[image][identity - first_truth[image]] = scores[int(match)]
    return Outcomes(
        np.array(picture, np.int64),
        np.array(box, np.int64),
        np.array(right, bool),
        np.array(ignored, bool),
        score_of,
    )
