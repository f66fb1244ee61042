"""What a person may see of what was made of images and is kept on disk, and remove."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data.working_copies.store import ABOUT, COPIES, MAGIC, SUFFIX
from striate.errors import StriateError
from striate.support.cache_files import HASH, MARK
from striate.support.paths import read_file, reason
from striate.support.text import printable

if sys.platform != "win32":
    import fcntl

_PART = ".part"
_LARGEST_ABOUT = 1 << 20


@dataclass(frozen=True, kw_only=True)
class CopiesInfo:
    """One entry, as `striate cache` shows it."""

    path: Path
    made: str
    """What was made of the images."""
    images: int
    bytes: int
    """Of all its files."""
    used: float
    """Seconds since 1970, UTC, of the last use."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; the time in ISO 8601."""
        used = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.used))
        return {**self.__dict__, "path": str(self.path), "used": used}


def copies_in(cache: Path) -> list[CopiesInfo]:
    """What the cache holds, last used first."""
    found = (_entry(folder, about) for folder, about in entry_folders(cache / COPIES))
    return sorted(found, key=lambda one: (-one.used, one.path))


def entry_folders(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders in `folder` that are ours without a doubt, with what they say of themselves."""
    try:
        named = [each for each in folder.iterdir() if HASH.fullmatch(each.name)]
    except OSError:
        return
    for each in named:
        with suppress(OSError, ValueError, RecursionError, StriateError):
            if each.is_symlink() or not each.is_dir():
                continue
            about = json.loads(read_file(each / ABOUT, most=_LARGEST_ABOUT))
            if isinstance(about, dict) and MARK in about:
                yield each, about


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The files of an entry: one an image, and what killed processes left of such."""
    shards = [each for each in _listed(folder) if len(each.name) == 2 and not each.is_symlink()]
    for shard in shards:
        for file in _listed(Path(shard.path)):
            if file.name.endswith((SUFFIX, _PART)) and file.is_file(follow_symlinks=False):
                yield file


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _entry(folder: Path, about: dict[str, Any]) -> CopiesInfo:
    used, images, size = 0.0, 0, 0
    with suppress(OSError):
        known = (folder / ABOUT).stat()
        used, size = known.st_mtime, known.st_size
    for file in _files(folder):
        with suppress(OSError):
            size += file.stat().st_size
            images += file.name.endswith(SUFFIX)
    return CopiesInfo(
        path=folder.absolute(),
        made=printable(str(about.get("made", "?"))),
        images=images,
        bytes=size,
        used=used,
    )


def prune_copies(
    cache: Path, *, days: float = 0
) -> tuple[tuple[CopiesInfo, ...], tuple[CopiesInfo, ...]]:
    """Remove what has not been used for so many `days` (0: everything), unless it is in use.

    A file that is not ours stays, and so does the folder that it is in.

    Returns:
        What was removed, and what was left because a process is using it.

    Raises:
        StriateError: something cannot be removed.
    """
    before = time.time() - days * 86_400
    removed, busy = list[CopiesInfo](), list[CopiesInfo]()
    for one in copies_in(cache):
        if one.used > before:
            continue
        try:
            with alone(one.path) as free:
                if free:
                    _remove(one.path)
                (removed if free else busy).append(one)
        except FileNotFoundError:  # somebody else was faster
            continue
        except OSError as error:
            raise StriateError(
                printable(str(one.path)),
                f"cannot be removed ({reason(error)})",
                "remove it by hand",
            ) from error
    return tuple(removed), tuple(busy)


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether no other process uses the entry in `folder`, as long as the block runs."""
    with (folder / ABOUT).open("rb") as handle:
        try:
            if sys.platform != "win32":
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                yield False
                return
        yield True


def _remove(folder: Path) -> None:
    for file in _files(folder):
        if _is_ours(file):
            Path(file.path).unlink(missing_ok=True)
    for shard in _listed(folder):
        with suppress(OSError):  # something else is in it, or it is no folder
            Path(shard.path).rmdir()
    (folder / ABOUT).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _is_ours(file: os.DirEntry[str]) -> bool:
    """Whether a file begins as ours do, or was never written to its end."""
    with suppress(OSError), Path(file.path).open("rb") as handle:
        return handle.read(len(MAGIC)) == MAGIC or file.name.endswith(_PART)
    return False
