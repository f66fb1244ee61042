"""A classifier measured on images, and a run measured on its own held-out ones.

Training ends with the second and ``evaluate`` repeats it: the figures are kept in the run.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from striate.data.checking.check import statistics_of, summary
from striate.data.labelled import Labelled, Training, measured_on, open_labelled
from striate.data.scan import threads
from striate.data.working_copies.fitted import FittedImages
from striate.data.working_copies.made import Made, knowing
from striate.errors import DataError
from striate.evaluation.metrics import Evaluation, measure
from striate.evaluation.temperature import scaling_of
from striate.inference.classifier import Classifier, GivesProbabilities
from striate.runs import layout as names
from striate.runs.calibration import read_calibration, with_temperature
from striate.runs.claim import hold
from striate.runs.costs import keep_costs
from striate.runs.data import own_data
from striate.runs.images import keep_images
from striate.runs.predictions import keep_predictions
from striate.runs.samples import keep_samples
from striate.support import settings
from striate.support.files import WriteError, write_atomically
from striate.support.folders import cache_at
from striate.support.prefetch import prefetch
from striate.support.progress import counting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from striate.data.images import ImageSet
    from striate.data.sources import Data
    from striate.runs.run import Run

SAMPLED = 16
"""How many validation images are kept in a run."""

WriteReport = Callable[
    ["Run", "Data", Evaluation, "NDArray[np.float32]", Mapping[str, Any] | None], object
]
"""Writes a run's report, as `striate.report.build.write_report` does."""


class OpenClassifier(Protocol):
    """Opens the network of a run, as `Classifier.of_run` does."""

    def __call__(self, run: Run, *, device: str, calibrated: bool = True) -> GivesProbabilities:
        """What gives the probabilities of the run's network, computed on `device`.

        They are as it was calibrated or, without `calibrated`, the network's own.
        """


def evaluate_on(
    classifier: GivesProbabilities,
    data: str | Path,
    *,
    training: Training | None = None,
    all_images: bool = False,
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None = None,
    progress: bool = False,
) -> Evaluation:
    """Measure a classifier on the images in `data` that it was not trained on.

    Args:
        classifier: gives the probabilities.
        data: labelled images, as for `striate.data.labelled.open_labelled`.
        training: what is known of the images that it was trained on; None for nothing.
        all_images: measure on all images, those that it was trained on among them.
        skip_bad: leave unreadable files out instead of stopping at them.
        recheck: read files again that are known from before.
        workers: threads that read images; None for one a processor, at most four.
        progress: count on standard error.

    Raises:
        DataError: the images cannot be used, show other classes, or it was trained on all of them.
    """
    found, shares = probabilities_on(
        classifier,
        data,
        training=training,
        all_images=all_images,
        skip_bad=skip_bad,
        recheck=recheck,
        workers=workers,
        progress=progress,
    )
    return replace(
        measure(shares, found.images.labels, classifier.classes),
        left_out=found.left_out,
        skipped=tuple((problem.name, problem.reason) for problem in found.skipped),
        notes=found.notes,
    )


def probabilities_on(
    classifier: GivesProbabilities,
    data: str | Path,
    *,
    training: Training | None = None,
    all_images: bool = False,
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None = None,
    progress: bool = False,
) -> tuple[Labelled, NDArray[np.float32]]:
    """The images that `evaluate_on` measures on, and what `classifier` gives for them.

    Arguments and errors are those of `evaluate_on`.
    """
    # The images that the check decodes are those of which the training's list holds nothing.
    fitting = classifier.fitting
    made = Made(fitted=None if fitting is None else FittedImages(fitting, again=False))
    with counting("checking images", wanted=progress) as count:
        found = open_labelled(
            data,
            classifier.classes,
            training=training,
            all_images=all_images,
            skip_bad=skip_bad,
            workers=max(threads(workers), 1),
            cache=cache_at(None),
            recheck=recheck,
            visitors=made.visitors,
            progress=count,
        )
    images = replace(found.images, made=made)
    with counting("evaluating images", wanted=progress) as count:
        return found, classifier.probabilities(images, workers=workers, progress=count)


def evaluate_own(
    run: Run,
    data: Data,
    *,
    write_report: WriteReport,
    open_classifier: OpenClassifier = Classifier.of_run,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
    found: NDArray[np.float32] | None = None,
) -> Evaluation:
    """Measure `run` on the test images of `data`, or the validation images where there are none.

    The figures are kept in the run, whose folder the caller holds, and its report is made anew.

    Args:
        run: a run, trained.
        data: the images that it was made with.
        write_report: called when all else is kept.
        open_classifier: opens the run's network.
        workers: threads that read images; None for one a processor, at most four.
        device: where to compute.
        progress: count on standard error.
        found: the network's own probabilities of these images, (images, classes), where they are
            known already.

    Raises:
        WriteError: they cannot be kept.
    """
    given = {"workers": workers, "device": device, "progress": progress, "found": found}
    evaluation, found = _measured(run, data, open_classifier, **given)  # type: ignore[arg-type]
    _keep(run, data, evaluation, found, write_report)
    return evaluation


