"""What is unpacked into the cache: folders of images, called by the content of what they are from.

So a renamed or copied archive is found again. An entry is filled beside its place and moved there
whole; while somebody uses it, it is locked, and is not pruned.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from striate.data.working_copies.entries import alone
from striate.data.working_copies.store import ABOUT, RESERVE
from striate.errors import DataError
from striate.support import paths
from striate.support.cache_files import HASH, MARK, hashed, read_cached, write_cached
from striate.support.text import printable

if sys.platform != "win32":
    import fcntl

UNPACKED = "unpacked"
"""The folder of these entries in the cache, and the kind of what is known of their sources."""
PART = ".part"

_INSIDE = "files"
_RULES = 1  # raised when something is unpacked otherwise
_MOST_FILES = 20_000_000
_PACKED, _FREELY = 200, 2 << 30  # no images pack to a part of that, and so many bytes do no harm
_TRIES = 3
_LEFT_AFTER = 60.0  # seconds: between its making and its lock, an entry is nobody's
_GRANULE = 2_000_000_000  # ns; see `striate.data.known`


class Claim:
    """An entry that is in use as long as somebody holds this; pruning passes it over."""

    def __init__(self, entry: Path) -> None:
        handle = os.open(entry / ABOUT, os.O_RDONLY)
        self._end = weakref.finalize(self, os.close, handle)
        with suppress(OSError):  # some network file systems know no locks, some no times
            if sys.platform != "win32":
                fcntl.flock(handle, fcntl.LOCK_SH)  # who prunes it holds it, and is soon done
            os.utime(entry / ABOUT)


class Unpacked(NamedTuple):
    """A folder of images in the cache, and what keeps it there."""

    root: Path
    claim: Claim


class Budget:
    """How much may be unpacked: what the disk has room for, and what images may come to."""

    def __init__(self, origin: str, size: int, folder: Path) -> None:
        self.origin, self.size = origin, max(size, 1)
        self.room = shutil.disk_usage(folder).free - RESERVE
        self.bytes = self.files = 0

    def take(self, size: int, *, files: int = 0) -> None:
        """Count so many bytes; raise DataError where that is too much."""
        self.bytes += size
        self.files += files
        what = printable(self.origin)
        if self.files > _MOST_FILES:
            raise DataError(what, f"holds more than {_MOST_FILES:,} files", "give fewer")
        if self.bytes > max(_FREELY, _PACKED * self.size):
            why = f"of {self.size:,} bytes unpacks to more than {self.bytes:,}: no images do"
            raise DataError(what, why, "do not trust it; give a folder")
        if self.bytes > self.room:
            why = f"has no room to be unpacked in the cache ({self.room / 1e9:,.1f} GB are free)"
            raise DataError(what, why, "free some space, or set STRIATE_CACHE to another disk")


Fill = Callable[[Path, Budget], None]
"""Writes what is to be unpacked into a new folder, and counts it."""


def unpack_once(
    origin: str, sources: Sequence[Path], fill: Fill, cache: Path, *, meaning: str = ""
) -> Unpacked:
    """The folder that `fill` makes of the `sources`, unless it is there already.

    Args:
        origin: what a person named.
        sources: the files that it is from, resolved; their content decides what is made.
        fill: makes it.
        cache: the cache's folder.
        meaning: what else decides what is made of them.

    Raises:
        DataError: what `fill` raises; it does not fit into the cache; or a source was changed
            meanwhile.
    """
    for path in sources:
        try:
            paths.read_start(path, 1, kind=DataError)  # what cannot be read says why
        except FileNotFoundError:
            raise DataError(paths.shown(path), "there is no such file", "fetch it again") from None
    folder = cache / UNPACKED
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        stats = [_stats_of(path) for path in sources]
        key = "".join([*(_content_of(path, cache) for path in sources), meaning])
        entry = folder / (key if HASH.fullmatch(key) else hashed(key.encode()))
        size = sum(path.stat().st_size for path in sources)

        def filled(place: Path, budget: Budget) -> None:
            fill(place, budget)
            if [_stats_of(path) for path in sources] != stats:
                why = "was changed while it was unpacked"
                raise DataError(printable(origin), why, "wait until it is whole, and try again")

        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # it is not there, or is being pruned
                claim = Claim(entry)
                if _is_whole(entry):
                    return Unpacked(entry / _INSIDE, claim)
                del claim
            _unpack(origin, size, entry, filled)
        raise FileNotFoundError(errno.ENOENT, "somebody removes it again and again")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else f"cannot be written ({paths.reason(error)})"
        remedy = "images are unpacked there: set STRIATE_CACHE to another folder"
        raise DataError(paths.shown(folder), why, remedy) from error


def _content_of(path: Path, cache: Path) -> str:
    """A hash of the content of a file; of one that is as it was, the one that it had."""
    stats = _stats_of(path)
    name, begun = hashed(os.fsencode(path)), time.time_ns()
    found = read_cached(cache, UNPACKED, name)
    if found.get("stats") == stats and isinstance(found.get("content"), str):
        return str(found["content"])
    total = blake2b(f"{_RULES}:".encode(), digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            total.update(chunk)
    content = total.hexdigest()
    if max(stats[1:3]) < begun - _GRANULE:
        write_cached(cache, UNPACKED, name, {"stats": stats, "content": content})
    return content


def _stats_of(path: Path) -> list[int]:
    known = path.stat()
    return [known.st_size, known.st_mtime_ns, known.st_ctime_ns, known.st_ino]


def _is_whole(entry: Path) -> bool:
    """Whether an entry is there, with as many files and bytes as were unpacked."""
    try:
        about = json.loads(paths.read_file(entry / ABOUT, kind=DataError))
        wanted = (about["files"], about["bytes"])
    except (FileNotFoundError, DataError, ValueError, LookupError, TypeError):
        return False
    return size_of(entry) == wanted


def size_of(entry: Path) -> tuple[int, int]:
    """How many files an entry holds, and their bytes."""
    files = size = 0
    for place, _, names in os.walk(entry / _INSIDE):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - for speed
                files += 1
    return files, size


def _unpack(origin: str, size: int, entry: Path, fill: Fill) -> None:
    """Fill the place of an `entry`, whole or not at all."""
    beside = entry.with_name(f"{entry.name}.{secrets.token_hex(8)}{PART}")
    beside.mkdir()
    try:
        with (beside / ABOUT).open("x+") as about:
            if sys.platform != "win32":
                with suppress(OSError):
                    fcntl.flock(about, fcntl.LOCK_SH | fcntl.LOCK_NB)
            budget = Budget(origin, size, beside)
            (beside / _INSIDE).mkdir()
            fill(beside / _INSIDE, budget)
            made = {"files": budget.files, "bytes": budget.bytes}
            json.dump({MARK: UNPACKED, "archive": origin, **made}, about)
        if entry.exists() and not _is_whole(entry):  # something of it was missing
            shutil.rmtree(entry, ignore_errors=True)
        with suppress(OSError):  # another process was faster, and uses its entry, which is the same
            beside.rename(entry)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed have left half unpacked."""
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError), alone(part) as free:
            if free and part.lstat().st_mtime < time.time() - _LEFT_AFTER:
                shutil.rmtree(part, ignore_errors=True)
