"""How good a network is, and what computing with it costs here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from striate.deploy.options import BenchOptions
from striate.errors import StriateError
from striate.evaluation.options import EvaluateOptions
from striate.support.options import takes
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.deploy.bench import Bench
    from striate.evaluation.metrics import Evaluation


@takes(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> Evaluation:
    """Measure a run's network on images that it was not trained on.

    Whether it was trained on an image is asked by the image's content, one by one: an image that
    was renamed, moved or joined by others since is known all the same.

    Returns:
        Top-1, top-5, loss, calibration error, interval, per-class figures, confusion matrix; how
        many images were left out, files that could not be used, notes.

    Raises:
        StriateError: the run or the images are at fault, or the network was trained on all of them.
    """
    from striate.engines.exported import is_exported

    if is_exported(options.run):
        return _evaluate_file(options)
    from striate.api.opening import refuse_reduced
    from striate.evaluation.ensembles import Measuring
    from striate.evaluation.evaluate import evaluate_again, evaluate_on
    from striate.inference.views.views import Views
    from striate.report.build import write_report
    from striate.runs.data import origin_of, training_of
    from striate.runs.run import Run
    from striate.transfer_learning.classifier import classifier_of

    if options.reduced_decoding:
        refuse_reduced()
    opened = Run.open(options.run, allow_code=options.allow_code)
    views = Views(options.crops, tuple(options.scales or ()))
    if options.data is None and not options.all_images and views.is_plain:
        reporter = partial(write_report, progress=options.progress)
        measuring = Measuring(reporter) if opened.has_members else None
        return evaluate_again(
            opened,
            write_report=measuring.write_report if measuring else reporter,
            open_classifier=measuring.open if measuring else classifier_of,
            skip_bad=options.skip_bad,
            recheck=options.recheck,
            workers=options.workers,
            device=options.device,
            progress=options.progress,
        )
    found = evaluate_on(
        classifier_of(opened, device=options.device, views=views),
        origin_of(opened) if options.data is None else options.data,
        training=training_of(opened),
        all_images=options.all_images,
        # As it was trained: of a run without the files that cannot be used they are left out.
        skip_bad=options.skip_bad or opened.config.data.skipped > 0,
        recheck=options.recheck,
        workers=options.workers,
        progress=options.progress,
    )
    return replace(found, notes=(*opened.notes, *found.notes))


def _evaluate_file(options: EvaluateOptions) -> Evaluation:
    """Measure an ONNX file, which holds no list of the images that it was trained on."""
    from striate.api.opening import open_classifier
    from striate.evaluation.evaluate import evaluate_on

    with open_classifier(
        options.run,
        device=options.device,
        crops=options.crops,
        scales=options.scales,
        reduced_decoding=options.reduced_decoding,
    ) as classifier:
        if options.data is None:
            raise StriateError(
                printable(str(options.run)), "has no images of its own", "give images to measure on"
            )
        found = evaluate_on(
            classifier,
            options.data,
            all_images=options.all_images,
            skip_bad=options.skip_bad,
            recheck=options.recheck,
            workers=options.workers,
            progress=options.progress,
        )
    note = "an ONNX file holds no list of what it was trained on, so that nothing was left out"
    return replace(found, notes=(*found.notes, note))


@takes(BenchOptions)
def bench(options: BenchOptions) -> Bench:
    """Measure how fast a network is in each engine and precision at hand, in one run.

    Returns:
        For each engine images a second, seconds for one image, and its share of the processor's
        peak, which is measured beside it by a matrix product.

    Raises:
        StriateError: the run, the file or the images are at fault, or no engine is installed.
    """
    from striate.deploy.bench import bench as measure
    from striate.engines.exported import is_exported
    from striate.support.paths import expanded

    if is_exported(options.source):
        return measure(
            expanded(options.source),
            data=options.data,
            seconds=options.seconds,
            images=options.images,
        )
    from striate.runs.run import Run

    run = Run.open(options.source, allow_code=options.allow_code)
    return measure(run, data=options.data, seconds=options.seconds, images=options.images)
