"""TensorBoard's event files, for those who ask for them."""

from __future__ import annotations

from typing import Any

from striate.runs import layout as names
from striate.training.callbacks.base import EpochEnd, RunEnd, TrainBegin
from striate.training.callbacks.figures import figures_of
from striate.training.callbacks.tracker import Tracker


class TensorBoard(Tracker):
    """Writes the figures of each epoch to ``RUN/tensorboard``."""

    name, title, whole = "tensorboard", "TensorBoard", True

    def __init__(self) -> None:
        super().__init__()
        self.writer: Any = None

    def begin(self, training: TrainBegin, known_as: str) -> str:
        """Open the event file."""
        from torch.utils.tensorboard import SummaryWriter

        # A killed run may have written less than the checkpoint it goes on from, or more: what is
        # there is shown no more, and written anew.
        purge = 0 if training.history else None
        self.writer = SummaryWriter(str(training.run / names.BOARD), purge_step=purge)
        return names.BOARD

    def write(self, epoch: EpochEnd) -> None:
        """Write one epoch."""
        for name, value in figures_of(epoch).items():
            self.writer.add_scalar(name, value, epoch.epoch)
        self.writer.flush()

    def cut_short(self, error: BaseException) -> None:
        """Close the file."""
        self.writer.close()

    def finish(self, end: RunEnd) -> None:
        """Close the file."""
        self.writer.close()
