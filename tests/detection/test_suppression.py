"""Suppression against a slow plain loop, and against torchvision's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchvision.ops import batched_nms, box_iou

from striate.detection.suppression import Rule, distance, iou, suppress

# Few coordinates and scores: many boxes touch, are equal, tie, or have no area.
SIDES = st.integers(0, 6)
BOX = st.tuples(SIDES, SIDES, SIDES, SIDES, st.integers(1, 4), st.integers(0, 2))


def arrays(rows: list[tuple[int, ...]]) -> tuple[NDArray[np.float32], ...]:
    table = np.array(rows, np.float32).reshape(-1, 6)
    xyxy = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], 1) / 8
    return xyxy, table[:, 4] / 5, table[:, 5].astype(np.int64)


def in_common(a: list[float], b: list[float], rule: Rule) -> float:
    wide, high = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    shared = max(wide, 0) * max(high, 0)
    areas = sum((each[2] - each[0]) * (each[3] - each[1]) for each in (a, b))
    found = shared / (areas - shared) if areas > shared else 0.0
    if rule == "greedy":
        around = math.hypot(*(max(a[k + 2], b[k + 2]) - min(a[k], b[k]) for k in (0, 1)))
        apart = math.hypot(*((a[k] + a[k + 2] - b[k] - b[k + 2]) / 2 for k in (0, 1)))
        found -= (apart**2 / around**2) ** 0.6 if around else 0.0
    return found


def plain(
    xyxy: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64], rule: Rule
) -> list[int]:
    """One box after the other, as the rule is written down."""
    stays: list[int] = []
    for each in sorted(range(len(scores)), key=lambda index: (-scores[index], index)):
        box = xyxy[each].tolist()
        rivals = [other for other in stays if classes[other] == classes[each]]
        if all(in_common(xyxy[other].tolist(), box, rule) <= 0.45 for other in rivals):
            stays.append(each)
    return stays


@pytest.mark.parametrize("rule", ["greedy", "iou"])
@settings(max_examples=120, deadline=None)
@given(rows=st.lists(BOX, max_size=24))
def test_a_plain_loop_keeps_the_same_boxes(rule: Rule, rows: list[tuple[int, ...]]) -> None:
    xyxy, scores, classes = arrays(rows)
    found = suppress(xyxy, scores, classes, rule=rule, limit=0.45)
    assert found.tolist() == plain(xyxy, scores, classes, rule)


def random_boxes(count: int) -> tuple[NDArray[np.float32], ...]:
    draw = np.random.default_rng(3)
    corner, side = draw.random((count, 2)), draw.random((count, 2)) / 2
    xyxy = np.concatenate([corner, corner + side], 1).astype(np.float32)
    return xyxy, draw.random(count).astype(np.float32), draw.integers(0, 4, count)


def test_the_plain_rule_is_torchvisions() -> None:
    xyxy, scores, classes = random_boxes(400)
    theirs = batched_nms(*map(torch.from_numpy, (xyxy, scores, classes)), 0.45)
    found = suppress(xyxy, scores, classes, rule="iou", limit=0.45)
    assert found.tolist() == theirs.tolist()
    assert len(found) < len(suppress(xyxy, scores, classes, rule="greedy", limit=0.45))


def test_iou_is_torchvisions() -> None:
    xyxy, _, _ = random_boxes(50)
    theirs = box_iou(torch.from_numpy(xyxy[:1]), torch.from_numpy(xyxy))[0]
    assert np.allclose(iou(xyxy[0], xyxy), theirs, atol=1e-6)


def test_the_distance_of_centres_over_the_diagonal_around_both() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [0, 0, 0, 0]], np.float32)
    assert distance(boxes[0], boxes).tolist() == pytest.approx([0, 1 / 13, 2 / 8])
    assert iou(boxes[2], boxes).tolist() == [0, 0, 0]
