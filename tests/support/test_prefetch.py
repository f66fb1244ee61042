"""Work done ahead: in order, within its bound, an error at its place, no thread left behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from random import Random

import pytest

from striate.support.prefetch import prefetch

NAME = "striate-prefetch-test"


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(NAME)]


def ahead_of(workers: int, items: Iterator[int] | range, ahead: int = 3) -> Iterator[int]:
    return prefetch(lambda n: n * n, items, workers=workers, ahead=ahead, name=NAME)


@pytest.mark.parametrize("workers", [0, 1, 2, 7])
@pytest.mark.parametrize("ahead", [0, 1, 5, 1000])
def test_results_come_in_the_order_of_the_items(workers: int, ahead: int) -> None:
    pauses = [Random(number).random() / 500 for number in range(60)]

    def work(number: int) -> int:
        time.sleep(pauses[number])
        return number * number

    found = prefetch(work, range(60), workers=workers, ahead=ahead, name=NAME)
    assert list(found) == [number * number for number in range(60)]
    assert threads() == []


@pytest.mark.parametrize("workers", [0, 3])
def test_nothing_gives_nothing(workers: int) -> None:
    assert list(ahead_of(workers, range(0))) == []


@pytest.mark.parametrize(("workers", "ahead"), [(0, 0), (0, 9), (1, 0), (2, 1), (3, 4), (4, 2)])
def test_what_has_no_end_is_asked_for_no_more_than_is_ahead(workers: int, ahead: int) -> None:
    asked = 0

    def endless() -> Iterator[int]:
        nonlocal asked
        for number in itertools.count():
            asked += 1
            yield number

    found = ahead_of(workers, endless(), ahead)
    assert asked == 0  # before the first result is asked for
    for taken in range(1, 20):
        assert next(found) == (taken - 1) ** 2
        assert asked == taken + (ahead if workers else 0)
    found.close()  # type: ignore[attr-defined]
    assert threads() == []


def test_threads_work_while_the_caller_does_something_else() -> None:
    begun = threading.Event()
    all_begun = threading.Barrier(3, action=begun.set)

    def work(number: int) -> int:
        if number:  # the second to fourth run together, before any of them is asked for
            all_begun.wait(10)
        return number

    found = prefetch(work, range(4), workers=3, ahead=3, name=NAME)
    assert next(found) == 0
    assert begun.wait(10)
    assert list(found) == [1, 2, 3]


def test_without_workers_the_caller_does_the_work_when_it_asks() -> None:
    done: list[tuple[int, int]] = []
    found = prefetch(
        lambda number: done.append((number, threading.get_ident())), range(5), workers=0, ahead=3
    )
    for number in range(5):
        next(found)
        assert done[-1] == (number, threading.get_ident())
        assert len(done) == number + 1


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize("place", [0, 3, 19])
def test_an_error_of_the_work_comes_at_its_place(workers: int, place: int) -> None:
    def work(number: int) -> int:
        if number == place:
            raise LookupError(number)
        time.sleep((place - number) / 5000 if number < place else 0)
        return number

    found = prefetch(work, range(20), workers=workers, ahead=30, name=NAME)
    assert [next(found) for _ in range(place)] == list(range(place))
    with pytest.raises(LookupError, match=str(place)):
        next(found)
    assert threads() == []
    assert list(found) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_the_items_comes_at_its_place(workers: int) -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise OSError("the list ends here")

    found = ahead_of(workers, items(), ahead=10)
    assert [next(found) for _ in range(3)] == [1, 4, 9]
    with pytest.raises(OSError, match="ends here"):
        next(found)
    assert threads() == []


@pytest.mark.parametrize("how", ["close", "break", "exception", "dropped"])
def test_leaving_early_leaves_no_thread_and_begins_nothing_more(how: str) -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.03)
        return number

    found = prefetch(work, itertools.count(), workers=2, ahead=50, name=NAME)
    next(found)
    assert threads()
    if how == "close":
        found.close()
    elif how == "break":
        for _ in found:
            break
        del found
    elif how == "exception":
        with pytest.raises(ZeroDivisionError):
            _divide(found)
        del found
    else:
        del found
    assert threads() == []
    known = len(begun)
    assert known < 40  # of the 50 that were waiting, those under way were finished and no others
    time.sleep(0.07)
    assert len(begun) == known


def _divide(results: Iterator[int]) -> None:
    for _ in results:
        raise ZeroDivisionError


def test_an_interrupt_while_waiting_ends_at_once() -> None:
    """Ctrl-C is heard while the caller waits for a result, and what is queued is dropped."""
    script = """
import itertools, threading, time
from striate.support.prefetch import prefetch
def work(number):
    time.sleep(0.2)
    return number
def items():
    for number in itertools.count():
        yield number
try:
    for number in prefetch(work, items(), workers=2, ahead=100):
        print(number, flush=True)
except KeyboardInterrupt:
    print("heard with", threading.active_count(), "thread", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    said, _ = process.communicate(timeout=20)
    assert said.splitlines()[-1] == "heard with 1 thread"
    assert process.returncode == 0
    assert time.monotonic() - sent < 10  # 100 queued tasks would take these two threads as long


def test_an_interrupt_in_the_items_is_raised_at_once() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(ahead_of(2, items(), ahead=10))
    assert threads() == []


def test_no_more_results_are_held_than_wait() -> None:
    """A result that was taken is nobody's but the caller's."""
    import gc
    import weakref

    class Large:
        pass

    found = prefetch(lambda _: Large(), range(10), workers=2, ahead=2, name=NAME)
    taken = weakref.ref(next(found))
    gc.collect()
    assert taken() is None
    found.close()
