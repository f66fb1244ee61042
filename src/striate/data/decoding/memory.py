"""How much memory images may take while they are decoded, over all threads together."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from striate.data.decoding.flaws import Flaw
from striate.errors import DataError

VARIABLE = "STRIATE_IMAGE_MEMORY"
"""The environment variable that sets the limit: bytes, or a number with M or G behind it."""

DEFAULT = 2 << 30
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NEGLIGIBLE = 64  # what takes less than this part of the limit is not counted


def limit() -> int:
    """The bytes that images may take together while they are decoded.

    Raises:
        DataError: the environment variable holds something else than a size.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        return DEFAULT
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", given, re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size < 1 << 20:
        why = f"{VARIABLE} is '{given}', no size of at least 1M"
        raise DataError("environment", why, "write it like 4G or 800M")
    return size


def shown(size: int) -> str:
    """A number of bytes in the unit that suits it.

    Examples:
        >>> shown(2_684_354_560), shown(83_886_080)
        ('2.5 GiB', '80 MiB')
    """
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"


class _Budget:
    """What is taken at the moment, and who waits for room."""

    def __init__(self) -> None:
        self._room = threading.Condition()
        self._taken = 0
        self._own = threading.local()

    @contextmanager
    def taking(self, size: int, most: int) -> Iterator[None]:
        """Wait until `size` more bytes fit into `most`; they count while the block runs.

        Whoever has taken something already never waits for more, so that nobody waits for himself
        or for another who waits; what is alone always fits.
        """
        before: int = getattr(self._own, "taken", 0)
        with self._room:
            while not before and self._taken and self._taken + size > most:
                self._room.wait()
            self._taken += size
        self._own.taken = before + size
        try:
            yield
        finally:
            self._own.taken = before
            with self._room:
                self._taken -= size
                self._room.notify_all()


_budget = _Budget()


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Wait until `size` bytes can be taken beside what other threads hold; give them back after.

    Small sizes are not counted: hundreds of photographs a second need no queue.
    """
    most = limit()
    if size * _NEGLIGIBLE < most:
        yield
        return
    with _budget.taking(size, most):
        try:
            yield
        finally:
            _give_back()


def _give_back() -> None:
    """Have the C library return what was freed: it would keep Pillow's blocks for each thread."""
    if _trim is not None:
        _trim(0)


def _trimmer() -> Callable[[int], int] | None:
    """`malloc_trim` of glibc; None elsewhere, where there is neither the function nor the need."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
        return found
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return None


_trim = _trimmer()


def cost_of(size: tuple[int, int], each: int, held: int = 0) -> int:
    """The bytes of memory that decoding and resizing an image take.

    Args:
        size: its width and height.
        each: bytes that a pixel takes.
        held: bytes of its file.

    Raises:
        Flaw: they are more than images may take.
    """
    width, height = size
    cost, most = width * height * each + held, limit()
    if cost > most:
        raise Flaw(
            "too large",
            f"has {width:,} x {height:,} pixels and would take {shown(cost)} of memory, "
            f"where images may take {shown(most)}",
            f"make it smaller, or set {VARIABLE} to {-(-cost >> 30)}G",
        )
    return cost
