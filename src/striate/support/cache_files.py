"""Small JSON files in a cache, each with a mark and a checksum: whole and ours, or ignored.

Each is a JSON object: ``striate`` says of which kind it is, ``sha256`` is that of its ``content``.
A file that is missing, damaged or of another kind costs the work once more; on a full disk, or
without a cache, nothing is written.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import StriateError
from striate.support.files import sha256, sweep, write_atomically
from striate.support.paths import read_file, reason
from striate.support.text import printable

MARK = "striate"
"""The key by which what we write is known for ours."""

#: Names of these files and of folders beside them: 32 digits of a hash.
HASH = re.compile(r"[0-9a-f]{32}")
_LARGEST_FILE = 1 << 30


def hashed(key: bytes) -> str:
    """The name of the file for `key`.

    >>> hashed(b"")
    'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return sha256(key)[:32]


def read_cached(folder: Path | None, kind: str, name: str) -> dict[str, Any]:
    """The content of the file of that kind and name; empty unless it is as it was written."""
    if folder is None:
        return {}
    file = folder / kind / f"{name}.json"
    try:
        document = json.loads(read_file(file, most=_LARGEST_FILE))
        content = document["content"]
        sound = document[MARK] == kind and document["sha256"] == _sum_of(content)
    except (OSError, ValueError, TypeError, LookupError, RecursionError, StriateError):
        return {}
    if not sound or not isinstance(content, dict):
        return {}
    with suppress(OSError):  # a cache that may only be read has no last use
        os.utime(file)
    return content


def write_cached(folder: Path | None, kind: str, name: str, content: Mapping[str, Any]) -> None:
    """Write that file, if there is a cache and room in it."""
    if folder is None:
        return
    document = {MARK: kind, "sha256": _sum_of(content), "content": content}
    with suppress(OSError, StriateError):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_atomically(folder / kind / f"{name}.json", json.dumps(document).encode())


def _sum_of(content: Any) -> str:
    return sha256(json.dumps(content).encode())


# --- for people --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CachedFile:
    """One of these files."""

    path: Path
    bytes: int
    used: float
    """Seconds since 1970, UTC, of the last use."""


def cached_files(
    folder: Path, kind: str, *, place: str = "", suffix: str = ".json", before: str = ""
) -> list[CachedFile]:
    """The files of that kind in the cache in `folder`.

    Only what is ours without a doubt: called by a hash, and beginning as what we write.

    Args:
        folder: of the cache.
        kind: what the files hold.
        place: the folder in it that they are in; by default called as their kind.
        suffix: in which their names end.
        before: how a file of that kind began before there was a mark, if there was such a time.
    """
    found = []
    begins = [json.dumps({MARK: kind})[:-1], *([before] if before else [])]
    with suppress(OSError):
        for path in sorted((folder / (place or kind)).iterdir()):
            ours = path.suffix == suffix and HASH.fullmatch(path.stem)
            if ours and _begins(path, *begins):
                known = path.stat()
                found.append(CachedFile(path=path, bytes=known.st_size, used=known.st_mtime))
    return found


def _begins(path: Path, *begins: str) -> bool:
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as handle:
            head = handle.read(max(map(len, begins)))
    except OSError:  # removed meanwhile, or not for us to read
        return False
    return any(head.startswith(begin.encode()) for begin in begins)


def prune_files(found: list[CachedFile], *, days: float = 0) -> list[CachedFile]:
    """Remove the files that were not used for so many `days` (0: all), and return them.

    Raises:
        StriateError: a file cannot be removed.
    """
    before = time.time() - days * 86_400
    gone = [one for one in found if one.used <= before]
    for one in gone:
        sweep(one.path)
        try:
            one.path.unlink(missing_ok=True)
        except OSError as error:
            raise StriateError(
                printable(str(one.path.absolute())),
                f"cannot be removed ({reason(error)})",
                "remove it by hand",
            ) from error
    return gone
