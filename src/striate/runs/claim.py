"""A run's folder: claimed by making it, locked while it is written, never made over other files.

All in a folder that bears a name of ours is ours, left by a process that was killed before the run
began, as long as the folder has never held a ``run.toml``: it may be written over. `lock` knows
whether it has.

Of several processes that train together, the leader holds the folder for all.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from filelock import BaseFileLock

from striate.errors import RunError
from striate.runs import layout as names
from striate.runs.lock import (
    ABOUT,
    LOCK,
    SOFT_LOCK,
    TakenError,
    acquire,
    read_about,
    write_about,
)
from striate.support.files import WriteError, remove
from striate.support.paths import is_folder, mode_of, reason, shown
from striate.support.systems import is_left_by_system
from striate.support.text import printable

_OURS = frozenset(
    (
        *(*names.FILES, names.TRACKERS, names.TABLE, names.MEMBERS, names.CODE),
        *(LOCK, SOFT_LOCK, ABOUT),
    )
)
#: What `write_atomically` leaves when it is killed, now and in earlier versions (by process).
_PART = re.compile(r"\.(?P<name>.+)\.([0-9a-f]{16}|[0-9]+)\.part")


class Held:
    """A run's folder that this process, and no other, may write into.

    As a context it lets go of the folder at its end, however that comes.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, lock: BaseFileLock, *, made: list[Path], begun: bool) -> None:
        self.path = path
        self._lock = lock
        self._made = made
        self._begun = begun

    def begun(self) -> None:
        """Say that the folder holds a run from now on: its ``run.toml`` has been written."""
        self._begun = True
        write_about(self.path, begun=True)

    def release(self) -> None:
        """Let others write; a folder in which no run was begun is left as it was found."""
        if not self._lock.is_locked:
            return
        # What fails here must not hide why the folder is let go of.
        with suppress(RunError, OSError):
            if self._begun or (self.path / names.CONFIG).exists():
                write_about(self.path, begun=True, writing=False)
            else:
                _clear(self.path, fresh=True)
                for name in (ABOUT, LOCK):
                    (self.path / name).unlink(missing_ok=True)
        self._lock.release()
        for folder in () if self._begun else reversed(self._made):
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def claim(
    path: Path,
    *,
    otherwise: str = "choose another folder",
    beside: frozenset[str] = frozenset(),
) -> Held:
    """Take `path`, a new or an empty folder, for a run that is about to be made.

    Args:
        path: resolved; made with its parents where it does not exist.
        otherwise: what to do where it holds a run already.
        beside: names of what may be there, and stays.

    Raises:
        RunError: it holds a run or other files, another process has claimed it, or it cannot be
            made or written. Nothing in it was changed.
    """
    made = _make(path)
    try:
        _refuse_occupied(path, otherwise, beside)
        lock = acquire(path, "wait until it has ended, or choose another folder")
        try:
            # Again, now that nobody else of ours can come between.
            _refuse_occupied(path, otherwise, beside)
        except BaseException:
            lock.release()
            raise
        held = Held(path, lock, made=made, begun=False)
        try:
            write_about(path, begun=False)
            _clear(path, fresh=True)
        except BaseException:
            held.release()
            raise
        return held
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise


def claim_first(paths: Iterable[Path]) -> Held:
    """Claim the first of `paths` that is free, of names that nobody asked for.

    Raises:
        RunError: as `claim`, where that is so for other reasons than that one is taken.
    """
    for path in paths:
        try:
            return claim(path)
        except TakenError:
            continue
    raise AssertionError("there is always another name")


def hold(path: Path, *, otherwise: str = "wait until it has ended") -> Held:
    """Take the run in `path` in order to write into it.

    Args:
        path: a run's folder.
        otherwise: what to do where another process is writing into it.

    Raises:
        WriteError: the folder cannot be written.
        RunError: another process is writing into it, or something that is no file lies where the
            run keeps one.
    """
    lock = acquire(path, otherwise)
    try:
        _refuse_misplaced(path)
        write_about(path, begun=True)
        _clear(path, fresh=False)
    except BaseException:
        lock.release()
        raise
    return Held(path, lock, made=[], begun=True)


