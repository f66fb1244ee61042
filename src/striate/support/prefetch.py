"""Work done ahead on threads, in order and within bounds: the one pipeline of the package."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    ahead: int,
    name: str = "striate-prefetch",
) -> Generator[Result, None, None]:
    """``map(function, items)``, computed on threads before it is asked for.

    An error, of `function` or of `items`, is raised where its result would have come, after all
    results before it. Closing the generator, or leaving the loop that holds it, drops what has not
    been begun and waits for what has: no thread outlives it.

    >>> list(prefetch(str.upper, ["a", "b", "c"], workers=2, ahead=1))
    ['A', 'B', 'C']

    Args:
        function: called once for each item, on any of the threads.
        items: iterated over on the caller's thread, and never further than `ahead` items beyond
            the one whose result is asked for; may have no end.
        workers: threads; with 0 the caller computes each result as it asks for it.
        ahead: results that may be computed or wait beside the one that is asked for. Their memory
            is what this bounds.
        name: how the threads' names begin.

    Yields:
        The results, in the order of `items`.
    """
    if not workers:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    waiting: deque[Future[Result]] = deque()
    source, ended = iter(items), False
    try:
        while not ended or waiting:
            while not ended and len(waiting) <= ahead:
                try:
                    waiting.append(pool.submit(function, next(source)))
                except StopIteration:
                    ended = True
                except Exception as error:
                    waiting.append(_failed(error))
                    ended = True
            if waiting:
                yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _failed(error: Exception) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_exception(error)
    return future
