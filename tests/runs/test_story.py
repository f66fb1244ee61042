"""What a transfer tells of itself is held against what it writes before a report is made of it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from striate.errors import RunError
from striate.runs.run import TRANSFER
from striate.runs.story import read_story

STORED = Path(__file__).parent / "stored"


@pytest.fixture(params=["fitted", "tuned"])
def story(request: pytest.FixtureRequest) -> dict[str, Any]:
    with tarfile.open(STORED / "format0" / f"{request.param}.tar.xz") as archive:
        member = archive.extractfile(f"{request.param}/{TRANSFER}")
        assert member is not None
        found: dict[str, Any] = json.loads(member.read())
        return found


def read(folder: Path, content: Any) -> dict[str, Any] | None:
    (folder / TRANSFER).write_text(json.dumps(content))
    return read_story(SimpleNamespace(path=folder))  # type: ignore[arg-type]


def test_what_a_transfer_wrote_is_read_with_what_is_not_known(
    story: dict[str, Any], tmp_path: Path
) -> None:
    assert read(tmp_path, story) == story
    story["head"]["later"] = story["later"] = 1
    assert read(tmp_path, story) == story
    (tmp_path / TRANSFER).unlink()
    assert read_story(SimpleNamespace(path=tmp_path)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"head": 5},
        {"head": {}},
        {"head": {"kind": "knn"}},
        {"stages": 3},
        {"stages": [3]},
        {"views": -1},
        {"engine": None},
        {"compared": [{}]},
        {"compared": {}},
        {"freeze": 2},
    ],
)
def test_what_no_transfer_wrote(story: dict[str, Any], tmp_path: Path, change: Any) -> None:
    with pytest.raises(RunError, match=r"transfer\.json: is damaged \(it: .*\); restore it"):
        read(tmp_path, {**story, **change})
    with pytest.raises(RunError, match="is damaged"):
        read(tmp_path, {})
