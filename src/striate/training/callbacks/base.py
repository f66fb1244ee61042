"""`Callback`, which people derive from, and what its methods are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, SupportsFloat

from striate.runs.headline import TOP1, Headline

if TYPE_CHECKING:
    from torch import Tensor

    from striate.runs.records import TrainFigures, ValidationFigures


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """An epoch that was done: what its lines of ``metrics.jsonl`` and ``timing.jsonl`` say.

    Attributes:
        epoch: its number, from 1.
        step: batches done since the training began.
        learning_rate: of its last batch; of the head where parts of a network have rates of their
            own.
        train: means over its batches, as they were met: ``loss``, ``main`` (without the losses of
            auxiliary classifiers), ``auxiliary``, ``top1`` (from 0 to 1); of a training for numbers
            ``mae`` in its place (`striate.runs.records.NumberTrainFigures`, of which the type does
            not speak).
        validation: on the validation images: ``loss``, ``top1``, ``top5`` (from 0 to 1); of numbers
            ``loss``, ``mae``, ``rmse``, ``r2`` (`striate.runs.records.NumberFigures`).
        health: by layer, the sizes of its ``gradient`` and ``activation`` in the last batch.
        seconds: that its batches took, without the validation.
        images_per_second: of training.
        best: whether no epoch before it did as well on the validation images: its weights are
            those that the run keeps now.
        size: height and width of its training images.
        seconds_left: that the training will still take, its last evaluation included; None of an
            epoch that an earlier start had done.
    """

    epoch: int
    step: int
    learning_rate: float
    train: TrainFigures
    validation: ValidationFigures
    health: Mapping[str, Mapping[str, float]]
    seconds: float
    images_per_second: float
    best: bool
    size: tuple[int, int]
    # Equal epochs need not have been as far from an end.
    seconds_left: float | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class TrainBegin:
    """A training before its next batch.

    Attributes:
        run: the run's folder.
        epochs: that the whole training has.
        steps: batches an epoch, as it begins; `BatchEnd` says how many an epoch comes to have.
        batch_size: images a batch, over all processes together.
        epoch: epochs that are done; more than 0 where a run goes on.
        step: batches that are done of the epoch after those.
        history: the epochs that are done.
        headline: the figure of an epoch that people look at first.
    """

    run: Path
    epochs: int
    steps: int
    batch_size: int
    epoch: int
    step: int
    history: tuple[EpochEnd, ...]
    headline: Headline = TOP1


@dataclass(frozen=True, kw_only=True)
class BatchEnd:
    """A batch that was done.

    Losses stay on the device until they are read, which waits for it: reading both of every batch
    costs time on a GPU.

    Attributes:
        epoch: the epoch under way, from 1.
        step: batches done of it, from 1.
        steps: batches of it in all.
        learning_rate: of this batch.
        size: height and width of its images.
    """

    epoch: int
    step: int
    steps: int
    learning_rate: float
    size: tuple[int, int]
    _speed: Callable[[], float]
    _left: Callable[[], float | None]
    _loss: SupportsFloat
    _sums: Sequence[SupportsFloat] | Tensor

    @property
    def loss(self) -> float:
        """The loss of this batch; under ``torchrun``, of this process's part of it."""
        return float(self._loss)

    @property
    def mean_loss(self) -> float:
        """The mean loss of the epoch so far; under ``torchrun``, of this process's parts."""
        return float(self._sums[0]) / self.step

    @property
    def images_per_second(self) -> float:
        """Of training in this epoch, over all processes together."""
        return self._speed()

    @property
    def seconds_left(self) -> float | None:
        """That the training still takes, its last evaluation included, as far as can be told."""
        return self._left()


