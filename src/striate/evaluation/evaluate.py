"""A classifier or a regressor measured on images, and a run on its own held-out ones.

Training ends with the second and ``evaluate`` repeats it: the figures are kept in the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from striate.data.checking.check import statistics_of, summary
from striate.data.labelled import Labelled, Training, measured_on, open_labelled
from striate.data.scan import threads
from striate.data.targets import Answers
from striate.data.working_copies.fitted import FittedImages
from striate.data.working_copies.made import Made, knowing
from striate.errors import DataError
from striate.evaluation.kinds import Figures, Kind, asking_for, widths_of
from striate.evaluation.metrics import Evaluation, measure
from striate.evaluation.regression.result import RegressionEvaluation, measure_values
from striate.runs import layout as names
from striate.runs.claim import hold
from striate.runs.costs import keep_costs
from striate.runs.data import own_data
from striate.runs.images import keep_images
from striate.runs.samples import keep_samples
from striate.support import settings
from striate.support.files import WriteError, write_atomically
from striate.support.folders import cache_at
from striate.support.prefetch import prefetch
from striate.support.progress import counting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing
    from striate.data.sources import Data
    from striate.inference.classifier import GivesProbabilities
    from striate.inference.regressor import GivesValues
    from striate.runs.run import Run

SAMPLED = 16
"""How many validation images are kept in a run."""

WriteReport: TypeAlias = Callable[
    ["Run", "Data", Figures, "NDArray[np.float32]", Mapping[str, Any] | None], object
]
"""Writes a run's report, as `striate.report.build.write_report` does."""


def evaluate_on(
    classifier: GivesProbabilities,
    data: str | Path,
    *,
    training: Training | None = None,
    label: str | None = None,
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
        label: the column of a table that names the classes; None where that is known.
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
        label=label,
        all_images=all_images,
        skip_bad=skip_bad,
        recheck=recheck,
        workers=workers,
        progress=progress,
    )
    return replace(measure(shares, found.images.labels, classifier.classes), **_about(found))


def probabilities_on(
    classifier: GivesProbabilities,
    data: str | Path,
    *,
    training: Training | None = None,
    label: str | None = None,
    all_images: bool = False,
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None = None,
    progress: bool = False,
) -> tuple[Labelled, NDArray[np.float32]]:
    """The images that `evaluate_on` measures on, and what `classifier` gives for them.

    Arguments and errors are those of `evaluate_on`.
    """
    with asking_for(()):
        found = _labelled(
            data,
            classifier.fitting,
            classes=classifier.classes,
            answers=None if label is None else Answers(label=label),
            training=training,
            all_images=all_images,
            skip_bad=skip_bad,
            recheck=recheck,
            workers=workers,
            progress=progress,
        )
    with counting("evaluating images", wanted=progress) as count:
        return found, classifier.probabilities(found.images, workers=workers, progress=count)


def evaluate_values_on(
    regressor: GivesValues,
    data: str | Path,
    *,
    deviations: Sequence[float] | None = None,
    training: Training | None = None,
    all_images: bool = False,
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None = None,
    progress: bool = False,
) -> RegressionEvaluation:
    """Measure a regressor on the images in `data` that it was not trained on.

    Args:
        regressor: gives the values.
        data: images with the same targets, as for `striate.data.labelled.open_labelled`.
        deviations: of the targets among the images that it was trained on, by which errors of
            several are made comparable; those of `data` if None.
        training: as for `evaluate_on`, and so is the rest.
        all_images: likewise.
        skip_bad: likewise.
        recheck: likewise.
        workers: likewise.
        progress: likewise.

    Raises:
        DataError: the images cannot be used, or it was trained on all of them.
    """
    targets = regressor.targets
    answers = Answers(
        targets=tuple(each.name for each in targets), units=tuple(each.unit for each in targets)
    )
    with asking_for(answers.targets):
        found = _labelled(
            data,
            regressor.fitting,
            classes=(),
            answers=answers,
            training=training,
            all_images=all_images,
            skip_bad=skip_bad,
            recheck=recheck,
            workers=workers,
            progress=progress,
        )
    with counting("evaluating images", wanted=progress) as count:
        values = regressor.values(found.images, workers=workers, progress=count)
    assert found.images.values is not None
    measured = measure_values(
        found.images.values,
        values,
        targets,
        deviations=deviations,
        half_widths=widths_of(regressor.half_widths),
        digests=found.images.digests,
    )
    return replace(measured, **_about(found))


