"""What a person may decide about measuring a detector, written once."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.detection.options import DetectorOptions, Limit, Suppression
from striate.support.options import Doc
from striate.support.shared_options import ShowProgress, SkipBad, Workers
from striate.support.tables import Bounds


@dataclass(frozen=True, kw_only=True)
class MeasuringOptions(DetectorOptions):
    """What a person may decide about measuring a detector, but for what it is measured on."""

    images: Annotated[
        str | Path | None,
        Doc("The folder of the pictures of labelled boxes, where it is not near these."),
    ] = None
    threshold: Annotated[
        float,
        Bounds(0, 1, below=True),
        Doc(
            "Of the precision, the recall and the missed boxes that are shown: boxes with a score "
            "of as much or more. AP takes every box, from a score of .001."
        ),
    ] = 0.25
    nms: Suppression = None
    iou: Limit = 0.6
    output: Annotated[
        str | Path | None,
        Doc(
            "Where to write a page with precision-recall curves, the surest false and the largest "
            "missed boxes as pictures."
        ),
    ] = None


@dataclass(frozen=True)
class EvaluateDetectorOptions(MeasuringOptions):
    """What a person may decide about measuring a detector."""

    model: Annotated[
        str | Path,
        Doc(
            "A file of weights, or an ONNX file that `export` made of them. With `weights`, the "
            "name of the network that these are of."
        ),
    ]
    data: Annotated[
        str | Path,
        Doc(
            "Labelled boxes: COCO's JSON, a folder that holds it, VOC's XML, or pictures with "
            "YOLO's text files. Of data in parts that for the test counts, else that for "
            "validation. Classes are matched by their names."
        ),
    ]
    _: KW_ONLY
    all_images: Annotated[
        bool, Doc("Measure on every part, those that a network may be trained on among them.")
    ] = False
    skip_bad: Annotated[
        SkipBad,
        Doc(
            "Leave out pictures that cannot be read or whose boxes are at fault, instead of "
            "stopping at them; the result names them."
        ),
    ] = False
    workers: Workers = None
    progress: ShowProgress = False
