"""Several networks as one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from striate.api.measuring import evaluate
from striate.errors import StriateError
from striate.runs.options import EnsembleOptions
from striate.support.options import takes
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.evaluation.metrics import Evaluation
    from striate.evaluation.regression.result import RegressionEvaluation
    from striate.runs.result import EnsembleResult
    from striate.runs.run import Run
    from striate.training.members import TrainOne
    from striate.training.options import TrainOptions
    from striate.training.result import TrainResult


@takes(EnsembleOptions)
def ensemble(options: EnsembleOptions) -> EnsembleResult:
    """Make a run of several runs, whose network is the mean of their probabilities or values.

    The members are copied into it and keep their pre-processing; classes and targets are matched by
    name. It
    evaluates, predicts, exports and reports as other runs do.

    Returns:
        The run, its members and, where their images are all in one place, what it comes to on those
        that none of them was trained on. Of runs of numbers it is a
        `striate.runs.result.NumberEnsembleResult`, of which the type does not speak.

    Raises:
        StriateError: a run is at fault, they have other classes or targets, or `out` holds
            something.
    """
    from striate.errors import DataError, RunError
    from striate.evaluation.regression.result import RegressionEvaluation
    from striate.runs.gather import gather
    from striate.runs.result import EnsembleResult, NumberEnsembleResult
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
    paths = tuple(run.path for run in runs)
    if made.answers_numbers:
        assert found is None or isinstance(found, RegressionEvaluation)
        # Another one, of which the type does not speak.
        of_numbers = NumberEnsembleResult(
            run=made.path,
            members=paths,
            errors=tuple(_kept(run, "mae") for run in runs),
            evaluation=found,
            note=note,
        )
        return cast("EnsembleResult", of_numbers)
    assert not isinstance(found, RegressionEvaluation)
    return EnsembleResult(
        run=made.path,
        members=paths,
        classes=len(made.classes),
        top1s=tuple(_kept(run, "top1") for run in runs),
        images=None if found is None else found.images,
        top1=None if found is None else found.top1,
        loss=None if found is None else found.loss,
        interval=None if found is None else found.interval,
        note=note,
    )


def train_members(options: TrainOptions, train_one: TrainOne) -> TrainResult:
    """`striate.train` with `members`: train them in turn, and make them one run."""
    from striate.evaluation.regression.result import RegressionEvaluation
    from striate.runs.gather import gather_inside
    from striate.runs.layout import REPORT
    from striate.training.members import trained_members
    from striate.training.result import NumberTrainResult, TrainResult

    out, members = trained_members(options, train_one)
    made = gather_inside(out, members)
    found = _measured(made, workers=options.workers, progress=options.progress)
    about: dict[str, Any] = {
        "run": out,
        "network": members[0].config.network,
        "epochs": max(member.epochs_done for member in members),
        "best_epoch": 0,
        "images": found.images,
        "seconds": round(sum(line["seconds"] for each in members for line in each.timing), 1),
        "report": out / REPORT,
        "members": len(members),
    }
    if isinstance(found, RegressionEvaluation):
        return cast("TrainResult", NumberTrainResult(evaluation=found, **about))
    return TrainResult(
        classes=len(found.classes),
        top1=found.top1,
        top5=found.top5,
        loss=found.loss,
        interval=found.interval,
        **about,
    )


def _measured(
    run: Run, *, workers: int | None, progress: bool
) -> Evaluation | RegressionEvaluation:
    """The figures of an ensemble on its held-out images, kept with its report in its folder."""
    return evaluate(run, workers=workers, progress=progress)


def _kept(run: Run, key: str) -> float | None:
    """What a run came to alone, where that is known."""
    with suppress(StriateError, LookupError, TypeError, ValueError):
        known = run.evaluation
        return None if known is None else float(known[key])
    return None
