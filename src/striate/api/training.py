"""From images to a trained network."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from striate.support.options import takes
from striate.support.progress import counting
from striate.training.options import TrainOptions

if TYPE_CHECKING:
    from striate.data.checking.check import Report
    from striate.training.result import TrainResult


def check(
    data: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.2,
    workers: int | None = None,
    progress: bool = False,
) -> Report:
    """What is wrong with a set of images, and what they are like.

    Args:
        data: as for `train`.
        seed: decides, with `val_fraction`, the split of a folder that has none, for the duplicates
            across it.
        val_fraction: share of the images that this split holds out.
        workers: threads; None for one a processor, at most four.
        progress: count on standard error.

    Returns:
        Files that cannot be used and files named as another format, exact and near duplicates
        (between classes, too), class imbalance, sizes, channel statistics, notes. Nothing is
        changed.
    """
    from striate.data.checking.check import check as look
    from striate.data.scan import threads

    with counting("checking images", wanted=progress) as count:
        return look(
            data,
            seed=seed,
            val_fraction=val_fraction,
            workers=max(threads(workers), 1),
            progress=count,
        )


@takes(TrainOptions)
def train(options: TrainOptions) -> TrainResult:
    """Train a network on images, evaluate it, and write a run with its report.

    The same call with the same images, seed, threads and machine gives the same weights to the bit,
    whatever `workers` is and however often it was killed and resumed.

    Returns:
        The result. Under ``torchrun`` the first of several processes has it, and the others None,
        of which the type does not speak.

    Raises:
        StriateError: data, options or recipe are at fault, or the loss became not finite.
        Interrupted: Ctrl-C; the run can be resumed.
    """
    from striate.evaluation.evaluate import evaluate_own
    from striate.report.build import write_report
    from striate.support.signals import heard
    from striate.training.distributed import group
    from striate.training.ending import going_on
    from striate.training.plan import plan
    from striate.training.progress import Terminal
    from striate.training.result import TrainResult

    with heard(), group() as processes:
        planned = plan(options, group=processes, watcher=Terminal() if options.progress else None)
        way_on = processes.resume_command(planned.run.path)
        with (
            planned.held or nullcontext(),
            going_on(
                lambda: "after training, in its evaluation and report",
                lambda: f"go on with: {way_on}",
            ),
        ):
            state = planned.training.run()
            if not processes.leads:
                return cast("TrainResult", None)
            evaluation = evaluate_own(
                planned.run,
                planned.data,
                write_report=write_report,
                workers=options.workers,
                device=planned.run.config.device,  # where validation was: one figure for one thing
                progress=options.progress,
            )
        timing = planned.run.timing
        assert state.best is not None
        return TrainResult(
            run=planned.run.path,
            network=planned.run.config.network,
            epochs=state.epoch,
            best_epoch=state.best.epoch,
            images=evaluation.images,
            classes=len(evaluation.classes),
            top1=evaluation.top1,
            top5=evaluation.top5,
            loss=evaluation.loss,
            interval=evaluation.interval,
            seconds=round(sum(entry["seconds"] for entry in timing), 1),
            report=planned.run.path / "report.html",
        )
