"""What a person may decide about the file of a detector, written once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from striate.detection.options import Limit, WeightsOptions
from striate.support.options import Doc
from striate.support.tables import Bounds


@dataclass(frozen=True, kw_only=True)
class JudgedOptions(WeightsOptions):
    """What a person may decide about the boxes that a file gives."""

    threshold: Annotated[
        float | None,
        Bounds(0, 1),
        Doc(
            "Of a detector: a box counts whose score is above it, .25 by default. ONNX Runtime "
            "takes another from call to call."
        ),
    ] = None
    nms: Annotated[
        Literal["greedy", "iou", "none"] | None,
        Doc(
            "Of a detector: how its boxes are suppressed within the file, as for `detect`; "
            "``none`` gives every box of every head, with its score for each class."
        ),
    ] = None
    iou: Limit = 0.45
    images: Annotated[
        str | Path | None,
        Doc(
            "Of a detector: pictures to verify the file with; by default photographs of "
            "scikit-learn's and a grey picture."
        ),
    ] = None


@dataclass(frozen=True)
class ExportDetectorOptions(JudgedOptions):
    """What a person may decide about the file of a detector."""

    model: Annotated[
        str | Path,
        Doc("A file of weights. With `weights`, the name of the network that these are of."),
    ]
    output: Annotated[
        str | Path | None, Doc("The file; beside the weights and called as they by default.")
    ] = None
