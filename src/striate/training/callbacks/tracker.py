"""A callback that keeps the figures of a run somewhere else, for as long as that can be reached."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from striate.errors import RunError
from striate.runs.layout import TRACKERS
from striate.support.files import write_atomically
from striate.support.paths import read_file
from striate.support.text import printable
from striate.training.callbacks.base import Callback, EpochEnd, RunEnd, TrainBegin, TrainEnd

#: How much of what a library says of its failure is repeated.
_SAID = 160
_LARGEST = 1 << 16


class Tracker(Callback):
    """Keeps the figures of a run somewhere else.

    What goes wrong there costs the tracker and a note, never the training. A run that goes on goes
    on in the same place: what that needs is kept in the run, in ``trackers.json``, with the last
    epoch that was written, so that none is written twice.

    A tracker overrides `begin`, `write`, and what else it needs; it may raise anything.

    Attributes:
        name: by which it is asked for.
        title: its name for people.
        whole: whether it writes all epochs anew where a run goes on.
        tell: what is called with a note.
        asked_for: whether a person wants it now; False where the run alone says that it had it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    whole: ClassVar[bool] = False

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = _warn
        self.asked_for = True
        self._run: Path | None = None
        """The run that it follows; None before it has begun, and once it failed."""
        self._last = 0
        self._identifier = ""

    # --- what a tracker does ---------------------------------------------------------------------

    def begin(self, training: TrainBegin, known_as: str) -> str:
        """The training begins or goes on.

        Args:
            training: as callbacks are given it.
            known_as: what this gave when the run began; empty for a new run.

        Returns:
            By what the tracker finds its place again: letters, digits, ``_``, ``-`` and ``.``.
        """
        raise NotImplementedError

    def write(self, epoch: EpochEnd) -> None:
        """An epoch was done."""
        raise NotImplementedError

    def cut_short(self, error: BaseException) -> None:
        """The training, or what follows it, came to no end; the run may go on later."""

    def finish(self, end: RunEnd) -> None:
        """All of the run is written: its figures, its report."""

    # --- when it does it -------------------------------------------------------------------------

    def on_train_begin(self, training: TrainBegin) -> None:
        """Begin, and write the epochs that were done before."""
        self._run = training.run
        with self._unless_it_fails():
            before = read_trackers(training.run).get(self.name, {})
            known_as = str(before.get("run", ""))
            self._last = 0 if self.whole else int(before.get("epoch", 0))
            self._identifier = self.begin(training, known_as)
            if self._identifier != known_as:
                self._last = 0  # a place of its own, which has nothing yet
            for epoch in training.history:
                self._write(epoch)
            self._keep()

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        """Write it."""
        if self._run is None:
            return
        with self._unless_it_fails():
            self._write(epoch)
            self._keep()

    def on_train_end(self, end: TrainEnd) -> None:
        """Let go, where the training was cut short."""
        if end.error is not None:
            error = end.error
            self._end(lambda: self.cut_short(error))

    def on_run_end(self, end: RunEnd) -> None:
        """Add what the run came to."""
        error = end.error
        self._end(lambda: self.finish(end) if error is None else self.cut_short(error))

    def _end(self, how: Callable[[], None]) -> None:
        if self._run is not None:
            with self._unless_it_fails():
                how()
        self._run = None

    def _write(self, epoch: EpochEnd) -> None:
        if epoch.epoch > self._last:
            self.write(epoch)
            self._last = epoch.epoch

    def _keep(self) -> None:
        assert self._run is not None
        trackers = read_trackers(self._run)
        trackers[self.name] = {"run": self._identifier, "epoch": self._last}
        write_atomically(self._run / TRACKERS, f"{json.dumps(trackers)}\n".encode())

    @contextmanager
    def _unless_it_fails(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._run = None
            said = without_passwords(" ".join(str(error).split()))
            why = printable(said or type(error).__name__)
            why = why if len(why) <= _SAID else f"{why[:_SAID]}…"
            self.tell(f"{self.title} has failed, and the training goes on without it: {why}")


def without_passwords(text: str) -> str:
    """`text` without what stands before the hosts of addresses in it.

    Examples:
        >>> without_passwords("GET http://me:secret@host:5000/api failed")
        'GET http://host:5000/api failed'
    """
    return re.sub(r"(?<=://)[^/?#\s]*@", "", text)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def read_trackers(run: Path) -> dict[str, dict[str, Any]]:
    """What trackers have kept in the folder `run`, by their names; without what is no such thing.

    The file may come from a stranger. It holds no address: who is told of a run is decided by the
    person who trains it.
    """
    try:
        found = json.loads(read_file(run / TRACKERS, most=_LARGEST, kind=RunError))
    except (FileNotFoundError, RunError, ValueError, RecursionError):
        return {}
    return {
        name: {"run": each["run"], "epoch": each["epoch"]}
        for name, each in (found.items() if isinstance(found, Mapping) else ())
        if isinstance(each, Mapping)
        and isinstance(each.get("run"), str)
        and re.fullmatch(r"[\w.-]{0,128}", each["run"])
        and type(each.get("epoch")) is int
    }