def evaluate_again(
    run: Run,
    *,
    write_report: WriteReport,
    open_classifier: OpenClassifier = Classifier.of_run,
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
) -> Evaluation:
    """Measure `run` anew on its own held-out images; a run that may only be read is measured too.

    The figures are kept in the run where that is possible; a note says where it is not.

    Args:
        run: a run, trained.
        write_report: called when all else is kept.
        open_classifier: opens the run's network.
        skip_bad: leave unreadable files out instead of stopping at them.
        recheck: read files again that are known from before.
        workers: threads that read images; None for one a processor, at most four.
        device: where to compute.
        progress: count on standard error.

    Raises:
        RunError: another process is writing into the run; its images are not what they were.
    """
    held, unkept = None, ""
    try:
        held = hold(
            run.path, otherwise="wait until it has ended, or give other images to measure on"
        )
    except WriteError as error:
        unkept = f"{error.what} {error.why}"
    with held or nullcontext():
        data = own_data(run, skip_bad=skip_bad, recheck=recheck, workers=workers, progress=progress)
        # For the figures and for the report's pictures, each photograph is decoded once.
        data = knowing(data, Made(fitted=FittedImages(run.preprocessing)))
        evaluation, found = _measured(
            run, data, open_classifier, workers=workers, device=device, progress=progress
        )
        if held is not None:
            try:
                _keep(run, data, evaluation, found, write_report)
            except (WriteError, DataError) as error:  # an image may have gone since
                unkept = f"{error.what} {error.why}"
    beside = _beside(data)
    notes = [f"the figures could not be kept in the run: {unkept}"] if unkept else []
    notes += _advice(run, evaluation)
    return replace(evaluation, **{**beside, "notes": (*run.notes, *beside["notes"], *notes)})


def _advice(run: Run, evaluation: Evaluation) -> list[str]:
    """What would make the probabilities of `run` more honest."""
    found = evaluation.scaling
    if found is None or found.used != 1 or not found.helps:
        return []
    how = "over-confident" if found.fitted > 1 else "under-confident"
    return [
        f"its probabilities are {how}; to bring the expected calibration error from "
        f"{found.before.ece:.4f} to {found.after.ece:.4f}: "
        f"striate calibrate {shlex.quote(str(run.path))}"
    ]


def _beside(data: Data) -> dict[str, Any]:
    """What an evaluation on a run's own images holds beside its figures, as `evaluate_on` does."""
    given = data.held_out_name != "split"
    _, split = _measured_part(data)
    return {
        "left_out": 0 if given else len(data.train),
        "skipped": tuple((problem.name, problem.reason) for problem in data.skipped),
        "notes": (*data.notes, *([measured_on(split)] if given else [])),
    }


def _measured_part(data: Data) -> tuple[ImageSet, str]:
    """The images of `data` that are measured on, and what that part is called."""
    return (data.val, data.held_out_name) if data.test is None else (data.test, "test")


def _measured(
    run: Run,
    data: Data,
    open_classifier: OpenClassifier,
    *,
    workers: int | None,
    device: str,
    progress: bool,
    found: NDArray[np.float32] | None = None,
) -> tuple[Evaluation, NDArray[np.float32]]:
    """The figures of `run` on the held-out images of `data`, and the network's probabilities.

    The figures are of calibrated probabilities where the run is calibrated.
    """
    images, _ = _measured_part(data)
    if found is None:
        with (
            # Sums in another order end in other last digits: the run's own threads repeat them.
            settings.threads(run.config.threads),
            counting("evaluating images", wanted=progress) as count,
        ):
            classifier = open_classifier(run, device=device, calibrated=False)
            found = classifier.probabilities(images, workers=workers, progress=count)
    return figures_of(run, found, images.labels), found


def figures_of(run: Run, found: NDArray[np.float32], labels: NDArray[np.int64]) -> Evaluation:
    """What the network's own probabilities `found` of held-out images come to, as `run` uses them.

    Args:
        run: which may be calibrated.
        found: (images, classes).
        labels: (images,).

    Raises:
        RunError: its calibration is damaged.
    """
    known = read_calibration(run)
    used = 1.0 if known is None else known.temperature
    evaluation = measure(with_temperature(found, used), labels, run.classes)
    elsewhere = known is not None and known.elsewhere
    return replace(evaluation, scaling=scaling_of(found, labels, used=used, elsewhere=elsewhere))


def _keep(
    run: Run,
    data: Data,
    evaluation: Evaluation,
    found: NDArray[np.float32],
    write_report: WriteReport,
) -> None:
    """Write the figures, the pictures behind them and the report into the run."""
    content = json.dumps(evaluation.to_json(), indent=1).encode()
    write_atomically(run.path / names.EVALUATION, content)
    images, split = _measured_part(data)
    keep_predictions(run, images, found, split=split)
    keep_costs(run)
    chosen = np.linspace(0, len(data.val) - 1, min(SAMPLED, len(data.val))).astype(int)
    pictures = prefetch(
        lambda index: Image.fromarray(data.val.read(index, 3)),
        chosen.tolist(),
        workers=threads(None),
        ahead=threads(None),  # photographs are large
        name="striate-samples",
    )
    with closing(pictures):
        keep_samples(run.path, pictures, [data.val.names[index] for index in chosen.tolist()])
    if data.statistics is None and not run.config.transfer:
        data = replace(data, statistics=statistics_of(data))
        # Kept, so that no image that was trained on is read for them again.
        keep_images(run.path, replace(data, fingerprint=run.config.data.fingerprint))
    elif not (run.path / names.IMAGES).exists():  # a run from before there was such a list
        keep_images(run.path, replace(data, fingerprint=run.config.data.fingerprint))
    write_report(run, data, evaluation, with_temperature(found, run.temperature), summary(data))