def _labelled(
    data: str | Path,
    fitting: Preprocessing | None,
    *,
    classes: Sequence[str],
    answers: Answers | None,
    training: Training | None,
    all_images: bool,
    skip_bad: bool,
    recheck: bool,
    workers: int | None,
    progress: bool,
) -> Labelled:
    """The images to measure on, which `fitting` fits before they are computed."""
    # The images that the check decodes are those of which the training's list holds nothing.
    made = Made(fitted=None if fitting is None else FittedImages(fitting, again=False))
    with counting("checking images", wanted=progress) as count:
        found = open_labelled(
            data,
            classes,
            answers=answers,
            training=training,
            all_images=all_images,
            skip_bad=skip_bad,
            workers=max(threads(workers), 1),
            cache=cache_at(None),
            recheck=recheck,
            visitors=made.visitors,
            progress=count,
        )
    return replace(found, images=replace(found.images, made=made))


def _about(found: Labelled) -> dict[str, Any]:
    """What an evaluation holds beside its figures."""
    return {
        "left_out": found.left_out,
        "skipped": tuple((problem.name, problem.reason) for problem in found.skipped),
        "notes": found.notes,
    }


def evaluate_own(
    run: Run,
    data: Data,
    *,
    kind: Kind[Figures],
    write_report: WriteReport[Figures] | None,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
    found: NDArray[np.float32] | None = None,
) -> Figures:
    """Measure `run` on the test images of `data`, or the validation images where there are none.

    The figures are kept in the run, whose folder the caller holds, and its report is made anew.

    Args:
        run: a run, trained.
        data: the images that it was made with.
        kind: of its answers.
        write_report: called when all else is kept; None where nobody wants a report.
        workers: threads that read images; None for one a processor, at most four.
        device: where to compute.
        progress: count on standard error.
        found: what the network gives for these images, as `Kind.compute` would, where it is known
            already.

    Raises:
        WriteError: they cannot be kept.
    """
    given = {"workers": workers, "device": device, "progress": progress, "found": found}
    evaluation, found = _measured(run, data, kind, **given)  # type: ignore[arg-type]
    _keep(run, data, evaluation, found, kind=kind, write_report=write_report)
    return evaluation


def evaluate_again(
    run: Run,
    *,
    kind: Kind[Figures],
    write_report: WriteReport[Figures],
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
) -> Figures:
    """Measure `run` anew on its own held-out images; a run that may only be read is measured too.

    The figures are kept in the run where that is possible; a note says where it is not.

    Args:
        run: a run, trained.
        kind: of its answers.
        write_report: called when all else is kept.
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
            run, data, kind, workers=workers, device=device, progress=progress
        )
        if held is not None:
            try:
                _keep(run, data, evaluation, found, kind=kind, write_report=write_report)
            except (WriteError, DataError) as error:  # an image may have gone since
                unkept = f"{error.what} {error.why}"
    beside: dict[str, Any] = _beside(data)
    notes: list[str] = [f"the figures could not be kept in the run: {unkept}"] if unkept else []
    notes += kind.advice(run, evaluation)
    return replace(evaluation, **{**beside, "notes": (*run.notes, *beside["notes"], *notes)})


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
    kind: Kind[Figures],
    *,
    workers: int | None,
    device: str,
    progress: bool,
    found: NDArray[np.float32] | None = None,
) -> tuple[Figures, NDArray[np.float32]]:
    """The figures of `run` on the held-out images of `data`, and what its network gives there."""
    images, _ = _measured_part(data)
    if found is None:
        with (
            # Sums in another order end in other last digits: the run's own threads repeat them.
            settings.threads(run.config.threads),
            counting("evaluating images", wanted=progress) as count,
        ):
            found = kind.compute(run, images, device=device, workers=workers, progress=count)
    return kind.figures(run, found, images), found


def _keep(
    run: Run,
    data: Data,
    evaluation: Figures,
    found: NDArray[np.float32],
    *,
    kind: Kind[Figures],
    write_report: WriteReport[Figures] | None,
) -> None:
    """Write the figures, the pictures behind them and the report into the run."""
    content = json.dumps(evaluation.to_json(), indent=1).encode()
    write_atomically(run.path / names.EVALUATION, content)
    images, split = _measured_part(data)
    kind.keep(run, found, images, evaluation, split=split)
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
    if write_report is not None:
        write_report(run, data, evaluation, kind.used(run, found), summary(data))
