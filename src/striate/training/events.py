"""What callbacks are given, made from where a training is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from striate.recipes.choices import Select
from striate.runs import layout as names
from striate.runs.records import (
    NumberFigures,
    NumberTrainFigures,
    TrainFigures,
    ValidationFigures,
)
from striate.training.callbacks.base import (
    BatchEnd,
    Checkpoint,
    EpochEnd,
    NumberValidationEnd,
    TrainBegin,
    TrainEnd,
    ValidationEnd,
)
from striate.training.checkpoint import State
from striate.training.course import Course
from striate.training.selection import rank
from striate.training.time_left import Size


def train_begin(run: Path, state: State, course: Course) -> TrainBegin:
    """The training in the folder `run`, about to go on from `state`."""
    return TrainBegin(
        run=run,
        epochs=course.epochs,
        steps=course.steps(state),
        batch_size=course.batch,
        epoch=state.epoch,
        step=state.step,
        history=epochs_done(state.history, state.timing, course.used, course.setup.recipe.select),
        headline=course.setup.judge.headline,
    )


def batch_end(state: State, course: Course, *, loss: Tensor, rate: float) -> BatchEnd:
    """The batch that `state` counts last, and its own loss."""
    assert state.sums is not None
    return BatchEnd(
        epoch=state.epoch + 1,
        step=state.step,
        steps=course.steps(state),
        learning_rate=rate,
        size=course.sizes[state.epoch],
        _speed=lambda: course.speed(state),
        _left=lambda: course.left(state),
        _loss=loss,
        _sums=state.sums,
    )


def validation_end(entry: Mapping[str, Any]) -> ValidationEnd:
    """What `entry`, a line of ``metrics.jsonl``, says of the validation images."""
    found = entry["validation"]
    kind = ValidationEnd if "top1" in found else NumberValidationEnd
    return cast("ValidationEnd", kind(epoch=entry["epoch"], **found))


def checkpoint_of(run: Path, state: State) -> Checkpoint:
    """The checkpoint that holds `state`."""
    return Checkpoint(path=run / names.STATE, epoch=state.epoch, step=state.step)


def train_end(state: State, error: BaseException | None) -> TrainEnd:
    """The end of a training at `state`, which `error` has cut short if there is one."""
    return TrainEnd(
        epochs=state.epoch,
        best_epoch=None if state.best is None else state.best.epoch,
        stopped=state.stopped,
        error=error,
    )


def epoch_end(
    entry: Mapping[str, Any],
    timing: Mapping[str, Any],
    used: Size,
    *,
    best: bool,
    left: float | None = None,
) -> EpochEnd:
    """One epoch of both files; `entry` is one that was trained, not what a network began with.

    Where it says no size, it was trained at that which the network is `used` at.
    """
    train, found = entry["train"], entry["validation"]
    trained = {**train, "auxiliary": tuple(train["auxiliary"])}
    train_kind = TrainFigures if "top1" in train else NumberTrainFigures
    kind = ValidationFigures if "top1" in found else NumberFigures
    return EpochEnd(
        epoch=entry["epoch"],
        step=entry["step"],
        learning_rate=entry["learning_rate"],
        # Figures of numbers are those of other classes, of which the type does not speak.
        train=cast("TrainFigures", train_kind(**trained)),
        validation=cast("ValidationFigures", kind(**found)),
        health=deepcopy(entry["health"]),
        seconds=timing["seconds"],
        images_per_second=timing["images_per_second"],
        best=best,
        size=tuple(entry.get("size", used)),
        seconds_left=left,
    )


def epochs_done(
    history: Sequence[Mapping[str, Any]],
    timing: Sequence[Mapping[str, Any]],
    used: Size,
    select: Select,
) -> tuple[EpochEnd, ...]:
    """The epochs that were trained, from all lines of both files, the best of them by `select`."""
    figures = [entry["validation"] for entry in history if "validation" in entry]
    ranks = [rank(found, select) for found in figures]
    trained = [entry for entry in history if "train" in entry]
    # A network that began with something was judged before its first epoch, too.
    before = len(ranks) - len(trained)
    return tuple(
        epoch_end(entry, spent, used, best=all(ranks[place] > rank for rank in ranks[:place]))
        for place, (entry, spent) in enumerate(zip(trained, timing, strict=True), start=before)
    )
