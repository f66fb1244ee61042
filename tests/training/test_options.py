"""What nobody can mean is refused before anything is looked at, and before a folder is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import StriateError
from striate.training import assemble


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        ({"epochs": 0}, "^`epochs=0`: must be at least 1"),
        ({"epochs": 10**9}, "^`epochs=1000000000`: must be at most 1,000,000"),
        ({"size": 100_000}, "^`size=100000`: must be at most 4,096"),
        ({"batch_size": 10**12}, "^`batch_size=1000000000000`: must be at most"),
        ({"seed": -1}, "^`seed=-1`: must be at least 0"),
        ({"seed": 2**63}, "^`seed=9223372036854775808`: must be at most"),
        ({"workers": 10**6}, "^`workers=1000000`: must be at most 1,024"),
        ({"checkpoint_minutes": float("nan")}, "^`checkpoint_minutes=nan`: must be at least 0"),
        ({"checkpoint_minutes": -1.0}, "^`checkpoint_minutes=-1.0`: must be at least 0"),
        ({"val_fraction": 1.5}, "^`val_fraction=1.5`: must be less than 1"),
        ({"val_fraction": 1.0}, "^`val_fraction=1.0`: must be less than 1"),
        ({"val_fraction": 0.0}, "^`val_fraction=0.0`: must be more than 0"),
        ({"auxiliary_weights": (-0.3,)}, "^`auxiliary_weights=-0.3`: must be at least 0"),
    ],
)
def test_numbers_that_are_none(
    choice: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "open_data", lambda *_, **__: pytest.fail("looked at images"))
    with pytest.raises(StriateError, match=why):
        striate.train("digits", net="lenet", out=tmp_path / "run", **choice)
    assert not (tmp_path / "run").exists()