def _make(path: Path) -> list[Path]:
    """Make `path` and its parents; those that were made, outermost first."""
    mode = mode_of(path, kind=RunError)
    if mode is not None and not stat.S_ISDIR(mode):
        raise TakenError(shown(path), "is a file, not a folder", "choose another name")
    missing = []
    for folder in (path, *path.parents):
        if mode_of(folder, kind=RunError) is not None:
            break
        missing.append(folder)
    made: list[Path] = []
    for folder in reversed(missing):
        try:
            folder.mkdir()
            made.append(folder)
        except OSError as error:
            if isinstance(error, FileExistsError) and folder.is_dir():
                continue  # another process was quicker
            for each in reversed(made):
                with suppress(OSError):
                    each.rmdir()
            why = f"the folder cannot be made ({reason(error)})"
            raise RunError(shown(path), why, "choose another place") from error
    return made


def _refuse_occupied(path: Path, otherwise: str, beside: frozenset[str]) -> None:
    """Raise `RunError` where `path` holds anything but what we left before a run began."""
    found = sorted(_entries(path))
    if names.CONFIG in found:
        # Whether somebody writes cannot be told of a run that may only be read: it holds a run.
        with suppress(WriteError):
            if LOCK in found or SOFT_LOCK in found:
                acquire(path, "wait until it has ended, or choose another folder").release()
        raise TakenError(shown(path), "holds a run already", otherwise)
    about = read_about(path)
    if about is not None and about.get("begun"):
        raise TakenError(
            shown(path),
            f"held a run that has lost its {names.CONFIG}",
            "restore that from a copy, or choose another folder",
        )
    foreign = [
        name
        for name in found
        if not (_is_of_claim(name) or is_left_by_system(name) or name in beside)
        and not (about is not None and is_ours(name))
    ]
    # Something of another's that is called like ours.
    foreign += [ABOUT] if about is None and ABOUT in found else []
    if foreign:
        raise TakenError(
            shown(path),
            f"is not empty, and what is in it is not a run's ({printable(foreign[0])}, …)",
            "choose a new or an empty folder",
        )


def _is_of_claim(name: str) -> bool:
    """Whether a file is written before `ABOUT` can say whose the folder is, or is half of that."""
    part = _PART.fullmatch(name)
    return (part["name"] if part else name) in (LOCK, SOFT_LOCK, ABOUT)


def is_ours(name: str) -> bool:
    """Whether a file that is called `name`, in a run's folder, is one that we write there."""
    part = _PART.fullmatch(name)
    return name in _OURS or (part is not None and part["name"] in _OURS)


def _entries(path: Path) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - names are all that is asked
    except OSError as error:
        why = f"cannot be accessed ({reason(error)})"
        raise RunError(shown(path), why, "choose another folder") from error


def _refuse_misplaced(path: Path) -> None:
    """Raise `RunError` where a run's file could not be written, before hours are spent on it."""
    for name in names.FILES:
        mode = mode_of(path / name, kind=RunError)
        if mode is not None and not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            why = f"is {what}, but the run keeps a file there"
            raise RunError(shown(path / name), why, "move it away")
    board = path / names.BOARD
    if mode_of(board, kind=RunError) is not None and not is_folder(board, kind=RunError):
        raise RunError(shown(board), "is no folder, but the run keeps one there", "move it away")


def _clear(path: Path, *, fresh: bool) -> None:
    """Remove what killed writers left; before a run begins (`fresh`), all of ours but the lock."""
    for name in _entries(path):
        part = _PART.fullmatch(name)
        left = part is not None and part["name"] in _OURS
        if left or (fresh and name in names.FILES):
            remove(path / name)
        elif fresh and name == names.CODE:
            shutil.rmtree(path / name, ignore_errors=True)
