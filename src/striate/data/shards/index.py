"""Members of tar archives, found by name and read where they are.

A member is written as a path: that of its archive, and its name in it (``shard.tar/0017.jpg``). So
whatever goes through files goes through members, and nothing is unpacked.
"""

from __future__ import annotations

import errno
import io
import os
import re
import tarfile
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from striate.data.archives.members import DAMAGE, Bounded
from striate.errors import DataError
from striate.support import paths

SUFFIX = ".tar"
_INDICES: dict[str, tuple[tuple[int, int, int], Index]] = {}  # of archives that were listed
_MARK = re.compile(rf"\{SUFFIX}{re.escape(os.sep)}".encode(), re.IGNORECASE)


class Entry(NamedTuple):
    """A regular file in an archive: its name, and where its content begins and how long it is."""

    name: str
    start: int
    size: int


class Member(NamedTuple):
    """A member that is to be read: its archive, and where in it."""

    archive: str
    start: int
    size: int


class Index:
    """Where the members of an archive are, at 24 bytes a member.

    Args:
        entries: of the archive; of those with one name the last counts, as in unpacking.
    """

    def __init__(self, entries: list[Entry]) -> None:
        known = {entry.name: entry for entry in entries}
        keys = np.fromiter(map(_key, known), np.uint64, len(known))
        order = np.argsort(keys)
        self._keys: NDArray[np.uint64] = keys[order]
        places = np.array([(each.start, each.size) for each in known.values()], np.int64)
        self._places = places.reshape(-1, 2)[order]

    def find(self, name: str) -> tuple[int, int] | None:
        """Where a member begins, and its size."""
        key = _key(name)
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        if at == len(self._keys) or int(self._keys[at]) != key:
            return None
        start, size = self._places[at].tolist()
        return start, size


def _key(name: str) -> int:
    return int.from_bytes(blake2b(os.fsencode(name), digest_size=8).digest(), "little")


def entries_of(archive: Path) -> list[Entry]:
    """The regular files in an archive, in its order; where they are is held, for who reads them.

    Raises:
        DataError: it is damaged, or no plain tar archive.
    """
    found: list[Entry] = []
    try:
        with archive.open("rb") as file, _opened(file) as opened:
            while (info := opened.next()) is not None:
                opened.members.clear()  # type: ignore[attr-defined] # it would keep all of them
                if info.isreg() and not info.issparse():
                    found.append(Entry(_clean(info.name), info.offset_data, info.size))
            known = os.fstat(file.fileno())
            end = max((each.start + each.size for each in found), default=0)
            if end > known.st_size:
                raise tarfile.ReadError("it is cut off")
    except DAMAGE as error:
        why = f"is damaged, or no tar archive ({paths.reason(error)})"
        raise DataError(paths.shown(archive), why, "fetch or pack it again") from None
    _INDICES[os.fspath(archive)] = _state(known), Index(found)
    return found


def _opened(file: io.BufferedReader) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], Bounded(file)), mode="r:")


def is_plain(path: Path) -> bool:
    """Whether a file is called as a tar archive, and is one that is packed with nothing."""
    if path.suffix.lower() != SUFFIX or not paths.is_file(path, kind=DataError):
        return False
    with suppress(OSError, DataError):
        return paths.read_start(path, 262, kind=DataError)[0][257:] == b"ustar"
    return False


def _clean(name: str) -> str:
    """The name of a member as part of a path: no part of it leads anywhere else."""
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))


def index_of(archive: str) -> tuple[Index, os.stat_result]:
    """The index of an archive as it is now.

    Raises:
        DataError: see `entries_of`.
        OSError: it is not there.
    """
    now = os.stat(archive)  # noqa: PTH116 - text, for speed
    known = _INDICES.get(archive)
    if known is None or known[0] != _state(now):
        entries_of(Path(archive))
        known = _INDICES[archive]
    return known[1], now


def _state(known: os.stat_result) -> tuple[int, int, int]:
    return known.st_size, known.st_mtime_ns, known.st_ctime_ns


def may_be_member(path: str | bytes) -> bool:
    """Whether a path could be that of a member, by its text alone."""
    return _MARK.search(os.fsencode(path)) is not None


def stats_of_member(path: bytes) -> tuple[int, int, int, int] | None:
    """What a file system would say of a member: size, times of its archive, and its inode.

    None for what is no member of an archive.
    """
    try:
        found = _found(os.fsdecode(path))
    except (DataError, OSError):
        return None
    if found is None:
        return None
    member, known = found
    return member.size, known.st_mtime_ns, known.st_ctime_ns, known.st_ino & 0x7FFF_FFFF_FFFF_FFFF


def read_member(path: Path, most: int) -> bytes | None:
    """The content of a member; None for a path of no archive.

    Raises:
        FileNotFoundError: its archive has no such member.
        DataError: its archive cannot be read, or it is larger than `most` bytes.
    """
    try:
        found = _found(os.fspath(path))
        if found is None:
            return None
        archive, start, size = found[0]
        if size > most:
            why = f"is too large ({size:,} bytes; at most {most:,} are read)"
            raise DataError(paths.shown(path), why)
        with open(archive, "rb") as file:  # noqa: PTH123 - text, for speed
            file.seek(start)
            content = file.read(size)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(paths.shown(path), f"cannot be read ({paths.reason(error)})") from error
    if len(content) < size:
        raise DataError(paths.shown(path), "is cut off")
    return content


def _found(path: str) -> tuple[Member, os.stat_result] | None:
    """Where a member is, and what the file system says of its archive."""
    encoded = os.fsencode(path)
    for mark in _MARK.finditer(encoded):
        archive, name = os.fsdecode(encoded[: mark.end() - 1]), os.fsdecode(encoded[mark.end() :])
        if os.path.isfile(archive):  # noqa: PTH113 - text, for speed
            index, known = index_of(archive)
            place = index.find(name.replace(os.sep, "/"))
            if place is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return Member(archive, *place), known
    return None
