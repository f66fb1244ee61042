"""How good a network is, and what computing with it costs here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from striate.deploy.options import BenchOptions
from striate.errors import StriateError, parameter
from striate.evaluation.options import EvaluateOptions
from striate.inference.views.views import Views
from striate.support.options import takes
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.deploy.bench import Bench
    from striate.evaluation.metrics import Evaluation
    from striate.evaluation.regression.result import RegressionEvaluation
    from striate.inference.regressor import Regressor
    from striate.runs.run import Run


@takes(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> Evaluation:
    """Measure a run's network on images that it was not trained on.

    Whether it was trained on an image is asked by the image's content, one by one: an image that
    was renamed, moved or joined by others since is known all the same.

    Returns:
        Top-1, top-5, loss, calibration error, interval, per-class figures, confusion matrix; how
        many images were left out, files that could not be used, notes. Of a run of numbers, a
        `striate.evaluation.regression.result.RegressionEvaluation`, of which the type does not
        speak: errors, R² and rank correlation beside the best constant, and prediction intervals.

    Raises:
        StriateError: the run or the images are at fault, or the network was trained on all of them.
    """
    from striate.engines.exported import is_exported

    if is_exported(options.run):
        return _evaluate_file(options)
    from striate.api.opening import refuse_reduced
    from striate.runs.run import Run

    if options.reduced_decoding:
        refuse_reduced()
    run = Run.open(options.run, allow_code=options.allow_code)
    if run.answers_numbers:
        _refuse_label(options)
    if options.data is None and options.label is not None:
        why = "the run's own images are known"
        raise StriateError(parameter("label", options.label), why, "leave it out")
    views = Views(options.crops, tuple(options.scales or ()))
    own = options.data is None and not options.all_images and views.is_plain
    if run.answers_numbers:
        # That of numbers is another one, of which the type does not speak.
        found = _numbers_again(run, options) if own else _numbers_on(run, options, views)
        return cast("Evaluation", found)
    return _classes_again(run, options) if own else _classes_on(run, options, views)


def _refuse_label(options: EvaluateOptions) -> None:
    """Raise where a column of classes is named for a network that answers with numbers."""
    if options.label is not None:
        why = "names classes, and the network answers with numbers"
        raise StriateError(parameter("label", options.label), why, "leave it out")


def _reading(options: EvaluateOptions) -> dict[str, Any]:
    """How images are read and computed."""
    return {
        "skip_bad": options.skip_bad,
        "recheck": options.recheck,
        "workers": options.workers,
        "progress": options.progress,
    }


def _others(run: Run, options: EvaluateOptions) -> dict[str, Any]:
    """Which images a run is measured on, where they are not just its own held-out ones."""
    from striate.runs.data import origin_of, training_of

    return {
        **_reading(options),
        "data": origin_of(run) if options.data is None else options.data,
        "training": training_of(run),
        "all_images": options.all_images,
        # As it was trained: of a run without the files that cannot be used they are left out.
        "skip_bad": options.skip_bad or run.config.data.skipped > 0,
    }


def _classes_again(run: Run, options: EvaluateOptions) -> Evaluation:
    """A run of classes, measured on its own held-out images."""
    from striate.evaluation.ensembles import Measuring
    from striate.evaluation.evaluate import evaluate_again
    from striate.evaluation.kinds import OfClasses
    from striate.report.build import write_report
    from striate.transfer_learning.classifier import classifier_of

    reporter = partial(write_report, progress=options.progress)
    measuring = Measuring(reporter) if run.has_members else None
    return evaluate_again(
        run,
        kind=OfClasses(measuring.open if measuring else classifier_of),
        write_report=measuring.write_report if measuring else reporter,
        device=options.device,
        **_reading(options),
    )


def _classes_on(run: Run, options: EvaluateOptions, views: Views) -> Evaluation:
    """A run of classes, measured on other images, or in many views."""
    from striate.evaluation.evaluate import evaluate_on
    from striate.transfer_learning.classifier import classifier_of

    classifier = classifier_of(run, device=options.device, views=views)
    found = evaluate_on(classifier, label=options.label, **_others(run, options))
    return replace(found, notes=(*run.notes, *found.notes))


def _numbers_again(run: Run, options: EvaluateOptions) -> RegressionEvaluation:
    """A run of numbers, measured on its own held-out images."""
    from striate.evaluation.evaluate import evaluate_again
    from striate.evaluation.kinds import OfNumbers
    from striate.inference.regressor import Regressor
    from striate.report.numbers import write_number_report

    return evaluate_again(
        run,
        kind=OfNumbers(Regressor.of_run),
        write_report=partial(write_number_report, progress=options.progress),
        device=options.device,
        **_reading(options),
    )


def _numbers_on(run: Run, options: EvaluateOptions, views: Views) -> RegressionEvaluation:
    """A run of numbers, measured on other images, or in many views."""
    from striate.evaluation.evaluate import evaluate_values_on
    from striate.inference.regressor import Regressor

    with Regressor.of_run(run, device=options.device, views=views) as regressor:
        found = evaluate_values_on(
            regressor,
            deviations=[each.deviation for each in run.targets],
            **_others(run, options),
        )
    return replace(found, notes=(*run.notes, *found.notes))


def _evaluate_file(options: EvaluateOptions) -> Evaluation:
    """Measure an ONNX file, which holds no list of the images that it was trained on."""
    from striate.api.opening import open_predictor
    from striate.evaluation.evaluate import evaluate_on, evaluate_values_on
    from striate.inference.regressor import Regressor

    with open_predictor(
        options.run,
        device=options.device,
        crops=options.crops,
        scales=options.scales,
        reduced_decoding=options.reduced_decoding,
    ) as predictor:
        if options.data is None:
            raise StriateError(
                printable(str(options.run)), "has no images of its own", "give images to measure on"
            )
        wanted = {"all_images": options.all_images, **_reading(options)}
        if isinstance(predictor, Regressor):
            _refuse_label(options)
            # As of a run, that of numbers is another one.
            numbers = evaluate_values_on(
                predictor, options.data, deviations=_deviations(predictor), **wanted
            )
            found = cast("Evaluation", numbers)
        else:
            found = evaluate_on(predictor, options.data, label=options.label, **wanted)
    note = "an ONNX file holds no list of what it was trained on, so that nothing was left out"
    return replace(found, notes=(*found.notes, note))


def _deviations(regressor: Regressor) -> list[float] | None:
    """Of the targets among the images that an exported network was trained on."""
    file = regressor.file
    return None if file is None else [each.deviation for each in file.targets]


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