@dataclass(frozen=True, kw_only=True)
class ValidationEnd:
    """What the validation images came to.

    Attributes:
        epoch: after which they were looked at, from 1.
        loss: mean negative log likelihood.
        top1: share of the images whose likeliest class is the right one, from 0 to 1.
        top5: share of those whose right class is among the five likeliest.
        balanced: mean recall of the classes; this and the next where the epoch whose weights are
            kept is chosen by one of them, else None.
        f1: mean F1 of the classes.
    """

    epoch: int
    loss: float
    top1: float
    top5: float
    balanced: float | None = None
    f1: float | None = None


@dataclass(frozen=True, kw_only=True)
class NumberValidationEnd:
    """What the validation images came to, of a training for numbers.

    Errors are in the unit of the target; of several, the mean of each in deviations of the training
    images.

    Attributes:
        epoch: after which they were looked at, from 1.
        loss: mean of the recipe's loss.
        mae: mean absolute error.
        rmse: root mean squared error.
        r2: share of the variance that is explained; None where the true values are all equal.
    """

    epoch: int
    loss: float
    mae: float
    rmse: float
    r2: float | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was written, from which a run that is killed now goes on.

    Attributes:
        path: of the file; the next one takes its place.
        epoch: epochs that are done.
        step: batches that are done of the epoch after those.
    """

    path: Path
    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class TrainEnd:
    """A training that is over, well or not.

    Attributes:
        epochs: that are done, of this start and those before.
        best_epoch: whose weights the run keeps, 0 for those it began with; None where there are
            none yet.
        stopped: whether early stopping or a callback ended it before its last epoch.
        error: what cut it short, such as an interruption; None where it came to its end.
    """

    epochs: int
    best_epoch: int | None
    stopped: bool
    error: BaseException | None


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """A run of which all is written that follows its training, or nothing more will be.

    Attributes:
        run: the run's folder.
        figures: of its evaluation on the held-out images, by name: ``top1``, ``loss`` and others;
            empty where there was none.
        error: what cut evaluation or report short; None where they came to their end.
    """

    run: Path
    figures: Mapping[str, float]
    error: BaseException | None = None


class Callback:
    """What happens during a training; derive from it and override what you want to know of.

    Methods that are not overridden do nothing. They are called in this order: `on_note` at any
    time; `on_train_begin`; for each epoch `on_epoch_begin`, `on_batch_end` for each batch,
    `on_validation_end`, `on_checkpoint`, `on_epoch_end`; `on_train_end`; and, where that came to
    its end, `on_run_end`. Several callbacks are
    called in the order they were given in, and under ``torchrun`` in the first process alone.

    A callback is given numbers and paths, never the network: a training ends in the same weights to
    the bit with it and without it, unless it calls `stop`. What it raises ends the training as it
    is; the run can be resumed, and goes on from its last checkpoint.
    """

    stopping = False
    """Whether `stop` was called since the training began."""

    def stop(self) -> None:
        """End the training after the epoch under way, as early stopping does.

        The run is finished then: its best weights are kept, evaluation and report follow, and
        resuming it trains no further.
        """
        self.stopping = True

    def on_note(self, text: str) -> None:
        """Something that a person should know and need not mend, in a sentence."""

    def on_train_begin(self, training: TrainBegin) -> None:
        """The first batch comes next, or the first one after those that were done before."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Number `epoch`, from 1, begins, or goes on where a run was cut within it."""

    def on_batch_end(self, batch: BatchEnd) -> None:
        """A batch was done; called for every one."""

    def on_validation_end(self, validation: ValidationEnd) -> None:
        """The validation images were looked at, after the batches of an epoch.

        A training for numbers gives a `NumberValidationEnd`, of which the type does not speak.
        """

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        """A checkpoint was written, within an epoch or at its end."""

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        """An epoch was done; the run's files are written."""

    def on_train_end(self, end: TrainEnd) -> None:
        """The training is over, well or not; called once for each `on_train_begin`."""

    def on_run_end(self, end: RunEnd) -> None:
        """Evaluation and report are written, or were cut short, after a training that was not."""
