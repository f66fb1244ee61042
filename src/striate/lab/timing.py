"""The time that something takes, on a machine that others use as well."""

from __future__ import annotations

import time
from collections.abc import Callable


def least_seconds(work: Callable[[], object], *, times: int) -> float:
    """The least processor time of `work`, after a first time that is not counted.

    Processor time, so that others on the machine hardly count; the least of several times is the
    least disturbed.

    Args:
        work: what is timed, in this process.
        times: how often.

    Returns:
        Seconds, of all threads together.
    """
    work()
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)
