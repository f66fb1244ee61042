"""What a person sees while something long goes on: always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Called with (done, of all).
Counter = Callable[[int, int], None]

_SHOWN_EVERY = 0.2


@contextmanager
def counting(what: str, *, wanted: bool = True) -> Iterator[Counter | None]:
    """Count `what` with rate and time left while the block runs, where there is a terminal.

    Gives a function to call with (done, of all), or None where nobody would see it.
    """
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    began = shown = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < _SHOWN_EVERY:
            return
        shown = now
        rate = done / (now - began)
        left = clock((total - done) / rate) if rate else "?"
        line = f"{what}: {done:,} of {total:,}, {rate:,.0f} a second, {left} left"
        print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """A duration, as clocks show it.

    Examples:
        >>> clock(3723), clock(245)
        ('1:02:03', '4:05')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
