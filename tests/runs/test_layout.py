"""Which folders hold a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from striate.errors import RunError
from striate.runs.claim import claim
from striate.runs.layout import CONFIG, is_run_folder
from striate.runs.run import Run


def test_what_holds_a_run(run: Run) -> None:
    assert is_run_folder(run.path)
    assert not is_run_folder(run.path / "nowhere")
    assert not is_run_folder(run.path / CONFIG)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be accessed"):
        is_run_folder(tmp_path / name)
    with pytest.raises(RunError, match="cannot be accessed"):
        Run.open(tmp_path / name)
    with pytest.raises(RunError, match="cannot be accessed"):
        claim(tmp_path / name)
