"""An archive of a folder, unpacked once into the cache.

There it is read as the folder itself, by the same code at the same speed. An entry of the cache is
called by the content of its archive, so that a renamed or copied one is found again. It is unpacked
beside its place and moved there whole; while somebody uses it, it is locked, and is not pruned.
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
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from striate.data.archives.members import Member, members_of
from striate.data.finding.folders import is_image, names_in
from striate.data.finding.split_names import read_split_name
from striate.data.tables.find import tables_beside
from striate.data.working_copies.entries import alone
from striate.data.working_copies.store import ABOUT, RESERVE
from striate.errors import DataError
from striate.support import paths
from striate.support.cache_files import MARK, hashed, read_cached, write_cached
from striate.support.progress import Progress, counting
from striate.support.text import printable

if sys.platform != "win32":
    import fcntl

UNPACKED = "unpacked"
"""The folder of these entries in the cache, and the kind of what is known of archives."""
INSIDE = "files"
PART = ".part"

_RULES = 1  # raised when an archive is unpacked otherwise
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
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.utime(entry / ABOUT)


class Unpacked(NamedTuple):
    """The folder that an archive holds, and what keeps it there."""

    root: Path
    claim: Claim


class _Budget:
    """How much may be unpacked: what the disk has room for, and what images may come to."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.size = path, max(path.stat().st_size, 1)
        self.room = shutil.disk_usage(folder).free - RESERVE
        self.bytes = self.files = 0

    def take(self, size: int, *, files: int = 0) -> None:
        """Count so many bytes; raise DataError where that is too much."""
        self.bytes += size
        self.files += files
        what = paths.shown(self.path)
        if self.files > _MOST_FILES:
            raise DataError(what, f"holds more than {_MOST_FILES:,} files", "give fewer")
        if self.bytes > max(_FREELY, _PACKED * self.size):
            why = f"of {self.size:,} bytes unpacks to more than {self.bytes:,}: no images do"
            raise DataError(what, why, "do not trust it; give a folder")
        if self.bytes > self.room:
            why = f"has no room to be unpacked in the cache ({self.room / 1e9:,.1f} GB are free)"
            raise DataError(what, why, "free some space, or set STRIATE_CACHE to another disk")


def unpacked(path: Path, cache: Path, *, show: bool = False) -> Unpacked:
    """The folder that the archive `path` holds, unpacked unless it is already.

    Args:
        path: the archive, resolved.
        cache: the cache's folder.
        show: tell how far it is, where there is a terminal.

    Raises:
        DataError: see `members_of`; or it does not fit into the cache.
    """
    paths.read_start(path, 1, kind=DataError)  # what cannot be read says why
    folder = cache / UNPACKED
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        entry = folder / _content_of(path, cache)
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # it is not there, or is being pruned
                claim = Claim(entry)
                if _is_whole(entry):
                    return Unpacked(_folder_meant(entry / INSIDE), claim)
                del claim
            _unpack(path, entry, show=show)
        raise FileNotFoundError(errno.ENOENT, "somebody removes it again and again")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else f"cannot be written ({paths.reason(error)})"
        remedy = "an archive is unpacked there: set STRIATE_CACHE to another folder"
        raise DataError(paths.shown(folder), why, remedy) from error


def _content_of(path: Path, cache: Path) -> str:
    """A hash of the content of a file; of one that is as it was, the one that it had."""
    known = path.stat()
    stats = [known.st_size, known.st_mtime_ns, known.st_ctime_ns, known.st_ino]
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
    for place, _, names in os.walk(entry / INSIDE):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - for speed
                files += 1
    return files, size


def _unpack(path: Path, entry: Path, *, show: bool) -> None:
    """Unpack an archive to the place of its `entry`, whole or not at all."""
    beside = entry.with_name(f"{entry.name}.{secrets.token_hex(8)}{PART}")
    beside.mkdir()
    try:
        with (beside / ABOUT).open("x+") as about:
            if sys.platform != "win32":
                with suppress(OSError):
                    fcntl.flock(about, fcntl.LOCK_SH | fcntl.LOCK_NB)
            budget = _Budget(path, beside)
            with counting(f"unpacking {printable(path.name)}", wanted=show) as progress:
                _write_all(path, beside / INSIDE, budget, progress)
            made = {"files": budget.files, "bytes": budget.bytes}
            json.dump({MARK: UNPACKED, "archive": str(path), **made}, about)
        if entry.exists():  # it was there, and something of it was missing
            shutil.rmtree(entry, ignore_errors=True)
        with suppress(OSError):  # another process was faster: its entry is the same
            beside.rename(entry)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_all(path: Path, folder: Path, budget: _Budget, progress: Progress | None) -> None:
    folder.mkdir()
    made: set[str] = set()
    sizes: dict[str, int] = {}  # of those of one name, the last counts
    with members_of(path) as (members, count), closing(members):
        for number, member in enumerate(members, 1):
            parent = member.name if member.is_folder else member.name.rpartition("/")[0]
            try:
                if parent not in made:
                    (folder / parent).mkdir(parents=True, exist_ok=True)
                    made.add(parent)
                if member.is_folder:
                    continue
                before = sizes.pop(member.name, None)
                if before is not None:
                    budget.take(-before, files=-1)
                sizes[member.name] = _write(member, folder, budget)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                why = f"holds '{printable(member.name)}' as a file and as a folder"
                raise DataError(paths.shown(path), why, "pack it again") from None
            except OSError as error:
                if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                    raise
                why = f"holds a name that no file can have, '{printable(member.name[:60])}'"
                raise DataError(paths.shown(path), why, "pack it again") from None
            if progress is not None:
                progress(number, count)


def _write(member: Member, folder: Path, budget: _Budget) -> int:
    """Write the file of a member; gives its bytes."""
    size = 0
    budget.take(0, files=1)
    with (folder / member.name).open("wb") as file:
        for chunk in member.chunks():
            budget.take(len(chunk))
            size += len(chunk)
            file.write(chunk)
    return size


def _folder_meant(folder: Path) -> Path:
    """The folder of images in what was unpacked: archives often hold it, not what is in it."""
    while True:
        folders, files = names_in(folder)
        if len(folders) != 1 or tables_beside(folder):
            return folder
        if read_split_name(folders[0]) is not None or any(is_image(folder / one) for one in files):
            return folder
        inner = folder / folders[0]
        if not names_in(inner)[0] and not tables_beside(inner):
            return folder  # a class, or what else ends here
        folder = inner


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed have left half unpacked."""
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError), alone(part) as free:
            if free and part.lstat().st_mtime < time.time() - _LEFT_AFTER:
                shutil.rmtree(part, ignore_errors=True)
