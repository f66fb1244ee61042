"""What a person sees while a network trains: rate, time left, current figures."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from striate.support.progress import clock
from striate.support.text import printable

#: A line an epoch, within the 80 columns of most terminals; the star marks the kept weights.
_ROW = "{:>9}  {:>10}  {:>8}  {:>15}  {:>8} {:1}  {:>8}  {:>8}"
_HEADINGS = (
    _ROW.format("epoch", "train loss", "top-1", "validation loss", "top-1", "*", "images/s", "left")
    + "\n  * the best so far, whose weights are kept"
)


class Watcher(Protocol):
    """What the loop tells: the command line shows it, a notebook may do something else with it."""

    def note(self, text: str) -> None:
        """Something that a person should know and need not mend."""

    def begin(self, epochs: int, steps: int, batch_size: int, done: int) -> None:
        """The run has `epochs` of `steps` batches, `done` of all of them from before."""

    def step(self, epoch: int, step: int, loss: float, rate: float) -> None:
        """A batch was done; called a few times a second at most."""

    def epoch(self, entry: dict[str, Any], timing: dict[str, Any], *, best: bool) -> None:
        """An epoch was done; `entry` is its line of ``metrics.jsonl``."""

    def end(self) -> None:
        """Training is over, well or not."""


class Silent:
    """Says nothing."""

    def note(self, text: str) -> None:  # noqa: D102
        pass

    def begin(self, epochs: int, steps: int, batch_size: int, done: int) -> None:  # noqa: D102
        pass

    def step(self, epoch: int, step: int, loss: float, rate: float) -> None:  # noqa: D102
        pass

    def epoch(self, entry: dict[str, Any], timing: dict[str, Any], *, best: bool) -> None:  # noqa: D102
        pass

    def end(self) -> None:  # noqa: D102
        pass


class Terminal:
    """A bar with rate and time left on a terminal, and a line an epoch everywhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.console = Console(file=stream or sys.stderr, highlight=False)
        self.bar: Progress | None = None
        self.task = TaskID(0)
        self.started = 0.0
        self.before = 0

    def note(self, text: str) -> None:  # noqa: D102
        self.console.print(f"note: {printable(text)}", soft_wrap=True, markup=False)

    def begin(self, epochs: int, steps: int, batch_size: int, done: int) -> None:  # noqa: D102
        self.epochs, self.steps, self.batch_size, self.before = epochs, steps, batch_size, done
        self.started = time.monotonic()
        self.console.print(_HEADINGS, soft_wrap=True)
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
                "training", total=epochs * steps, completed=done, figures=""
            )
            self.bar.start()

    def step(self, epoch: int, step: int, loss: float, rate: float) -> None:  # noqa: D102
        if self.bar is None:
            return
        done = epoch * self.steps + step
        per_second = (done - self.before) / max(time.monotonic() - self.started, 1e-9)
        left = (self.epochs * self.steps - done) / max(per_second, 1e-9)
        self.bar.update(
            self.task,
            completed=done,
            description=f"epoch {epoch + 1}/{self.epochs}",
            figures=f"loss {loss:.3f}  rate {rate:.2g}  "
            f"{per_second * self.batch_size:,.0f} images/s  {clock(left)} left",
        )

    def epoch(self, entry: dict[str, Any], timing: dict[str, Any], *, best: bool) -> None:  # noqa: D102
        done = (entry["epoch"] * self.steps) - self.before
        spent = time.monotonic() - self.started
        left = spent / max(done, 1) * (self.epochs - entry["epoch"]) * self.steps
        train, held_out = entry["train"], entry["validation"]
        self.console.print(
            _ROW.format(
                f"{entry['epoch']}/{self.epochs}",
                f"{train['loss']:.3f}",
                f"{100 * train['top1']:.2f} %",
                f"{held_out['loss']:.3f}",
                f"{100 * held_out['top1']:.2f} %",
                "*" if best else "",
                f"{timing['images_per_second']:,.0f}",
                clock(left),
            ),
            soft_wrap=True,
        )

    def end(self) -> None:  # noqa: D102
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
