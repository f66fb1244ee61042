"""Several networks as one."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from striate.errors import StriateError
from striate.runs.options import EnsembleOptions
from striate.support.options import takes
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.evaluation.metrics import Evaluation
    from striate.runs.result import EnsembleResult
    from striate.runs.run import Run
    from striate.training.members import TrainOne
    from striate.training.options import TrainOptions
    from striate.training.result import TrainResult


@takes(EnsembleOptions)
def ensemble(options: EnsembleOptions) -> EnsembleResult:
    """Make a run of several runs, whose network is the mean of their probabilities.

    The members are copied into it and keep their pre-processing; classes are matched by name. It
    evaluates, predicts, exports and reports as other runs do.

    Returns:
        The run, its members and, where their images are all in one place, what it comes to on those
        that none of them was trained on.

    Raises:
        StriateError: a run is at fault, they have other classes, or `out` holds something.
    """
    from striate.errors import DataError, RunError
    from striate.runs.gather import gather
    from striate.runs.result import EnsembleResult
    from striate.runs.run import Run
    from striate.support.paths import resolved

    runs = [Run.open(each, allow_code=options.allow_code) for each in options.runs]
    out = resolved(options.out, kind=RunError)
    with counting("copying runs", wanted=options.progress) as count:
        made = gather(runs, out, progress=count)
    found, note = None, "its members' images are not in one place: give some to `striate evaluate`"
    if made.config.data.origin:
        note = ""
        try:
            found = _measured(made, workers=options.workers, progress=options.progress)
        except (DataError, RunError) as error:
            note = f"it was not measured: {error}"
    return EnsembleResult(
        run=made.path,
        members=tuple(run.path for run in runs),
        classes=len(made.classes),
        top1s=tuple(_top1(run) for run in runs),
        images=None if found is None else found.images,
        top1=None if found is None else found.top1,
        loss=None if found is None else found.loss,
        interval=None if found is None else found.interval,
        note=note,
    )


def train_members(options: TrainOptions, train_one: TrainOne) -> TrainResult:
    """`striate.train` with `members`: train them in turn, and make them one run."""
    from striate.report.build import REPORT
    from striate.runs.gather import gather_inside
    from striate.training.members import trained_members
    from striate.training.result import TrainResult

    out, members = trained_members(options, train_one)
    made = gather_inside(out, members)
    found = _measured(made, workers=options.workers, progress=options.progress)
    seconds = sum(line["seconds"] for member in members for line in member.timing)
    return TrainResult(
        run=out,
        network=members[0].config.network,
        epochs=max(member.epochs_done for member in members),
        best_epoch=0,
        images=found.images,
        classes=len(found.classes),
        top1=found.top1,
        top5=found.top5,
        loss=found.loss,
        interval=found.interval,
        seconds=round(seconds, 1),
        report=out / REPORT,
        members=len(members),
    )


def _measured(run: Run, *, workers: int | None, progress: bool) -> Evaluation:
    """The figures of an ensemble on its held-out images, kept with its report in its folder."""
    from striate.evaluation.ensembles import Measuring
    from striate.evaluation.evaluate import evaluate_again
    from striate.report.build import write_report

    measuring = Measuring(partial(write_report, progress=progress))
    return evaluate_again(
        run,
        write_report=measuring.write_report,
        open_classifier=measuring.open,
        workers=workers,
        progress=progress,
    )


def _top1(run: Run) -> float | None:
    """What a run came to alone, where that is known."""
    with suppress(StriateError, LookupError, TypeError, ValueError):
        known = run.evaluation
        return None if known is None else float(known["top1"])
    return None
