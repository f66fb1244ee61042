"""Average precision of boxes whose figures are worked out by hand, and what becomes of each box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from striate.detection.annotations.labelled import Truth
from striate.detection.boxes import Boxes
from striate.detection.evaluation.average_precision import average_precision
from striate.detection.evaluation.mistakes import Counts, counts, missed, surest_false

SIZE = (200, 200)
Row = tuple[float, float, float, float]
A, B, C = (10.0, 10.0, 30.0, 30.0), (50.0, 50.0, 110.0, 110.0), (0.0, 100.0, 120.0, 200.0)


def truth(rows: Sequence[Row], labels: Sequence[int], crowd: Sequence[bool] = ()) -> Truth:
    xyxy = np.array(rows, np.float64).reshape(-1, 4)
    areas = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    flags = np.array(crowd or [False] * len(xyxy), bool)
    return Truth(xyxy, np.array(labels, np.int64), areas, flags)


def boxes(rows: Sequence[Row], scores: Sequence[float], labels: Sequence[int]) -> Boxes:
    xyxy = np.array(rows, np.float32).reshape(-1, 4)
    return Boxes(xyxy, np.array(scores, np.float32), np.array(labels, np.int64))


def test_two_right_and_one_wrong_between_them() -> None:
    # Right, wrong, right: precision is 1 up to a recall of a half (51 of 101 recalls), then 2/3.
    found = average_precision(
        [truth([A, B], [0, 0])], [boxes([A, C, B], [0.9, 0.8, 0.7], [0, 0, 0])], [SIZE], 1
    )
    by_hand = (51 + 50 * 2 / 3) / 101
    for name in ("ap", "ap50", "ap75"):
        assert found.figures[name] == pytest.approx(by_hand)
    # A is small (400 pixels), B is medium (3,600), and nothing is large.
    assert found.figures["ap_small"] == pytest.approx(1)
    assert found.figures["ap_large"] is None
    assert found.figures["ar1"] == pytest.approx(0.5)
    assert found.figures["ar100"] == pytest.approx(1)
    at_half, _ = found.curves(0)
    assert at_half[[0, 50, 51, 100]].tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3])
    assert found.scores[[0, 50, 51, 100], 0].tolist() == pytest.approx([0.9, 0.9, 0.7, 0.7])


def test_a_box_three_fifths_right_counts_at_three_of_ten_limits() -> None:
    three_fifths = (10.0, 10.0, 30.0, 22.1)  # IoU .605: right at .50, .55 and .60
    found = average_precision([truth([A], [1])], [boxes([three_fifths], [0.3], [1])], [SIZE], 3)
    assert found.figures["ap"] == pytest.approx(0.3)
    assert (found.figures["ap50"], found.figures["ap75"]) == pytest.approx((1, 0))
    assert found.of_class(1) == pytest.approx((0.3, 1, 0), abs=1e-9)
    assert found.of_class(0) == (None, None, None)


def test_classes_that_are_labelled_count_the_same_and_others_not_at_all() -> None:
    # Class 0: one of one right. Class 1: nothing found. Class 2: found, and nowhere labelled.
    found = average_precision(
        [truth([A, B], [0, 1]), truth([], [])],
        [boxes([A], [0.9], [0]), boxes([B], [0.9], [2])],
        [SIZE, SIZE],
        3,
    )
    assert found.figures["ap"] == pytest.approx(0.5)
    assert found.of_class(1) == (0, 0, 0)


def test_nothing_found_at_all_is_an_ap_of_nothing() -> None:
    found = average_precision([truth([A], [0])], [Boxes.none()], [SIZE], 1)
    assert found.figures["ap"] == 0
    assert counts([truth([A], [0])], [Boxes.none()], found.outcomes, 1, 0.25) == [Counts(0, 0, 1)]


def test_boxes_in_a_crowd_are_neither_right_nor_wrong() -> None:
    given = [truth([A, C], [0, 0], [False, True])]
    inside = (0.0, 100.0, 40.0, 140.0)
    answers = [boxes([A, inside, inside], [0.5, 0.9, 0.8], [0, 0, 0])]
    found = average_precision(given, answers, [SIZE], 1)
    assert found.figures["ap"] == pytest.approx(1)
    assert counts(given, answers, found.outcomes, 1, 0.25) == [Counts(1, 0, 0)]
    assert not surest_false(given, answers, found.outcomes, 9, range(3))


def test_each_mistake_has_its_kind() -> None:
    barely = (60.0, 60.0, 130.0, 130.0)
    given = [truth([A, B], [0, 1]), truth([C], [0])]
    answers = [
        boxes(
            [A, A, B, barely, (150.0, 150.0, 190.0, 190.0)],
            [0.9, 0.8, 0.7, 0.6, 0.5],
            [0, 0, 0, 1, 1],
        ),
        boxes([C], [0.1], [0]),
    ]
    found = average_precision(given, answers, [SIZE, SIZE], 2)
    wrong = surest_false(given, answers, found.outcomes, 9, {0, 1})
    assert [(each.kind, each.score) for each in wrong] == [
        ("twice", pytest.approx(0.8)),
        ("class", pytest.approx(0.7)),
        ("place", pytest.approx(0.6)),
        ("nothing", pytest.approx(0.5)),
    ]
    assert wrong[1].labelled == (1, B)
    assert wrong[3].labelled is None
    assert wrong[2].overlap == pytest.approx(2500 / (3600 + 4900 - 2500))
    # C was found with .1 alone, B by a box of .6 that overlaps it too little.
    lost = missed(given, found.outcomes, 0.25, 9)
    assert [(each.picture, each.label, each.score) for each in lost] == [
        (1, 0, pytest.approx(0.1)),
        (0, 1, 0.0),
    ]
    assert counts(given, answers, found.outcomes, 2, 0.25) == [Counts(1, 2, 1), Counts(0, 2, 1)]


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_labelled_is_found_in_itself_without_a_fault(seed: int) -> None:
    rng = np.random.default_rng(seed)
    given = []
    for _ in range(5):
        corner = rng.uniform(0, 90, (6, 2))
        rows = np.concatenate([corner, corner + rng.uniform(5, 100, (6, 2))], 1)
        given.append(truth(rows.tolist(), rng.integers(0, 3, 6).tolist()))
    answers = [boxes(each.xyxy.tolist(), [0.9] * 6, each.labels.tolist()) for each in given]
    found = average_precision(given, answers, [SIZE] * 5, 3)
    assert found.figures["ap"] == pytest.approx(1)
    assert not missed(given, found.outcomes, 0.25, 9)
    assert not surest_false(given, answers, found.outcomes, 9, range(3))
