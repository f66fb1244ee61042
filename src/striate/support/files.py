"""Files that are whole or absent: written beside themselves, flushed, and moved into place."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from striate.errors import RunError, StriateError
from striate.support.paths import mode_of, reason, resolved, shown
from striate.support.text import printable

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # where there is no such thing, there are no locks
    fcntl = None

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
    with replacing(path) as beside:
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """As `write_atomically`, for what is written bit by bit.

    Yields:
        The file to write to. It replaces `path` when the block ends, and is removed when the block
        is left by an error.

    Raises:
        WriteError: as `write_atomically`.
    """
    beside = part_of(path)
    held = None
    try:
        # Made anew, and never through a link that somebody put there: no one can guess the name.
        held = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        _mark_living(held)
        yield beside
        with beside.open("rb") as handle:
            os.fsync(handle.fileno())
        beside.replace(path)
        _flush_folder(path.parent)
    except (OSError, RuntimeError) as error:
        # torch.save and safetensors turn a failed write into errors of their own kind, so what is
        # left on the disk decides whether this was a full disk.
        raise _explain(path, error) from error
    finally:
        if held is not None:
            os.close(held)
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


_PART = re.compile(r"\.(.*)\.[0-9a-f]{16}\.part", re.DOTALL)
#: Between its making and its lock, a part is nobody's; so old, it was left by a process that died.
_LEFT_AFTER = 60.0


def sweep(path: Path) -> None:
    """Remove what processes that were killed have left of their half-written `path`.

    That is what has a name of `part_of`, and no process holds any more. Where no locks are to be
    had, nothing is removed.
    """
    if fcntl is None:
        return
    own = _PART.fullmatch(part_of(path).name)
    before = time.time() - _LEFT_AFTER
    with suppress(OSError):
        for each in path.parent.iterdir():
            found = _PART.fullmatch(each.name)
            if own and found and found[1] == own[1]:
                _remove_dead(each, before)


def _remove_dead(part: Path, before: float) -> None:
    assert fcntl is not None
    with suppress(OSError):
        handle = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            known = os.fstat(handle)
            if stat.S_ISREG(known.st_mode) and known.st_mtime < before:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        finally:
            os.close(handle)


def _mark_living(handle: int) -> None:
    """Hold the file of `handle`, until it is closed or the process ends in any way."""
    if fcntl is not None:
        with suppress(OSError):  # some network file systems know no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def output_file(
    path: str | Path, suffix: str | None = None, *, kind: type[StriateError] = RunError
) -> Path:
    """The absolute path of a file to be written, after finding out that it can be.

    So what a long work is for is not refused at its end.

    Args:
        path: as a person gave it.
        suffix: in which its name must end, with the dot; None for any.
        kind: of the errors.

    Raises:
        StriateError: of `kind`; it is a folder, has another suffix, cannot be called that, or its
            folder is missing or cannot be written.
    """
    target = resolved(path, kind=kind)
    where, mode = printable(str(target)), mode_of(target, kind=kind)
    another = "choose another file"
    if mode is not None and stat.S_ISDIR(mode):
        raise kind(where, "is a folder", "name a file in it")
    if suffix is not None and target.suffix != suffix:
        stem = target.stem if target.suffix.lower() == suffix else target.name
        raise kind(where, f"must end in {suffix}", f"did you mean {printable(stem + suffix)}?")
    if mode is not None and not stat.S_ISREG(mode):
        raise kind(where, "is no regular file", another)
    folder = mode_of(target.parent, kind=kind)
    if folder is None:
        why = "cannot be written there (there is no such folder)"
        raise kind(where, why, f"make it first, or {another}")
    if not stat.S_ISDIR(folder):
        raise kind(where, f"{printable(str(target.parent))} is not a folder", another)
    probe = part_of(target)
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        probe.unlink()
    except OSError as error:
        found = _explain(target, error)
        raise kind(where, found.why, f"{found.remedy}, or {another}") from error
    return target


def write_text(path: str | Path, text: str, *, kind: type[StriateError] = RunError) -> Path:
    """Write `text` to `path`, whole or not at all; returns the path resolved.

    Args:
        path: as a person gave it.
        text: what to write; characters that have no place in UTF-8 become question marks.
        kind: of the errors.

    Raises:
        StriateError: of `kind`; nothing can be written there.
    """
    target = output_file(path, kind=kind)
    try:
        # Names of files may hold bytes that are no UTF-8; no reader could show those either.
        write_atomically(target, text.encode(errors="replace"))
    except WriteError as error:
        raise kind(error.what, error.why, "choose another file") from error
    return target


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
