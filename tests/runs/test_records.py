"""What a training wrote of itself is held against what it writes."""

from __future__ import annotations

import pytest

from striate.errors import RunError
from striate.runs.layout import EVALUATION, METRICS, TIMING
from striate.runs.run import Run

LINE = (
    b'{"epoch": 1, "step": 9, "learning_rate": 0.1, "health": {"conv1": {"gradient": 0.1}}, '
    b'"train": {"loss": 1.0, "main": 1, "auxiliary": [], "top1": 0.5}, '
    b'"validation": {"loss": 1.0, "top1": 0.5, "top5": 1.0}}\n'
)


@pytest.mark.parametrize(
    "second",
    [
        b"\xff\xfe\n",
        b"{\n",
        b"3\n",
        b"[]\n",
        b"{}\n",
        b"null\n",
        b"[" * 100_000 + b"\n",
        b"x" * 100_000 + b"\n",
        LINE.replace(b'"epoch": 1', b'"epoch": "1"'),
        LINE.replace(b'"epoch": 1', b'"epoch": -1'),
        LINE.replace(b'"epoch": 1', b'"epoch": 1' + b"0" * 5000),
        LINE.replace(b'"gradient": 0.1', b'"gradient": NaN'),
        LINE.replace(b'"gradient": 0.1', b'"gradient": null'),
        LINE.replace(b'{"gradient": 0.1}', b"[]"),
        LINE.replace(b'"top5": 1.0', b'"top5": Infinity'),
        LINE.replace(b', "top5": 1.0', b""),
        LINE.replace(b'"step"', b'"steps"'),
    ],
)
def test_damaged_records(run: Run, second: bytes) -> None:
    (run.path / METRICS).write_bytes(LINE)
    assert run.metrics[0]["train"]["top1"] == 0.5
    (run.path / METRICS).write_bytes(LINE + second)
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2: is damaged") as found:
        _ = run.metrics
    assert len(str(found.value)) < 400
    timing = b'{"epoch": 1, "seconds": 0.1, "images_per_second": 9}\n'
    (run.path / TIMING).write_bytes(timing)
    assert run.timing[0]["images_per_second"] == 9
    (run.path / TIMING).write_bytes(timing + second)
    with pytest.raises(RunError, match=r"timing\.jsonl, line 2: is damaged"):
        _ = run.timing
    (run.path / EVALUATION).write_bytes(b"{}" + second)
    with pytest.raises(RunError, match=r"evaluation\.json: is damaged"):
        _ = run.evaluation


def test_absent_and_unreadable_records(run: Run) -> None:
    assert run.metrics == []
    assert run.evaluation is None
    (run.path / METRICS).mkdir()
    with pytest.raises(RunError, match=r"metrics\.jsonl: is a folder, not a file"):
        _ = run.metrics
