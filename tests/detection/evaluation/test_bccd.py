"""Photographs of blood cells whose labels are held against themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from striate.detection.annotations.find import read_annotations
from striate.detection.annotations.labelled import held_out
from striate.detection.boxes import Boxes
from striate.detection.evaluation.average_precision import average_precision


def test_labels_against_themselves_are_an_ap_of_one(real_data: Path) -> None:
    folder = real_data / "bccd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    found = read_annotations(folder)
    assert found.classes == ("WBC", "RBC", "Platelets")
    assert (len(found.pictures), sum(len(each.boxes) for each in found.pictures)) == (364, 4886)
    part, pictures = held_out(found.pictures)
    assert (part, len(pictures)) == ("test", 72)
    sizes = [each.size or (0, 0) for each in pictures]
    truths = [each.truth(size) for each, size in zip(pictures, sizes, strict=True)]
    answers = [
        Boxes(each.xyxy.astype(np.float32), np.full(len(each), 0.9, np.float32), each.labels)
        for each in truths
    ]
    measured = average_precision(truths, answers, sizes, 3)
    assert [measured.figures[name] for name in ("ap", "ap50", "ap75")] == pytest.approx([1] * 3)
