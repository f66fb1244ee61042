"""Unpacked archives in the cache, as a person may see and remove them."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from striate.data.archives.entry import UNPACKED, size_of
from striate.data.working_copies.entries import CopiesInfo, alone, entry_folders
from striate.data.working_copies.store import ABOUT
from striate.errors import StriateError
from striate.support.cache_files import CachedFile, cached_files
from striate.support.paths import reason, shown
from striate.support.text import printable


def unpacked_in(cache: Path) -> list[CopiesInfo]:
    """What the cache holds of archives, last used first."""
    found = []
    for folder, about in entry_folders(cache / UNPACKED):
        used, (files, size) = 0.0, size_of(folder)
        with suppress(OSError):
            used = (folder / ABOUT).stat().st_mtime
        name = printable(Path(str(about.get("archive", "?"))).name)
        made = f"{name}, unpacked"
        found.append(
            CopiesInfo(path=folder.absolute(), made=made, images=files, bytes=size, used=used)
        )
    return sorted(found, key=lambda one: (-one.used, one.path))


def archive_files(cache: Path) -> list[CachedFile]:
    """The files that tell what archives hold, so that they need not be read to be known."""
    return cached_files(cache, UNPACKED)


def prune_unpacked(
    cache: Path, *, days: float = 0
) -> tuple[tuple[CopiesInfo, ...], tuple[CopiesInfo, ...]]:
    """Remove what was not used for so many `days` (0: everything), unless it is in use.

    Returns:
        What was removed, and what was left because a process is using it.

    Raises:
        StriateError: something cannot be removed.
    """
    before = time.time() - days * 86_400
    removed, busy = list[CopiesInfo](), list[CopiesInfo]()
    for one in unpacked_in(cache):
        if one.used > before:
            continue
        try:
            with alone(one.path) as free:
                if free:
                    shutil.rmtree(one.path)
                (removed if free else busy).append(one)
        except FileNotFoundError:  # somebody else was faster
            continue
        except OSError as error:
            why = f"cannot be removed ({reason(error)})"
            raise StriateError(shown(one.path), why, "remove it by hand") from error
    return tuple(removed), tuple(busy)
