"""Processes that compute beside each other, and end with the one that began them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for

from striate.support import settings


@contextmanager
def processes(number: int, preload: Sequence[str] = ()) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block at once, and with this process however it ends.

    Each computes with one thread. They are begun anew and not forked from this one: a fork of a
    process with threads may wait for ever.

    Args:
        number: how many.
        preload: modules that one process loads, of which the others are forks: for many processes
            that are needed for a short time. Where there is no forking each loads its own.
    """
    before = set(multiprocessing.active_children())
    method = "spawn"
    if preload and "forkserver" in multiprocessing.get_all_start_methods():
        method = "forkserver"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(preload))
    # A library that looks at it when it is loaded finds it there.
    threads = settings.environment({"OMP_NUM_THREADS": "1"})
    with threads, tempfile.TemporaryDirectory(prefix="striate-lab-") as folder:
        pool = ProcessPoolExecutor(
            number, mp_context=context, initializer=_begin, initargs=(folder,)
        )
        try:
            yield pool
        except BaseException:
            # Not asked: a process that waits for another one inside a library would not hear it.
            for each in set(multiprocessing.active_children()) - before:
                each.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(folder: str) -> None:
    """In a new process: leave Ctrl-C to the one that began it, and end when that has ended.

    Args:
        folder: of its temporary files, which it may have no time to remove.
    """
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
