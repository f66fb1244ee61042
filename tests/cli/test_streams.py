"""Standard streams that are closed, full, in another encoding, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m striate {command}"],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str) -> None:
    done = shell(f"list-networks {closed}")
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="no device here that is always full")
@pytest.mark.parametrize(
    "command", ["list-networks", "list-networks --json", "--help", "--version"]
)
def test_a_full_disk_behind_standard_output(command: str) -> None:
    done = shell(f"{command} > {FULL}")
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert said.startswith("striate: standard output: cannot be written (No space left")
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="no device here that is always full")
def test_a_full_disk_behind_standard_error_costs_nothing() -> None:
    assert shell(f"list-networks 2> {FULL}").returncode == 0
    assert shell(f"evaluate nowhere 2> {FULL}").returncode == 2


def test_names_in_errors_reach_the_terminal_as_text() -> None:
    done = shell("""evaluate $'a\\x1b]0;T\\x07\\x1b[2J\\xc2\\x9b\\n\\u202eb'""")
    said = done.stderr.decode()
    assert done.returncode == 2
    assert len(said.splitlines()) == 1
    assert said.rstrip("\n").isprintable(), repr(said)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_other_encodings(encoding: str) -> None:
    assert shell("list-networks", PYTHONIOENCODING=encoding).returncode == 0
    said = shell("evaluate 玫瑰", PYTHONIOENCODING=encoding)
    assert said.returncode == 2
    assert b"\\u73ab" in said.stderr
