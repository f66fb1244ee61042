"""Files that are whole or absent: written beside themselves, flushed, and moved into place."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from striate.errors import RunError
from striate.support.paths import reason, shown

#: Why a file could not be written, where the remedy depends on what was being done.
FULL = "the disk is full"


class WriteError(RunError):
    """A file that cannot be written, for what lies outside the program.

    Who writes it knows how to go on afterwards, and adds that to the remedy.
    """


def write_atomically(path: Path, content: bytes | Callable[[Path], None]) -> None:
    """Replace `path` by `content` so that a crash at any moment leaves the old file or the new.

    Args:
        path: the file to replace; its folder must exist.
        content: the bytes, or a function that writes them to the path that it is given.

    Raises:
        WriteError: the disk is full or the folder cannot be written; the old file is as it was.
    """
    beside = part_of(path)
    try:
        # Made anew, and never through a link that somebody put there: no one can guess the name.
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content)
        with beside.open("rb") as handle:
            os.fsync(handle.fileno())
        beside.replace(path)
        _flush_folder(path.parent)
    except (OSError, RuntimeError) as error:
        # torch.save and safetensors turn a failed write into errors of their own kind, so what is
        # left on the disk decides whether this was a full disk.
        raise _explain(path, error) from error
    finally:
        # What cannot be removed was never made, and must not hide why.
        with suppress(OSError):
            beside.unlink()


def _flush_folder(folder: Path) -> None:
    """Make the move itself durable (POSIX: a rename lives in the folder, not in the file)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(path: Path, error: OSError | RuntimeError) -> WriteError:
    text = str(error).lower()
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(
        sign in text
        for sign in ("no space left", "enforce fail", "file write failed", "os error 28")
    ):
        return WriteError(shown(path), FULL, "free some space")
    return WriteError(shown(path), f"cannot be written ({reason(error)})", "make it writable")


def part_of(path: Path) -> Path:
    """A name for a half-written `path`, beside it, that nobody else has or can foresee."""
    # A name may have 255 bytes, which a legal name with something around it would exceed.
    stem = os.fsdecode(os.fsencode(path.name)[:200])
    return path.with_name(f".{stem}.{secrets.token_hex(8)}.part")


def remove(path: Path) -> None:
    """Remove the file at `path`, if there is one.

    Raises:
        WriteError: it cannot be removed, or is a folder.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        why = "is a folder" if path.is_dir() else f"cannot be removed ({reason(error)})"
        raise WriteError(shown(path), why, "move it away") from error


def sha256(data: bytes) -> str:
    """The SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
