"""The lock on a run's folder, and the note of who is writing into it.

`LOCK` is what is locked, as the operating system does it (``flock``, on Windows ``LockFileEx``):
such a lock ends with its process, also by ``kill -9``. A file system that knows no locks gets a
file in their place, which names its process and is set aside once that has ended. `ABOUT` says
which process is writing, and whether the folder has ever held a ``run.toml``.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from striate.errors import RunError
from striate.support.files import WriteError, write_atomically
from striate.support.paths import read_file, reason, shown
from striate.support.process import command_line
from striate.support.text import printable

LOCK = ".striate.lock"
#: What stands for `LOCK` where the file system knows no locks.
SOFT_LOCK = ".striate.held"
ABOUT = ".striate.json"
#: How file systems say that they know no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class TakenError(RunError):
    """A folder that is somebody's already."""


def acquire(path: Path, otherwise: str) -> BaseFileLock:
    """Lock the folder `path`, at once or not at all.

    Args:
        path: the folder, which is there.
        otherwise: what to do where another process has it.

    Raises:
        TakenError: another process is writing into it.
        WriteError: it cannot be written.
    """
    for kind, name in ((FileLock, LOCK), (SoftFileLock, SOFT_LOCK)):
        lock = kind(path / name, blocking=False, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise TakenError(shown(path), f"is being written {_by(path)}", otherwise) from error
        except OSError as error:
            if error.errno in _NO_LOCKS and kind is not SoftFileLock:
                continue
            why = f"cannot be written ({reason(error)})"
            raise WriteError(shown(path), why, "make it writable") from error
        return lock
    raise AssertionError("the second kind needs no locks")


def _by(path: Path) -> str:
    """Who is writing into `path`, as far as that is known."""
    about = read_about(path) or {}
    if "process" not in about:
        return "by another process"
    said = {key: printable(str(about.get(key, "?"))) for key in ("process", "host", "since")}
    command = printable(str(about.get("command", "")))[:200]
    return (
        f"by process {said['process']} on {said['host']}, since {said['since']}"
        f"{f' ({command})' if command else ''}"
    )


def read_about(path: Path) -> dict[str, Any] | None:
    """What `ABOUT` says; None where there is none or it is not ours."""
    try:
        found = json.loads(read_file(path / ABOUT, most=1 << 16))
    except (OSError, ValueError, RecursionError, RunError):
        return None
    return found if isinstance(found, dict) and found.get("striate") == "run" else None


def write_about(path: Path, *, begun: bool, writing: bool = True) -> None:
    """Write `ABOUT` into the folder `path`.

    Args:
        path: the folder, which this process has locked.
        begun: whether it holds a run, or has ever held one.
        writing: whether this process is writing into it from now on.

    Raises:
        WriteError: it cannot be written.
    """
    about: dict[str, Any] = {"striate": "run", "begun": begun}
    if writing:
        about |= {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
            "command": command_line(),
        }
    write_atomically(path / ABOUT, json.dumps(about, indent=1).encode())
