"""The lock on a folder, and the note of who has it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import filelock
import pytest

from striate.runs import lock as module
from striate.runs.lock import (
    ABOUT,
    LOCK,
    SOFT_LOCK,
    TakenError,
    acquire,
    read_about,
    write_about,
)
from striate.support.files import WriteError


def test_one_at_a_time_and_the_other_is_told_who(tmp_path: Path) -> None:
    lock = acquire(tmp_path, "wait")
    assert (tmp_path / LOCK).exists()
    with pytest.raises(TakenError, match=r"is being written by another process; do something else"):
        acquire(tmp_path, "do something else")
    write_about(tmp_path, begun=False)
    with pytest.raises(TakenError, match=rf"by process {os.getpid()} on .*, since 20.*; wait"):
        acquire(tmp_path, "wait")
    lock.release()
    acquire(tmp_path, "wait").release()


def test_the_note_says_who_writes_and_whether_there_was_a_run(tmp_path: Path) -> None:
    assert read_about(tmp_path) is None
    write_about(tmp_path, begun=False)
    found = read_about(tmp_path)
    assert found is not None
    assert (found["process"], found["begun"]) == (os.getpid(), False)
    write_about(tmp_path, begun=True, writing=False)
    assert read_about(tmp_path) == {"striate": "run", "begun": True}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"striate": 3}', b"\xff", b"[" * 50_000]
)
def test_a_note_of_others_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ABOUT).write_bytes(content)
    assert read_about(tmp_path) is None


def test_a_note_that_would_write_to_the_terminal_does_not(tmp_path: Path) -> None:
    with acquire(tmp_path, "wait"):
        about = {"striate": "run", "process": "\x1b[2J", "host": "h", "since": "now"}
        (tmp_path / ABOUT).write_text(json.dumps(about | {"command": "x" * 5000}))
        with pytest.raises(TakenError, match=r"by process \\x1b\[2J on h, since now") as caught:
            acquire(tmp_path, "wait")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EACCES]
)
def test_what_a_file_system_says_of_locks(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(filelock.FileLock):
        def _acquire(self) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "FileLock", Failing)
    if number == errno.EACCES:
        with pytest.raises(WriteError, match="cannot be written"):
            acquire(tmp_path, "wait")
        return
    lock = acquire(tmp_path, "wait")
    assert (tmp_path / SOFT_LOCK).exists()
    lock.release()
