"""What a network gave for held-out images is read as it was kept, or said to be damaged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from striate.data.images import ImageSet
from striate.errors import RunError
from striate.runs.layout import PREDICTIONS
from striate.runs.predictions import keep_predictions
from striate.runs.run import Run

NAMES = ("a/<b>.jpg", "a/\udcff\n.jpg", "花/1.png", "b.jpg")
SHARES = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0.25, 0.25, 0.5], [1, 0, 0]], np.float32)


@pytest.fixture
def kept(run: Run) -> Run:
    """A run with what its network gave for four images."""
    images = ImageSet(
        classes=run.classes,
        labels=np.array([0, 1, 2, 2], np.int64),
        names=NAMES,
        digests=[f"{number:032x}" for number in range(4)],
        sizes=np.ones((4, 2), np.int32),
        grey=np.ones(4, np.bool_),
    )
    keep_predictions(run, images, SHARES, split="split")
    return run


def test_they_are_read_as_they_were_kept(kept: Run) -> None:
    found = kept.predictions()
    assert found is not None
    assert found.names == NAMES
    assert found.labels.tolist() == [0, 1, 2, 2]
    assert found.digests[3] == f"{3:032x}"
    assert (found.probabilities == SHARES).all()
    assert found.predicted.tolist() == [0, 1, 2, 0]
    assert (found.classes, found.split, found.epoch) == (kept.classes, "split", 7)


def test_a_run_without_them_has_none(run: Run) -> None:
    assert run.predictions() is None


def test_those_of_another_run_are_refused(kept: Run) -> None:
    object.__setattr__(kept.config, "seed", 4)
    with pytest.raises(RunError, match="is that of another run; make it anew: striate evaluate"):
        kept.predictions()


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.array([0, 1, 2, 3], np.int32)},
        {"labels": np.array([0], np.int32)},
        {"probabilities": SHARES[:, :2].copy()},
        {"probabilities": np.full((4, 3), np.nan, np.float32)},
        {"probabilities": SHARES * 2},
        {"digests": np.zeros((1, 16), np.uint8)},
        {"names": np.frombuffer(b"[1", np.uint8)},
        {"names": np.frombuffer(b"[" * 100_000, np.uint8)},
        {"names": np.frombuffer(json.dumps(NAMES[:2]).encode(), np.uint8)},
    ],
)
def test_parts_that_do_not_belong_together(kept: Run, change: dict[str, Any]) -> None:
    path = kept.path / PREDICTIONS
    about = json.dumps(
        {"identity": kept.config.identity, "epoch": 7, "digest": "d", "split": "val"}
    )
    save_file(load_file(path) | change, path, metadata={"striate": about})
    with pytest.raises(RunError, match=r"is damaged .*; make it anew: striate evaluate"):
        kept.predictions()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 99])
def test_what_is_no_such_file(kept: Run, content: bytes) -> None:
    (kept.path / PREDICTIONS).write_bytes(content)
    with pytest.raises(RunError, match="is damaged"):
        kept.predictions()
