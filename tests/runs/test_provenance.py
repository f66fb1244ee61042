"""What a new run writes down about the circumstances that it is made in."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import pytest

from striate.runs.provenance import provenance


def test_a_run_knows_what_it_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["striate", "train", "my photos", "--net", "lenet"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/striate", *given[1:]])
    made = provenance(workers=3)
    assert made.workers == 3
    assert shlex.split(made.command) == given
    began = datetime.fromisoformat(made.started)
    assert began.utcoffset() == timedelta(0)
    assert timedelta(0) <= datetime.now(UTC) - began < timedelta(minutes=5)
    assert made.versions["python"] == platform.python_version()
    assert made.versions["torch"] == version("torch")
    assert made.versions["machine"] == platform.platform()
