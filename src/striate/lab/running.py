"""An experiment run: every setting with every seed, on any number of processes.

What is measured is a function of (setting, seed, conditions) and every process computes with one
thread, so that results do not depend on how many there are, nor on where a run was cut.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from striate.errors import Interrupted, StriateError
from striate.lab.book import experiment_of
from striate.lab.experiment import Conditions, Experiment, Measured
from striate.lab.processes import KILLED, pool
from striate.support import settings

_LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True, kw_only=True)
class Done:
    """A setting that was measured with a seed, in so many seconds."""

    seed: int
    setting: str
    measured: Measured
    seconds: float


def measure_all(
    experiment: Experiment,
    conditions: Conditions,
    tasks: Sequence[tuple[int, str]],
    *,
    workers: int,
    waiting: Callable[[], None],
) -> Iterator[Done]:
    """Measure `tasks`, pairs of seed and setting, as they come to their end.

    Args:
        experiment: whose settings they are; with several workers, one of the book's.
        conditions: alike for all.
        tasks: in the order in which they are begun.
        workers: processes; with one, it is this one.
        waiting: called now and then.
    """
    if workers == 1 or len(tasks) < 2:
        for seed, setting in tasks:
            with _called_meanwhile(waiting):
                done = _measure(experiment, conditions, seed, setting)
            yield done
        return
    with pool(min(workers, len(tasks))) as begun:
        left: set[Future[Done]] = {
            begun.submit(_measure_by_name, experiment.name, conditions, *task) for task in tasks
        }
        while left:
            ended, left = wait(left, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED)
            waiting()
            for each in ended:
                yield _result(each)


def _result(ended: Future[Done]) -> Done:
    try:
        return ended.result()
    except BrokenProcessPool as error:
        why, remedy = KILLED
        remedy = f"{remedy}; with fewer workers if it happens again"
        raise StriateError("a process that measures", why, remedy) from error


def _measure(experiment: Experiment, conditions: Conditions, seed: int, setting: str) -> Done:
    began = time.monotonic()
    # What draws without being given a generator draws the same all the same.
    with threadpool_limits(1), settings.training(1, seed):
        measured = experiment.measure(setting, seed, conditions)
    return Done(seed=seed, setting=setting, measured=measured, seconds=time.monotonic() - began)


def _measure_by_name(name: str, conditions: Conditions, seed: int, setting: str) -> Done:
    try:
        return _measure(experiment_of(name), conditions, seed, setting)
    except (Interrupted, SystemExit):  # asked to end; a training hears that by itself
        os._exit(1)  # and begins nothing else


@contextmanager
def _called_meanwhile(call: Callable[[], None]) -> Iterator[None]:
    """Have `call` called now and then while the block computes."""
    ended = threading.Event()

    def keep_calling() -> None:
        while not ended.wait(_LOOK_EVERY):
            call()

    thread = threading.Thread(target=keep_calling, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
