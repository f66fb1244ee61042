"""Numbers of any number of images: the values that predict gives, with their intervals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import striate
from striate.errors import RunError
from striate.inference.bulk.columns import BulkTarget, NumberColumns
from striate.inference.estimate import Estimate
from striate.runs.conformal import HalfWidth, keep_conformal
from striate.runs.run import Run

from .conftest import parts, rows  # type: ignore[import-not-found]

DEVIATIONS = np.array([12.5, 9e3])


@pytest.fixture
def found(numbers: Path, number_pictures: Path, tmp_path: Path) -> Path:
    """The predictions of a run of numbers, two images a file."""
    report = striate.predict_bulk(numbers, number_pictures, tmp_path / "out", shard_size=2)
    assert (report.images, report.unreadable, report.shards) == (4, 1, 2)
    return tmp_path / "out"


def test_every_image_is_a_row_with_what_predict_gives(
    numbers: Path, number_pictures: Path, found: Path
) -> None:
    right: list[Estimate] = striate.predict(numbers, number_pictures)  # type: ignore[assignment]
    for row, one in zip(rows(found), right, strict=True):
        assert str(number_pictures / row["file"]) == one.file
        assert (row["error"] or "") == one.error
        if one.error:
            assert {row[name] for name in row if name[:4] in ("valu", "low_", "high")} == {None}
            continue
        values = [row["value_age"], row["value_<i>count"]]
        assert np.abs(np.subtract(values, one.values) / DEVIATIONS).max() < 1e-6
        assert row["low_age"] == row["value_age"] - 9
        assert row["high_age"] == row["value_age"] + 9
        assert row["low_<i>count"] is row["high_<i>count"] is None  # no interval is known
    schema = pq.read_schema(found / "part-00000.parquet")
    assert json.loads(schema.metadata[b"targets"]) == [
        {"name": "age", "unit": "年 <b>", "level": 0.9, "half_width": 9.0},
        {"name": "<i>count", "unit": "", "level": None, "half_width": None},
    ]


def test_a_job_goes_on_to_the_same_bytes(numbers: Path, number_pictures: Path, found: Path) -> None:
    whole = parts(found)
    (found / "part-00001.parquet").unlink()
    report = striate.predict_bulk(numbers, number_pictures, found, shard_size=2, workers=2)
    assert report.before == 2
    assert parts(found) == whole


def test_the_exported_file_gives_the_same_and_another_interval_is_another_job(
    numbers: Path, number_pictures: Path, found: Path, tmp_path: Path
) -> None:
    striate.predict_bulk(numbers / "lenet.onnx", number_pictures, tmp_path / "file")
    for row, one in zip(rows(tmp_path / "file"), rows(found), strict=True):
        assert (row["value_age"] is None) == (one["value_age"] is None)
        if row["value_age"] is not None:
            assert abs(row["value_age"] - one["value_age"]) < 1e-3 * DEVIATIONS[0]
            assert row["high_age"] - row["value_age"] == pytest.approx(9)
    copy = shutil.copytree(numbers, tmp_path / "run")
    keep_conformal(Run.open(copy), [[HalfWidth(level=0.9, half_width=7.0)], []], 30)
    with pytest.raises(RunError, match="other prediction intervals"):
        striate.predict_bulk(copy, number_pictures, found, shard_size=2)


def test_embeddings_stand_behind_the_values(
    numbers: Path, number_pictures: Path, found: Path, tmp_path: Path
) -> None:
    striate.predict_bulk(numbers, number_pictures, tmp_path / "with", embeddings=True)
    for row, one in zip(rows(tmp_path / "with"), rows(found), strict=True):
        embedding = row.pop("embedding")
        assert row == one or row["value_age"] == pytest.approx(one["value_age"], abs=1e-4)
        assert embedding is None or len(embedding) == 84


def test_a_target_may_have_the_name_of_another_column() -> None:
    columns = NumberColumns([BulkTarget(name="file"), BulkTarget(name="error", half_width=1.0)])
    cells = columns.cells([np.float32([1, 2]), None])
    assert [name for name, _ in columns.fields] == list(cells)
    assert cells["value_file"] == [1.0, None]
    assert cells["high_error"] == [3.0, None]
