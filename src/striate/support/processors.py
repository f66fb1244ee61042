"""How many processors there are to compute with, and what they can do with bytes."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

VNNI = frozenset({"avx512_vnni", "avx_vnni"})
"""What Linux calls it."""


def processor_threads(world: int) -> int:
    """Threads of one operator: all processors that this process may use, shared by `world`.

    ``OMP_NUM_THREADS`` decides where it is a number, or a list whose first entry is one.
    """
    # Not PyTorch's current count: an earlier run in the same process may have changed that.
    given = re.fullmatch(r"\s*0*([1-9]\d{0,3})\s*(,.*)?", os.environ.get("OMP_NUM_THREADS", ""))
    if given:
        return int(given[1])
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max((usable or 1) // world, 1)


@cache
def is_known_to_have_vnni() -> bool:
    """Whether the system says that this processor adds products of bytes in 32 bits.

    Linux does; elsewhere nothing is known that could be asked without a package for it.
    """
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(VNNI & set(told.split()))
