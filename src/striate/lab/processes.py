"""Processes that compute beside each other, and end with the one that began them.

Each computes with one thread. They are begun anew and not forked from this one: a fork of a process
with threads may wait for ever.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, TypeVar

from striate.errors import Interrupted, StriateError
from striate.support import settings

T = TypeVar("T")

_PATIENCE = 5.0  # seconds, with a process that is asked to end

#: What to say of a process that ended without a word.
KILLED = ("was killed from outside, perhaps for want of memory", "start it again, which goes on")


@contextmanager
def pool(number: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that take one task after another, and end with the block at once."""
    before = set(multiprocessing.active_children())
    with _surroundings() as folder:
        found = ProcessPoolExecutor(
            number,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(folder,),
        )
        try:
            yield found
        except BaseException:
            # They may have begun others, which they have to end: asked first, and killed then.
            own = set(multiprocessing.active_children()) - before
            for each in own:
                each.terminate()
            threading.Thread(target=_kill_later, args=(own,), daemon=True).start()
            raise
        finally:
            found.shutdown(cancel_futures=True)


def _kill_later(them: Iterable[multiprocessing.process.BaseProcess]) -> None:
    time.sleep(_PATIENCE)
    for each in them:
        each.kill()


@contextmanager
def together(
    work: Callable[[int], T], number: int, preload: Sequence[str]
) -> Iterator[Iterator[tuple[int, T]]]:
    """Processes that need each other, each with its own number; they end with the block at once.

    Args:
        work: what each does, from its number; a function that a process can be sent.
        number: how many.
        preload: modules that one process loads, of which all others are forks, since there are
            many for a short time. Where there is no forking each loads its own.

    Yields:
        Numbers and what their work gave, as they come to their end. One that failed raises what it
        raised; a StriateError, if it was killed.
    """
    method = "spawn"
    if "forkserver" in multiprocessing.get_all_start_methods():
        method = "forkserver"
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(preload))
    begun: list[multiprocessing.Process] = []
    left: dict[Any, int] = {}
    with _surroundings() as folder:
        try:
            # Without a pool's locks, which would be left behind where this process is killed.
            for own in range(number):
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_tell, args=(theirs, folder, work, own))
                process.start()
                theirs.close()
                begun.append(process)
                left[ours] = own
            yield _told(left)
        finally:
            for each in begun:
                each.kill()
            for each in begun:
                each.join()


def _told(left: dict[Any, int]) -> Iterator[tuple[int, Any]]:
    """Numbers and results, from the pipes that are `left`."""
    while left:
        failed: Exception | None = None
        ready: list[Any] = wait(list(left))
        for pipe in ready:
            try:
                result, error = pipe.recv()
            except EOFError:
                # One that was killed fails others, and one that tells why is heard first.
                failed = StriateError("a process that trains", *KILLED)
                continue
            if isinstance(error, StriateError):
                raise error
            failed = failed or error
            if error is None:
                yield left.pop(pipe), result
        if failed is not None:
            raise failed


def _tell(pipe: Any, folder: str, work: Callable[[int], Any], own: int) -> None:
    """In a new process: do the work, and tell what came of it."""
    _begin(folder)
    told: tuple[Any, Exception | None]
    try:
        told = work(own), None
    except (Interrupted, SystemExit):  # asked to end; a training hears that by itself
        os._exit(1)
    except StriateError as error:
        told = None, error
    except Exception as error:
        # As text: not every library's errors can be sent.
        told = None, RuntimeError("".join(traceback.format_exception(error)))
    pipe.send(told)


@contextmanager
def _surroundings() -> Iterator[str]:
    """What processes find where they begin: one thread, and a folder for temporary files."""
    # A library that looks at the number of threads when it is loaded finds it there.
    threads = settings.environment({"OMP_NUM_THREADS": "1"})
    with threads, tempfile.TemporaryDirectory(prefix="striate-lab-") as folder:
        yield folder


def _begin(folder: str) -> None:
    """In a new process: leave Ctrl-C to the one that began it, and end when asked to.

    And when the one that began it has ended.

    Args:
        folder: of its temporary files, which it may have no time to remove.
    """
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _end(*_: object) -> None:
    """Go, and what this process has begun with it."""
    raise SystemExit(1)
