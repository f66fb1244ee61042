"""Ctrl-C, termination and a closed terminal, which all end a command in the same orderly way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: Ctrl-C, ``kill``, and the end of the terminal or the connection that a command was started from.
HEARD = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
#: What those who start a command have it ignore, such as ``nohup``, it ignores.
_SPARED = tuple(each for each in HEARD if each is not signal.SIGINT)

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Have `handler` called for what is `HEARD` while the block runs; then put back what was."""
    # Python hears signals in its main thread only; elsewhere, such as in a notebook's worker, the
    # caller's own handling stays.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    try:
        for each in HEARD:
            if each in _SPARED and signal.getsignal(each) is signal.SIG_IGN:
                continue
            before[each] = signal.signal(each, handler)
        yield
    finally:
        for number, found in before.items():
            # None stands for a handler that was not made in Python, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if found is None else found)


@contextmanager
def heard() -> Iterator[None]:
    """Have `HEARD` raise KeyboardInterrupt, all of them, while the block runs."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a few steps that belong together come to their end before KeyboardInterrupt is raised."""
    received = []
    with _handled(lambda number, _frame: received.append(number)):
        yield
    if received:
        raise KeyboardInterrupt


class StopSignal:
    """While open, the first signal is `received`, to be looked at between two steps.

    The same signal again interrupts at once. Another one does not: whoever starts several processes
    passes on Ctrl-C, which the terminal has sent to all of them, as a termination.
    """

    def __init__(self) -> None:
        self.received = False
        self._numbers: set[int] = set()
        self._open = _handled(self._hear)

    def __enter__(self) -> StopSignal:
        self._open.__enter__()
        return self

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if number in self._numbers:
            raise KeyboardInterrupt
        self._numbers.add(number)
        self.received = True

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)
