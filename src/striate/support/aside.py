"""Standard output is a command's own document: what other people's code prints steps aside."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_lock = threading.Lock()


class _Parted:
    """Stands for standard output: some threads write to standard error, the others as before."""

    def __init__(self, output: TextIO) -> None:
        self.output = output
        self.depths: dict[int, int] = {}

    def __getattr__(self, name: str) -> Any:
        aside = threading.get_ident() in self.depths
        return getattr(sys.stderr if aside else self.output, name)


@contextmanager
def printing_aside() -> Iterator[None]:
    """Let what this thread prints go to standard error while the block runs.

    `contextlib.redirect_stdout` takes the output of all threads, and two that overlap may leave it
    redirected for good.
    """
    this = threading.get_ident()
    with _lock:
        parted = sys.stdout if isinstance(sys.stdout, _Parted) else _Parted(sys.stdout)
        parted.depths[this] = parted.depths.get(this, 0) + 1
        sys.stdout = parted
    try:
        yield
    finally:
        with _lock:
            parted.depths[this] -= 1
            if not parted.depths[this]:
                del parted.depths[this]
            if not parted.depths and sys.stdout is parted:
                sys.stdout = parted.output
