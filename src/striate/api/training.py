"""From images to a trained network."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from striate.data.checking.options import CheckOptions
from striate.support.options import takes
from striate.support.progress import counting
from striate.training.options import TrainOptions

if TYPE_CHECKING:
    from striate.data.checking.check import CheckReport
    from striate.training.plan import Planned
    from striate.training.result import NumberTrainResult, TrainResult


@takes(CheckOptions)
def check(options: CheckOptions) -> CheckReport:
    """What is wrong with a set of images, and what they are like.

    Returns:
        Files that cannot be used and files named as another format, exact and near duplicates
        (between classes, too), class imbalance, sizes, channel statistics, notes. Nothing is
        changed.
    """
    from striate.data.checking.check import check as look
    from striate.data.scan import threads
    from striate.data.targets import Answers
    from striate.support.folders import cache_at

    answers = Answers.of(options.target, options.unit, options.label)
    with counting("checking images", wanted=options.progress) as count:
        return look(
            options.data,
            answers=answers,
            seed=options.seed,
            val_fraction=options.val_fraction,
            cache=cache_at(None),
            recheck=options.recheck,
            workers=max(threads(options.workers), 1),
            progress=count,
        )


@takes(TrainOptions)
def train(options: TrainOptions) -> TrainResult:
    """Train a network on images, evaluate it, and write a run with its report.

    The same call with the same images, seed, threads and machine gives the same weights to the bit,
    whatever `workers` is and however often it was killed and resumed.

    Returns:
        The result. Under ``torchrun`` the first of several processes has it, and the others None;
        with `target` it is a `striate.training.result.NumberTrainResult`, with the errors of each.
        The type speaks of neither.

    Raises:
        StriateError: data, options or recipe are at fault, or the loss became not finite.
        Interrupted: Ctrl-C; the run can be resumed.
    """
    if options.members is not None:
        from striate.api.ensembles import train_members

        return train_members(options, train_one)
    return train_one(options)


def train_one(
    options: TrainOptions, split_seed: int | None = None, *, report: bool = True
) -> TrainResult:
    """`train` of one network, where nobody may want the `report`.

    See `striate.training.plan.plan` for `split_seed`.
    """
    began = time.monotonic()
    from striate.report.duration import seconds_of_report
    from striate.support.signals import heard
    from striate.training.distributed import group
    from striate.training.ending import going_on, told_of_the_end
    from striate.training.photographs import note_room
    from striate.training.plan import plan

    with heard(), group() as processes:
        planned = plan(
            options,
            group=processes,
            began=began,
            split_seed=split_seed,
            closing=seconds_of_report,
        )
        way_on = processes.resume_command(planned.run.path)
        with (
            planned.held or nullcontext(),
            going_on(
                lambda: "after training, in its evaluation and report",
                lambda: f"go on with: {way_on}",
            ),
        ):
            planned.training.run()
            if not processes.leads:
                return cast("TrainResult", None)
            callbacks = planned.training.callbacks
            with told_of_the_end(callbacks, planned.run):
                note_room(planned.data, callbacks)
                found = _measured(planned, options, report=report)
            # That of numbers is another one, of which the type does not speak.
            return cast("TrainResult", found)


def _measured(
    planned: Planned, options: TrainOptions, *, report: bool
) -> TrainResult | NumberTrainResult:
    """The figures of what was trained, kept in its run, with its report where that is wanted."""
    from striate.evaluation import evaluate
    from striate.evaluation.kinds import OfClasses, OfNumbers
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor
    from striate.report.build import write_report
    from striate.report.numbers import write_number_report
    from striate.training.result import NumberTrainResult, TrainResult

    run, state = planned.run, planned.training.state
    assert state.best is not None
    reading: dict[str, Any] = {
        "workers": options.workers,
        "device": run.config.device,  # where validation was: one figure for one thing
        "progress": options.progress,
    }
    about: dict[str, Any] = {
        "run": run.path,
        "network": run.config.network,
        "epochs": state.epoch,
        "best_epoch": state.best.epoch,
        "seconds": round(sum(entry["seconds"] for entry in run.timing), 1),
        "report": run.path / "report.html",
    }
    if run.answers_numbers:
        found = evaluate.evaluate_own(
            run,
            planned.data,
            kind=OfNumbers(Regressor.of_run),
            write_report=partial(write_number_report, progress=options.progress)
            if report
            else None,
            **reading,
        )
        return NumberTrainResult(images=found.images, evaluation=found, **about)
    evaluation = evaluate.evaluate_own(
        run,
        planned.data,
        kind=OfClasses(Classifier.of_run),
        write_report=partial(write_report, progress=options.progress) if report else None,
        **reading,
    )
    return TrainResult(
        images=evaluation.images,
        classes=len(evaluation.classes),
        top1=evaluation.top1,
        top5=evaluation.top5,
        loss=evaluation.loss,
        interval=evaluation.interval,
        **about,
    )
