"""What a reader of the documents sees and runs: blocks of code, and commands in a folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from striate.cli.main import main


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, code) of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def environment() -> dict[str, str]:
    """The reader's shell after activation."""
    first = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": first + os.pathsep + os.environ.get("PATH", "")}


def run(step: list[str], folder: Path) -> tuple[int, str]:
    """The exit status of a step, and what it said.

    Commands of ours that need no shell run in this process, which spares each its imports.
    """
    words = shlex.split(step[-1])
    if step[0] == "bash" and words[0] == "striate" and not needs_shell(step[-1]):
        return run_here(words, folder)
    done = subprocess.run(
        step,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, f"{done.stdout}\n{done.stderr}" if done.returncode else done.stdout


def needs_shell(command: str) -> bool:
    """Whether a command has anything outside quotes that a shell does."""
    bare = re.sub(r"\"[^\"$`]*\"|'[^']*'", "", command)
    return bool(set(bare) & set("|&;<>()$`*?~#"))


def run_here(words: list[str], folder: Path) -> tuple[int, str]:
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)
        patch.setattr(sys, "argv", words)
        patch.setattr("striate.cli.streams.prepare", lambda: None)
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
                status = 0
            except SystemExit as ended:
                status = int(ended.code or 0)
    return status, f"{out.getvalue()}\n{err.getvalue()}" if status else out.getvalue()


def run_python(code: str, folder: Path) -> None:
    """Run a script in this process, in `folder`."""
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        redirect_stdout(StringIO()),
    ):
        patch.chdir(folder)
        exec(compile(code, "a page", "exec"), {"__name__": "__main__"})
