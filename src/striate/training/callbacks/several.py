"""All callbacks of a training as one, which the loop calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from striate.errors import StriateError, parameter
from striate.training.callbacks.base import (
    BatchEnd,
    Callback,
    Checkpoint,
    EpochEnd,
    RunEnd,
    TrainBegin,
    TrainEnd,
    ValidationEnd,
)
from striate.training.callbacks.tracker import Tracker


class Callbacks(Callback):
    """Calls each of `members`, in their order.

    Args:
        members: the callbacks; none in processes that do not lead.
    """

    def __init__(self, members: Iterable[Callback] = ()) -> None:
        self.members = tuple(members)
        # A note that nobody would show is a warning.
        if any(type(each).on_note is not Callback.on_note for each in self.members):
            for each in self.members:
                if isinstance(each, Tracker):
                    each.tell = self.on_note

    @property
    def stoppers(self) -> list[str]:
        """The classes of the members that want the training to end after this epoch."""
        return [type(each).__name__ for each in self.members if each.stopping]

    def on_note(self, text: str) -> None:  # noqa: D102
        for each in self.members:
            each.on_note(text)

    def on_train_begin(self, training: TrainBegin) -> None:  # noqa: D102
        for each in self.members:
            each.stopping = False  # of a training that it was given to before
        for each in self.members:
            each.on_train_begin(training)

    def on_epoch_begin(self, epoch: int) -> None:  # noqa: D102
        for each in self.members:
            each.on_epoch_begin(epoch)

    def on_batch_end(self, batch: BatchEnd) -> None:  # noqa: D102
        for each in self.members:
            each.on_batch_end(batch)

    def on_validation_end(self, validation: ValidationEnd) -> None:  # noqa: D102
        for each in self.members:
            each.on_validation_end(validation)

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:  # noqa: D102
        for each in self.members:
            each.on_checkpoint(checkpoint)

    def on_epoch_end(self, epoch: EpochEnd) -> None:  # noqa: D102
        for each in self.members:
            each.on_epoch_end(epoch)

    def on_train_end(self, end: TrainEnd) -> None:
        """Call every one, also after one that raises: each may have something to close."""
        _call_all(partial(each.on_train_end, end) for each in self.members)

    def on_run_end(self, end: RunEnd) -> None:
        """Call every one, likewise."""
        _call_all(partial(each.on_run_end, end) for each in self.members)


def _call_all(calls: Iterable[Callable[[], None]]) -> None:
    raised: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:  # the first one is raised, below
            raised = raised or error
    if raised is not None:
        raise raised


def check_callbacks(given: Iterable[Any]) -> None:
    """Refuse what is no callback, before anything is looked at.

    Raises:
        StriateError: one of `given` is not an instance of a class derived from `Callback`.
    """
    for each in given:
        if not isinstance(each, Callback):
            raise StriateError(
                f"{parameter('callbacks')}: {each!r}",
                "is no callback",
                "give instances of classes derived from striate.Callback",
            )
