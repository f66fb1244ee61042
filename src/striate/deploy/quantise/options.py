"""What a person may decide about a quantisation."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    RunOrFile,
    ShowProgress,
    SkipBad,
    Workers,
)
from striate.support.tables import Bounds

FEWEST = 8
"""Images that can be calibrated with."""

DROP, AGREEMENT, DIFFERENCE = 0.3, 98.0, 3.0
"""Limits where none are given."""

Target = Literal["any", "vnni"]
"""Processors that a file is for: all, or those that add products of bytes in 32 bits."""
Drop = Annotated[
    float,
    Bounds(0, 100),
    Doc(
        "Points of top-1 that may be lost. A larger loss is allowed as long as the images cannot "
        "tell it from none (95 % interval of the same images in both networks), and one point in "
        "any case on a processor without VNNI."
    ),
]
Agreement = Annotated[
    float,
    Bounds(0, 100),
    Doc(
        "Per cent of the images that must keep their likeliest class, at the least. 97 suits "
        "networks of depthwise convolutions, such as EfficientNet-Lite0, which 8 bits cost more."
    ),
]


Difference = Annotated[
    float,
    Bounds(0, 100),
    Doc(
        "Of a run of numbers, instead of `drop` and `agreement`: mean absolute difference from the "
        "float network's values, at the most; per cent of the deviation that their target has "
        "among the training images."
    ),
]


@dataclass(frozen=True)
class QuantiseOptions(Options):
    """What a person may decide about a quantisation."""

    source: RunOrFile
    output: Annotated[
        str | Path | None,
        Doc(
            "The file; ``NAME.int8.onnx`` beside the float one, or in the run's folder, by default."
        ),
    ] = None
    _: KW_ONLY
    data: Annotated[
        str | Path | None,
        Doc(
            "Labelled images, as for `evaluate`: held-out ones to measure on, others to calibrate "
            "with. A run has its own; a file has none."
        ),
    ] = None
    drop: Drop = DROP
    agreement: Agreement = AGREEMENT
    difference: Difference = DIFFERENCE
    calibration: Annotated[
        int | None,
        Bounds(FEWEST, MOST),
        Doc(
            "Images to calibrate with, of every class; by default 100, or one of each class where "
            "there are more."
        ),
    ] = None
    target: Annotated[
        Target,
        Doc(
            "Processors that the file is for: ``any``, or those with ``vnni``, on which weights of "
            "8 bits cannot overflow; others may give wrong answers with such a file."
        ),
    ] = "any"
    page: Annotated[
        bool, Doc("Write a page beside the file that shows what it cost and gained.")
    ] = True
    skip_bad: SkipBad = False
    workers: Workers = None
    progress: ShowProgress = False
    allow_code: AllowCode = False
