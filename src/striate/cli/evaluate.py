"""``striate evaluate``: how good a run is, or a detector."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from striate.cli.options import AsJson, Given, command
from striate.detection.evaluation.options import EvaluateDetectorOptions, MeasuringOptions
from striate.errors import StriateError, parameter
from striate.evaluation.options import EvaluateOptions
from striate.support.options import Doc, doc_of

if TYPE_CHECKING:
    from striate.evaluation.metrics import Evaluation


@dataclass(frozen=True)
class Typed(EvaluateOptions, MeasuringOptions):
    """What is typed: what `striate.evaluate` takes, or `striate.evaluate_detector`."""

    run: Annotated[
        str | Path,
        Doc(
            doc_of(EvaluateOptions, "run").text
            + " Or a detector: a file of weights, or an ONNX file made of one, with `data`."
        ),
    ]
    data: Annotated[
        str | Path | None,
        Doc(
            doc_of(EvaluateOptions, "data").text
            + " Of a detector: "
            + doc_of(EvaluateDetectorOptions, "data").text
        ),
    ] = None


@command(Typed, all_images=("--all",), output=("-o", "--output"))
def evaluate(given: Given, as_json: AsJson = False) -> None:
    """Measure a run on held-out images, a detector on boxes.

    Top-1, top-5, loss, calibration, figures of each class, confusion. Of a detector's weights,
    COCO's AP, by size and class, as `striate.evaluate_detector` does.
    """
    from striate.cli.detectors import chosen, is_detector

    if is_detector(given["run"], given["weights"]):
        of_boxes = chosen(given, Typed, EvaluateDetectorOptions, "a detector")
        if of_boxes["data"] is None:
            raise StriateError(
                parameter("data"), "is missing", "give labelled boxes to measure the detector on"
            )
        _evaluate_detector(of_boxes, as_json=as_json)
    else:
        _evaluate(chosen(given, Typed, EvaluateOptions, "a run"), as_json=as_json)


def _evaluate(given: Given, *, as_json: bool) -> None:
    from striate import api

    found = api.evaluate(**given, progress=True)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        _show(found, given["data"])


def _evaluate_detector(given: Given, *, as_json: bool) -> None:
    from rich.console import Console

    from striate import api

    found = api.evaluate_detector(**given, progress=True)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        found.show(Console(highlight=False))


def _show(found: Evaluation, data: str | None) -> None:
    from rich.console import Console

    if found.left_out and data is not None:
        images = "image" if found.left_out == 1 else "images"
        print(
            f"note: {found.left_out:,} {images} left out: trained on (--all measures on them too)"
        )
    found.show(Console(highlight=False))
