"""The page about callbacks: its example runs, and its table is the class."""

from __future__ import annotations

import csv
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.training.callbacks import base

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("callbacks.md", "callbacks.zh-CN.md")


def text(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def example(page: str) -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```$", text(page), re.M | re.S)
    assert isinstance(code, str)
    return code


def test_the_example_writes_its_file_and_ends_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert example(PAGES[0]) == example(PAGES[1])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example(PAGES[0]), PAGES[0], "exec"), names)
    assert "top-1" in capsys.readouterr().out
    result = names["result"]
    heading, *rows = csv.reader((tmp_path / "accuracy.csv").read_text().splitlines())
    assert heading == ["epoch", "loss", "top1"]
    metrics = striate.open_run(result.run).metrics[1:]
    assert [[int(epoch), float(loss), float(top1)] for epoch, loss, top1 in rows] == [
        [line["epoch"], line["train"]["loss"], line["validation"]["top1"]] for line in metrics
    ]
    assert result.epochs < 20
    *before, last = (line["validation"]["top1"] for line in metrics)
    assert last >= 0.95 > max(before)
    # Resumed, it writes the same file, and trains no further.
    written = (tmp_path / "accuracy.csv").read_text()
    (tmp_path / "accuracy.csv").unlink()
    again = names["Accuracy"]("accuracy.csv", enough=0.95)
    assert striate.train(result.run, resume=True, callbacks=[again]).epochs == result.epochs
    assert (tmp_path / "accuracy.csv").read_text() == written


@pytest.mark.parametrize("page", PAGES)
def test_the_table_names_every_method_and_what_it_is_given(page: str) -> None:
    rows = re.findall(r"^\| `(on_\w+)\((\w+)\)` \| .* \| (.*) \|$", text(page), re.M)
    assert [row[0] for row in rows] == [
        name for name in vars(striate.Callback) if name.startswith("on_")
    ]
    kinds = {
        "training": base.TrainBegin,
        "batch": base.BatchEnd,
        "validation": base.ValidationEnd,
        "checkpoint": base.Checkpoint,
        "end": base.TrainEnd,
    }
    for method, argument, given in rows:
        annotated = vars(striate.Callback)[method].__annotations__
        assert argument in annotated
        own = {"on_epoch_end": base.EpochEnd, "on_run_end": base.RunEnd}
        kind = own.get(method) or kinds.get(argument)
        if kind is None:
            continue
        known = [each.name for each in fields(kind) if not each.name.startswith("_")]
        known += [name for name, value in vars(kind).items() if isinstance(value, property)]
        assert re.findall(r"`(\w+)`", given) == known, method
