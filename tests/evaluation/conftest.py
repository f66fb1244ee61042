"""A small run, trained once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import striate


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet on digits after one epoch; what is measured of it may be measured again."""
    out = tmp_path_factory.mktemp("measured") / "run"
    striate.train("digits", net="lenet", epochs=1, out=out, workers=0)
    return out
