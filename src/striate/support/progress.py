"""What a person sees while something long goes on: on standard error, or in a notebook's cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from striate.support.notebook_place import place

#: Called with (done, of all), now and then, on the caller's thread.
Progress = Callable[[int, int], None]

_SHOWN_EVERY = 0.2


class Pace:
    """How fast something goes on, and how long it still takes, from the moment it was made.

    Args:
        before: what was done before that moment.
    """

    def __init__(self, before: int = 0) -> None:
        self.before, self.began = before, time.monotonic()

    def rate(self, done: int) -> float:
        """How many were done a second, where `done` are by now, those of before included."""
        return (done - self.before) / max(time.monotonic() - self.began, 1e-9)

    def left(self, done: int, total: int) -> str:
        """The time until all of `total` are done, as `clock` writes it; ``?`` before the first."""
        rate = self.rate(done)
        return clock((total - done) / rate) if rate > 0 else "?"


@contextmanager
def counting(what: str, *, wanted: bool = True, before: int = 0) -> Iterator[Progress | None]:
    """Count `what` with rate and time left while the block runs, in a terminal or a notebook.

    Args:
        what: is going on, such as ``reading images``.
        wanted: whether anybody wants to see it.
        before: how many were done at an earlier time, which counts for no rate.

    Yields:
        A function to call with (done, of all), or None where nobody would see it. Of 0 stands for
        nobody knowing how many there are.
    """
    write = _way() if wanted else None
    if write is None:
        yield None
        return
    pace = Pace(before)
    shown = pace.began

    def show(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < _SHOWN_EVERY:
            return
        shown = now
        line = f"{what}: {done:,}{f' of {total:,}' if total else ''}"
        line += f", {_paced(pace.rate(done))}"
        line += f", {pace.left(done, total)} left" if total else ""
        write(line)

    try:
        yield show
    finally:
        write("")


def _way() -> Callable[[str], None] | None:
    """What shows a line instead of the one before: a terminal or a notebook, if there is one."""
    if not sys.stderr.isatty():
        here = place()
        return None if here is None else here.show

    def write(line: str) -> None:
        print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)

    return write


def _paced(rate: float) -> str:
    """So many a second as people read it.

    Examples:
        >>> _paced(1234.5), _paced(0.05)
        ('1,234 a second', '3.0 a minute')
    """
    return f"{rate:,.0f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"


def clock(seconds: float) -> str:
    """A span of time as people read it.

    Examples:
        >>> clock(245), clock(3723)
        ('4:05', '1:02:03')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
