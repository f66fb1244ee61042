"""TensorBoard's event files, for those who ask for them."""

from __future__ import annotations

import importlib.util
from typing import Any

from striate.errors import StriateError, parameter
from striate.runs import layout as names
from striate.training.callbacks.base import Callback, EpochEnd, TrainBegin, TrainEnd


class TensorBoard(Callback):
    """Writes the figures of each epoch to ``RUN/tensorboard``.

    Raises:
        StriateError: TensorBoard is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise StriateError(
                parameter("tensorboard"),
                "TensorBoard is not installed",
                "pip install 'striate[tensorboard]'",
            )
        self.writer: Any = None

    def on_train_begin(self, training: TrainBegin) -> None:
        """Write the epochs that were done before."""
        from torch.utils.tensorboard import SummaryWriter

        # A killed run may have written less than the checkpoint it goes on from, or more: what is
        # there is shown no more, and written anew.
        purge = 0 if training.history else None
        self.writer = SummaryWriter(str(training.run / names.BOARD), purge_step=purge)
        for epoch in training.history:
            self.on_epoch_end(epoch)

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        """Write one epoch."""
        train, found = epoch.train, epoch.validation
        means = {key: value for key, value in vars(train).items() if key != "auxiliary"}
        figures = {f"train/{name}": value for name, value in means.items()}
        for number, loss in enumerate(train.auxiliary, start=1):
            figures[f"train/auxiliary{number}"] = loss
        known = {name: value for name, value in vars(found).items() if value is not None}
        figures |= {f"validation/{name}": value for name, value in known.items()}
        for layer, sizes in epoch.health.items():
            figures[f"gradient/{layer}"] = sizes["gradient"]
            figures[f"activation/{layer}"] = sizes["activation"]
        figures["learning_rate"] = epoch.learning_rate
        figures["images_per_second"] = epoch.images_per_second
        for name, value in figures.items():
            self.writer.add_scalar(name, value, epoch.epoch)
        self.writer.flush()

    def on_train_end(self, end: TrainEnd) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
