from __future__ import annotations

import shlex
import sys

import pytest

from striate.support.process import command_line


def test_a_shell_understands_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/striate", "train", "my photos", "--net", "lenet"])
    assert command_line() == "striate train 'my photos' --net lenet"
    assert shlex.split(command_line()) == ["striate", "train", "my photos", "--net", "lenet"]
