"""How good a detector is, and its file for elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from striate.deploy.detectors.options import ExportDetectorOptions
from striate.detection.evaluation.options import EvaluateDetectorOptions
from striate.support.options import takes
from striate.support.paths import shown

if TYPE_CHECKING:
    from striate.deploy.detectors.export import DetectorReport
    from striate.deploy.detectors.verify import Picture
    from striate.detection.evaluation.result import BoxEvaluation


@takes(EvaluateDetectorOptions)
def evaluate_detector(options: EvaluateDetectorOptions) -> BoxEvaluation:
    """Measure a detector on labelled boxes, with COCO's own code.

    Returns:
        AP, AP50, AP75, by size, of each class; the surest false and the largest missed boxes; what
        was left out, notes.

    Raises:
        StriateError: the weights, the labelled boxes or an option are at fault, or no class is in
            both.
    """
    from striate.api.detecting import open_model
    from striate.data.scan import threads
    from striate.detection.annotations.find import read_annotations
    from striate.detection.detector import Choice
    from striate.detection.evaluation.evaluate import LEAST_SCORE, Measuring, evaluate_detector
    from striate.report.detection import write_box_page
    from striate.support.files import output_file
    from striate.support.packages import need

    need("pycocotools", purpose="measure detectors", extra="detect")
    page = None if options.output is None else output_file(options.output)
    with open_model(options.model, options) as detector:
        annotations = read_annotations(options.data, images=options.images)
        choice = Choice(LEAST_SCORE, options.nms, options.iou, in_pixels=detector.any_rule)
        found = evaluate_detector(
            detector,
            annotations,
            Measuring(
                choice=detector.full(choice),
                threshold=options.threshold,
                every_part=options.all_images,
                skip_bad=options.skip_bad,
                workers=threads(options.workers),
                progress=options.progress,
            ),
        )
    return found if page is None else replace(found, page=write_box_page(found, page))


@takes(ExportDetectorOptions)
def export_detector(options: ExportDetectorOptions) -> DetectorReport:
    """Write a detector as one ONNX file, verified before it is moved into place.

    A picture of any size goes in, boxes in its pixels come out: resize, network, decoding and
    suppression are in the file. ``docs/detection.md`` says how it is used.

    Raises:
        ExportError: an option cannot be met, an engine finds something else than PyTorch, or the
            file cannot be written.
        StriateError: the weights are at fault.
    """
    from striate.api.detecting import open_weights
    from striate.deploy.detectors.export import export_detector
    from striate.deploy.detectors.graph import Judging
    from striate.detection.detector import Choice

    detector = open_weights(options.model, options)
    weights = Path(options.weights or options.model)
    return export_detector(
        detector,
        Path(options.output or weights.with_suffix(".onnx")),
        Judging(
            threshold=Choice.threshold if options.threshold is None else options.threshold,
            nms=options.nms or detector.rule,
            iou=options.iou,
        ),
        _pictures(options),
    )


def _pictures(options: ExportDetectorOptions) -> list[Picture] | None:
    """The pictures that a person names to verify with.

    Raises:
        DataError: one cannot be read.
    """
    if options.images is None:
        return None
    from striate.data.finding.inputs import items

    pictures = []
    for item in items(options.images):
        with item.opened(3) as image:
            pictures.append((shown(item.name), image.copy()))
    return pictures
