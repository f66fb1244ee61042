"""Questions about a path that a person gave, answered without a traceback.

``pathlib`` raises for loops of links, names that are too long, null characters, folders that may
not be searched and homes that do not exist, each in another way and differently from version to
version. Every path of a user's goes through these functions.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from striate.errors import StriateError
from striate.support.text import printable

#: A file that is larger than this is no image, table or note that anybody reads in one piece.
LARGEST_FILE = 2 << 30

#: Without it, opening a pipe waits for whoever writes to it.
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)


def expanded(path: str | os.PathLike[str], *, kind: type[StriateError] = StriateError) -> Path:
    """`path` with ``~`` and ``~user`` replaced by the home folder; relative paths stay relative.

    Raises:
        StriateError: of `kind`; there is no such home, or nothing can be called that.
    """
    given = Path(path)
    try:
        found = given.expanduser()
    except RuntimeError as error:  # no such user, or a user without a home
        raise kind(
            printable(str(given)), "names the home folder of nobody here", "give the whole path"
        ) from error
    if "\0" in str(found):
        raise kind(
            printable(str(given)), "cannot be accessed (it holds a null character)", "check it"
        )
    return found


def resolved(path: str | Path, *, kind: type[StriateError] = StriateError) -> Path:
    """`path` as an absolute path without links.

    Raises:
        StriateError: of `kind`; as `expanded`, or the links form a loop or the name is too long.
    """
    found = expanded(path, kind=kind)
    try:
        full = found.resolve()
        mode_of(full, kind=kind)  # what cannot be asked for cannot be used either
    except (OSError, RuntimeError, ValueError) as error:
        raise kind(shown(found), f"cannot be accessed ({reason(error)})", "check it") from error
    return full


def mode_of(path: Path, *, kind: type[StriateError] = StriateError) -> int | None:
    """The kind and rights of the file at `path` (`os.stat`); None where there is nothing.

    Raises:
        StriateError: of `kind`; nothing can be called that, or nobody may look there.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise kind(
            shown(path), f"cannot be accessed ({reason(error)})", "choose another path"
        ) from error


def is_folder(path: Path, *, kind: type[StriateError] = StriateError) -> bool:
    """Whether `path` is a folder; raises as `mode_of`."""
    mode = mode_of(path, kind=kind)
    return mode is not None and stat.S_ISDIR(mode)


def is_file(path: Path, *, kind: type[StriateError] = StriateError) -> bool:
    """Whether `path` is a regular file; raises as `mode_of`."""
    mode = mode_of(path, kind=kind)
    return mode is not None and stat.S_ISREG(mode)


def exists(path: Path, *, kind: type[StriateError] = StriateError) -> bool:
    """Whether there is anything at `path`; raises as `mode_of`."""
    return mode_of(path, kind=kind) is not None


def read_file(
    path: Path, *, most: int = LARGEST_FILE, kind: type[StriateError] = StriateError
) -> bytes:
    """All that the regular file `path` holds, of at most `most` bytes.

    What is no regular file (a pipe, a device) is never waited for, and nothing is read of what is
    too large.

    Raises:
        FileNotFoundError: there is no such file; the caller knows what that means.
        StriateError: of `kind`; it cannot be read, is no regular file, or is too large.
    """
    handle, size = _open(path, kind)
    with os.fdopen(handle, "rb") as file:
        if size > most:
            raise kind(shown(path), f"is too large ({size:,} bytes; at most {most:,} are read)")
        try:
            return file.read()
        except (OSError, MemoryError) as error:
            raise kind(shown(path), f"cannot be read ({reason(error)})") from error


def read_start(
    path: Path, count: int, *, kind: type[StriateError] = StriateError
) -> tuple[bytes, int]:
    """The first `count` bytes of the regular file `path`, and how many it has; never waits.

    Raises:
        FileNotFoundError: there is no such file; the caller knows what that means.
        StriateError: of `kind`; it cannot be read, or is no regular file.
    """
    handle, size = _open(path, kind)
    with os.fdopen(handle, "rb") as file:
        try:
            return file.read(count), size
        except OSError as error:
            raise kind(shown(path), f"cannot be read ({reason(error)})") from error


def _open(path: Path, kind: type[StriateError]) -> tuple[int, int]:
    """A descriptor of the regular file `path`, and its size."""
    try:
        handle = os.open(path, os.O_RDONLY | _WITHOUT_WAITING | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise kind(shown(path), f"cannot be read ({reason(error)})") from error
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise kind(shown(path), f"is {_what(found.st_mode)}, not a file")
    return handle, found.st_size


def refuse_special(path: Path, *, kind: type[StriateError] = StriateError) -> None:
    """Raise for what is no regular file, before a library waits for it.

    Raises:
        FileNotFoundError: there is nothing; the caller knows what that means.
        StriateError: of `kind`; it is a folder, a pipe, a device, or cannot be looked at.
    """
    mode = mode_of(path, kind=kind)
    if mode is None:
        raise FileNotFoundError(path)
    if not stat.S_ISREG(mode):
        raise kind(shown(path), f"is {_what(mode)}, not a file")


def reason(error: BaseException) -> str:
    """What `error` says, in a few words and without the path that stands beside it anyway."""
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "its links form a loop"
    if isinstance(error, RuntimeError) and "loop" in str(error):  # pathlib before Python 3.13
        return "its links form a loop"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def shown(path: str | Path) -> str:
    """`path` resolved and printable, as errors name it; as it stands where it has no resolution."""
    try:
        return printable(str(Path(path).resolve()))
    except (OSError, RuntimeError, ValueError):  # a loop of links, a null character
        return printable(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps ".."


def _what(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for asks, name in kinds if asks(mode)), "something else")
