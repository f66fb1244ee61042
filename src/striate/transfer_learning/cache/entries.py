"""What a person may see of the features that are cached on disk, and remove.

Nothing is taken for ours by its place alone: `cache` may be any folder, and `features` in it the
folder of another program.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import StriateError
from striate.support.cache_files import HASH, MARK
from striate.support.files import sweep
from striate.support.paths import read_file, reason
from striate.support.text import printable
from striate.transfer_learning.cache.store import (
    ABOUT,
    DIGEST,
    MAGIC,
    being_written,
    blocks_of,
    segments_of,
)

_WORDS = {"backbone", "engine", "view"}
_LARGEST_ABOUT = 1 << 20


@dataclass(frozen=True, kw_only=True)
class EntryInfo:
    """One entry, as `striate cache` shows it."""

    path: Path
    backbone: str
    engine: str
    view: str
    images: int
    features: int
    """Of each image."""
    bytes: int
    """Of all its files that are ours."""
    used: float
    """Seconds since 1970, UTC, of the last use."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; the time in ISO 8601."""
        used = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.used))
        return {**self.__dict__, "path": str(self.path), "used": used}


def entries(folder: Path) -> list[EntryInfo]:
    """What the cache in `folder` holds, last used first."""
    found = (_entry(each) for each in _folders(folder / "features"))
    return sorted(found, key=lambda one: (-one.used, one.path))


def _folders(folder: Path) -> Iterator[Path]:
    """The folders in `folder` that are ours without a doubt: nothing else is shown or removed.

    They are called by a hash, and hold a description of ours or a segment that begins as ours do.
    """
    try:
        named = [each for each in folder.iterdir() if HASH.fullmatch(each.name)]
    except OSError:
        return
    for each in named:
        with suppress(OSError):
            if each.is_symlink() or not each.is_dir():
                continue
            if _about(each) or any(map(_is_segment, segments_of(each))):
                yield each


def _about(folder: Path) -> dict[str, Any]:
    """The description that an entry holds; empty where that is not what we write."""
    try:
        about = json.loads(read_file(folder / ABOUT, most=_LARGEST_ABOUT))
    except (OSError, ValueError, RecursionError, StriateError):
        return {}
    # The mark came later than the first entries.
    ours = isinstance(about, dict) and (MARK in about or set(about) == _WORDS)
    return about if ours else {}


def _is_segment(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as handle:
        return handle.read(len(MAGIC)) == MAGIC
    return False


def _entry(folder: Path) -> EntryInfo:
    about, used = _about(folder), 0.0
    with suppress(OSError):
        used = (folder / ABOUT).stat().st_mtime
    digests: set[bytes] = set()
    widest = size = 0
    segments = segments_of(folder)
    with suppress(OSError):
        size = sum(file.stat().st_size for file in (folder / ABOUT, *segments) if file.exists())
    for file in segments:
        for rows, width, content, _ in blocks_of(file):
            if content is not None:
                widest = width
                digests.update(
                    content[row : row + DIGEST].tobytes() for row in range(0, rows * DIGEST, DIGEST)
                )
    return EntryInfo(
        path=folder.absolute(),
        backbone=printable(str(about.get("backbone", "?"))),
        engine=printable(str(about.get("engine", "?"))),
        view=printable(str(about.get("view", "?"))),
        images=len(digests),
        features=widest,
        bytes=size,
        used=used,
    )


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What became of entries that had not been used for long."""

    removed: tuple[EntryInfo, ...]
    busy: tuple[EntryInfo, ...]
    """Left, because a process is writing to them."""


def prune(folder: Path, *, days: float = 0) -> Pruned:
    """Remove what has not been used for so many `days` (0: everything), unless it is being written.

    A process that is reading it meanwhile keeps what it has opened. A file that is not ours stays,
    and so does the folder that it is in.

    Raises:
        StriateError: something cannot be removed.
    """
    before = time.time() - days * 86_400
    removed, busy = list[EntryInfo](), list[EntryInfo]()
    for one in entries(folder):
        if one.used > before:
            continue
        if any(map(being_written, segments_of(one.path))):
            busy.append(one)
            continue
        try:
            _remove(one.path)
        except FileNotFoundError:  # somebody else was faster
            continue
        except OSError as error:
            raise StriateError(
                printable(str(one.path)),
                f"cannot be removed ({reason(error)})",
                "remove it by hand",
            ) from error
        (busy if segments_of(one.path) else removed).append(one)
    return Pruned(removed=tuple(removed), busy=tuple(busy))


def _remove(folder: Path) -> None:
    """Remove our own files from an entry, and the entry unless something else is in it."""
    for file in segments_of(folder):
        file.unlink(missing_ok=True)
    sweep(folder / ABOUT)
    (folder / ABOUT).unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError as error:
        # Somebody has just begun to write, or it holds what is not ours.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
