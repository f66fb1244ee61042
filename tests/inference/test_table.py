"""Predictions in a CSV file, with the labels that folders give."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from striate.data.finding.inputs import items
from striate.data.targets import Target
from striate.errors import StriateError
from striate.inference import table as module
from striate.inference.labels import label_of
from striate.inference.prediction import Prediction
from striate.inference.table import COLUMNS, ClassTable, NumberTable, with_table

CLASSES = ("red", "<b>\u00e9", "x,y\n")


def labels(source: Any) -> list[str]:
    return [label_of(item, CLASSES) for item in items(source)]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """red/red/a.png, red/deep/er/b.png, <b>é (as macOS writes it)/c.png, d.png."""
    for name in ("red/red/a.png", "red/deep/er/b.png", "<b>e\u0301/c.png", "d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_label_is_the_nearest_folder_that_is_a_class(files: Path) -> None:
    assert labels(".") == ["<b>\u00e9", "", "red", "red"]
    assert labels(files) == labels(".")
    assert labels("red/deep") == [""]  # what lies above was not named
    assert labels("red") == ["red", "red"]
    assert labels("r*") == ["red", "red"]
    assert labels("red/**/*.png") == ["", "red"]
    os.chdir("red")
    assert labels(".") == ["red", "red"]
    assert labels(["red/a.png", "../d.png", Image.new("L", (2, 2)), "gone.png"]) == [
        "red",
        "",
        "",
        "",
    ]


def prediction(file: str, *shares: float, label: str = "") -> Prediction:
    return Prediction(file=file, classes=CLASSES, probabilities=shares, label=label)


def test_every_cell_of_a_table(tmp_path: Path) -> None:
    found = [
        prediction("a\udcff,.jpg", 0.5, 0.25, 0.25, label="red"),
        replace(prediction("=b", 0.7, 0.2, 0.1, label="x,y\n"), unsure=True),
        prediction("c", 1 / 3, 1 / 3, 1 / 3),
        Prediction(file="d", classes=(), probabilities=(), error='is "empty"', label="red"),
    ]
    target = tmp_path / "found.csv"
    assert list(with_table(iter(found), target, ClassTable(CLASSES))) == found
    with target.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        [*COLUMNS, "p(red)", "p(<b>\u00e9)", "p(x,y\n)"],
        ["a\udcff,.jpg", "red", "red", "0.5", "yes", "no", "", "0.5", "0.25", "0.25"],
        ["=b", "x,y\n", "red", "0.7", "no", "yes", "", "0.7", "0.2", "0.1"],
        ["c", "", "red", "0.333333333", "", "no", "", *["0.333333333"] * 3],
        ["d", "red", "", "", "", "", 'is "empty"', "", "", ""],
    ]
    assert list(tmp_path.iterdir()) == [target]


def test_a_table_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "found.csv"
    cut = with_table(iter([prediction("a", 1, 0, 0)] * 3), target, ClassTable(CLASSES))
    next(cut)
    cut.close()
    assert list(tmp_path.iterdir()) == []

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "TemporaryFile", full)
    with pytest.raises(StriateError, match=r"found.csv: the disk is full"):
        list(with_table(iter([]), target, ClassTable(CLASSES)))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.csv", b"file,errors,when\n", "holds something else than predictions"),
        ("t.csv", b"id,name\n", "holds something else than predictions; choose another file"),
        ("t.txt", None, "must end in .csv"),
        ("none/t.csv", None, "there is no such folder"),
    ],
)
def test_where_no_table_is_written(
    tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StriateError, match=why):
        module.table_file(tmp_path / name)
    (tmp_path / "t.csv").write_bytes(b"file,label,predicted,probability\n")
    assert module.table_file(tmp_path / "t.csv").name == "t.csv"


def test_columns_of_numbers_have_names_of_their_own() -> None:
    def head(*names: str) -> list[str]:
        targets = [Target(name=name) for name in names]
        return NumberTable(targets, [(0.9,)] * len(targets)).head

    assert head("age") == ["file", "error", "age", "age 90 % low", "age 90 % high"]
    assert head("file", "x") == [
        "file",
        "error",
        *("value(file)", "value(file) 90 % low", "value(file) 90 % high"),
        *("x", "x 90 % low", "x 90 % high"),
    ]
    for names in (("age", "age 90 % low"), ("error", "file"), ("a", "a 90 % high", "file")):
        found = head(*names)
        assert len(set(found)) == len(found) == 2 + 3 * len(names)
