"""Runs that tests of callbacks share."""

from __future__ import annotations

from pathlib import Path

import pytest

import striate

from .recording import OPTIONS, Recorder  # type: ignore[import-not-found]


@pytest.fixture(scope="package")
def plain(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """A run of three epochs that nobody was told of."""
    out = tmp_path_factory.mktemp("plain") / "run"
    striate.train(photographs, out=out, epochs=3, **OPTIONS)
    return out


@pytest.fixture(scope="package")
def told(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> tuple[Path, Recorder]:
    """The same one, of which everything was told."""
    out, recorder = tmp_path_factory.mktemp("told") / "run", Recorder()
    striate.train(photographs, out=out, epochs=3, callbacks=[recorder], **OPTIONS)
    return out, recorder
