from __future__ import annotations

import numpy as np
import pytest

from striate.detection.boxes import Boxes


def test_boxes_are_cut_at_the_pictures_edges() -> None:
    boxes = Boxes(
        np.array([[-3, 2, 12, 30]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
    )
    assert boxes.clipped((20, 10)).xyxy.tolist() == [[0, 2, 10, 20]]


def test_parts_of_other_lengths_are_no_boxes() -> None:
    with pytest.raises(ValueError, match="shapes"):
        Boxes(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros(2, np.int64))


def test_no_box() -> None:
    none = Boxes.none()
    assert len(none) == 0
    assert len(none.take(np.zeros(0, bool))) == 0
