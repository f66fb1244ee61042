"""Probabilities that can be taken at their word."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from striate.errors import StriateError, parameter
from striate.evaluation.options import CalibrateOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.evaluation.calibrate import CalibrationReport


@takes(CalibrateOptions)
def calibrate(options: CalibrateOptions) -> CalibrationReport:
    """Fit the temperature of a run's probabilities to images that it was not trained on.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", Sec. 4.2: its logits are divided
    by one number, by which its probabilities become as high as its accuracy. Which class is the
    likeliest stays the same. From then on whatever opens the run has calibrated probabilities:
    `predict`, `evaluate`, `export` and the files that it writes, `serve`, `predict_bulk`.

    Returns:
        The temperature, and loss and expected calibration error before and after, cross-fitted: of
        each image by a temperature that was fitted to other images. Where it would make the
        probabilities no better, nothing is changed.

    Raises:
        StriateError: the run or the images are at fault, too few, or all classified correctly.
    """
    from striate.evaluation.calibrate import calibrate_run, uncalibrate
    from striate.evaluation.ensembles import Measuring
    from striate.evaluation.evaluate import evaluate_again
    from striate.evaluation.kinds import OfClasses
    from striate.report.build import write_report
    from striate.runs.run import Run
    from striate.runs.targets import refuse_numbers
    from striate.transfer_learning.classifier import classifier_of

    run = Run.open(options.run, allow_code=options.allow_code)
    refuse_numbers(run, "calibration of probabilities")
    if options.off:
        if options.data is not None:
            raise StriateError(parameter("off", True), "needs no images", "leave one of them out")
        return uncalibrate(run)
    reading = {
        "skip_bad": options.skip_bad,
        "workers": options.workers,
        "device": options.device,
        "progress": options.progress,
    }
    measuring = Measuring(write_report) if run.has_members else None
    return calibrate_run(
        run,
        options.data,
        evaluate=partial(
            evaluate_again,
            run,
            kind=OfClasses(measuring.open if measuring else classifier_of),
            write_report=measuring.write_report if measuring else write_report,
            **reading,  # type: ignore[arg-type]
        ),
        open_classifier=classifier_of,
        **reading,  # type: ignore[arg-type]
    )
