"""``transfer.json`` is checked against what a transfer writes before a report is made of it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from striate.errors import RunError
from striate.runs.layout import TRANSFER
from striate.runs.transfer_record import read_transfer_record

STORED = Path(__file__).parent / "stored"


@pytest.fixture(params=["fitted", "tuned"])
def record(request: pytest.FixtureRequest) -> dict[str, Any]:
    with tarfile.open(STORED / "format0" / f"{request.param}.tar.xz") as archive:
        member = archive.extractfile(f"{request.param}/{TRANSFER}")
        assert member is not None
        found: dict[str, Any] = json.loads(member.read())
        return found


def read(folder: Path, content: Any) -> dict[str, Any] | None:
    (folder / TRANSFER).write_text(json.dumps(content))
    return read_transfer_record(SimpleNamespace(path=folder))  # type: ignore[arg-type]


def test_what_a_transfer_wrote_is_read_with_what_is_not_known(
    record: dict[str, Any], tmp_path: Path
) -> None:
    found = read(tmp_path, record)
    assert found is not None
    assert found | {"head": {}, "compared": []} == record | {"head": {}, "compared": []}
    for now, before in zip(
        (found["head"], *found["compared"]), (record["head"], *record["compared"]), strict=True
    ):
        for trial, was in zip(now["trials"], before["trials"], strict=True):
            # A trial of the first format called C, gamma and std otherwise.
            names = {"C": "strength", "gamma": "width", "std": "deviation"}
            assert {names.get(key, key): value for key, value in trial.items()} == was
        assert "strength" not in now["chosen"]
        assert now["chosen"]["C"] == before["chosen"]["strength"]
    assert read(tmp_path, found) == found
    found["head"]["later"] = found["later"] = 1
    assert read(tmp_path, found) == found
    (tmp_path / TRANSFER).unlink()
    assert read_transfer_record(SimpleNamespace(path=tmp_path)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"head": 5},
        {"head": {}},
        {"head": {"kind": "knn"}},
        {"head": {"chosen": 3, "trials": 4}},
        {"compared": [{"chosen": {}, "trials": [{}]}]},
        {"stages": 3},
        {"stages": [3]},
        {"views": -1},
        {"engine": None},
        {"compared": [{}]},
        {"compared": {}},
        {"freeze": 2},
    ],
)
def test_what_no_transfer_wrote(record: dict[str, Any], tmp_path: Path, change: Any) -> None:
    with pytest.raises(RunError, match=r"transfer\.json: is damaged \(it: .*\); restore it"):
        read(tmp_path, {**record, **change})
    with pytest.raises(RunError, match="is damaged"):
        read(tmp_path, {})
