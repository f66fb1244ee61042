"""What a person sees while a network trains: rate, time left, current figures."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from striate.runs.headline import TOP1
from striate.support.notebook_place import place
from striate.support.progress import clock
from striate.support.text import printable
from striate.support.words import figure, plain_percent
from striate.training.callbacks.base import BatchEnd, Callback, EpochEnd, TrainBegin, TrainEnd

#: How often the bar is drawn anew, in seconds.
_SHOWN_EVERY = 0.25
#: A line an epoch, within the 80 columns of most terminals; the star marks the kept weights.
_ROW = "{:>9}  {:>10}  {:>8}  {:>15}  {:>8} {:1}  {:>8}  {:>8}"
_STAR = "  * the best so far, whose weights are kept"


class Terminal(Callback):
    """A bar with rate and time left on a terminal, and a line an epoch everywhere.

    Args:
        stream: where to; standard error if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.console = Console(file=stream or sys.stderr, highlight=False)
        self.bar: Progress | None = None
        self.place = None if stream else place()
        self.task = TaskID(0)
        self.shown = 0.0
        self.headline = TOP1

    def on_note(self, text: str) -> None:
        """Print it on a line of its own."""
        self._print(f"note: {printable(text)}")

    def on_train_begin(self, training: TrainBegin) -> None:
        """Print the headings, and show the bar where there is a terminal."""
        self.epochs, self.steps = training.epochs, training.steps
        done = training.epoch * self.steps + training.step
        self.headline = training.headline
        title = self.headline.title
        named = ("epoch", "train loss", title, "validation loss", title, "*", "images/s", "left")
        self._print(_ROW.format(*named))
        self._print(f"{_STAR}{self._in_units()}")
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                console=self.console,
                transient=True,
            )
            self.task = self.bar.add_task(
                "training", total=self.epochs * self.steps, completed=done, figures=""
            )
            self.bar.start()

    def on_batch_end(self, batch: BatchEnd) -> None:
        """Move the bar on, a few times a second: reading a loss more often would cost time."""
        now = time.monotonic()
        if (self.bar is None and self.place is None) or now - self.shown < _SHOWN_EVERY:
            return
        self.shown = now
        epoch = f"epoch {batch.epoch}/{self.epochs}"
        figures = (
            f"loss {batch.mean_loss:.3f}  rate {batch.learning_rate:.2g}  "
            f"{batch.images_per_second:,.0f} images/s  {_clock(batch.seconds_left)} left"
        )
        done = round((batch.epoch - 1 + batch.step / batch.steps) * self.steps)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, description=epoch, figures=figures)
        elif self.place is not None:
            share = plain_percent(done / (self.epochs * self.steps), 0)
            self.place.show(f"{epoch}  {share}  {figures}")

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        """Print its line."""
        self._print(
            _ROW.format(
                f"{epoch.epoch}/{self.epochs}",
                f"{epoch.train.loss:.3f}",
                self._figure(epoch.train),
                f"{epoch.validation.loss:.3f}",
                self._figure(epoch.validation),
                "*" if epoch.best else "",
                f"{epoch.images_per_second:,.0f}",
                _clock(epoch.seconds_left),
            )
        )

    def _print(self, line: str) -> None:
        """A line that stays."""
        if self.place is None:
            self.console.print(line, soft_wrap=True, markup=False)
        else:
            self.place.keep(line)

    def _figure(self, found: object) -> str:
        """The headline's figure; a unit in words stands above the column."""
        value = float(getattr(found, self.headline.key))
        return self.headline.shown(value) if self.headline.unit == "%" else figure(value, 4)

    def _in_units(self) -> str:
        """In which unit the column of the headline is, where that is no share."""
        if self.headline.unit == "%":
            return ""
        unit = self.headline.unit and f" in {self.headline.unit}"
        return f"; {self.headline.title}: mean absolute error{unit}"

    def on_train_end(self, end: TrainEnd) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        elif self.place is not None:
            self.place.show("")


def _clock(seconds: float | None) -> str:
    return "?" if seconds is None else clock(seconds)
