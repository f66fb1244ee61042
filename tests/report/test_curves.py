from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from striate.report import curves
from striate.report.inputs import ReportInputs

Make = Callable[..., ReportInputs]
Line = Callable[..., dict[str, Any]]


def test_losses_show_main_auxiliary_and_validation(make_inputs: Make, make_epoch: Line) -> None:
    inputs = make_inputs(metrics=[make_epoch(i, heads=2) for i in range(4)])
    rows = {row["name"]: row["text"] for row in curves.losses(inputs).hover["rows"]}
    assert rows == {
        "auxiliary head 1": ["2.50", "1.25", "0.833"],
        "auxiliary head 2": ["2.50", "1.25", "0.833"],
        "training, main head": ["2.00", "1.00", "0.667"],
        "validation": ["2.20", "1.10", "0.733"],
    }


def test_without_heads_the_training_loss_is_the_loss(make_inputs: Make) -> None:
    rows = curves.losses(make_inputs()).hover["rows"]
    assert [row["name"] for row in rows] == ["training", "validation"]
    assert rows[0]["text"] == ["3.00", "1.50", "1.00"]


def test_top5_is_shown_only_where_it_says_anything(make_inputs: Make) -> None:
    few = [row["name"] for row in curves.accuracies(make_inputs()).hover["rows"]]
    many = [row["name"] for row in curves.accuracies(make_inputs("abcdefg")).hover["rows"]]
    assert "validation top-5" not in few
    assert "validation top-5" in many


def test_a_run_that_diverged_can_be_drawn(make_inputs: Make, make_epoch: Line) -> None:
    line = make_epoch(2)
    line["train"] |= {"loss": math.nan, "main": math.nan}
    line["validation"] |= {"loss": math.inf}
    inputs = make_inputs(metrics=[make_epoch(1), line])
    ET.fromstring(curves.losses(inputs).svg)
    assert "lowest after epoch 1 of 2" in curves.lesson(inputs)


def test_the_lesson_tells_of_learning_by_heart(make_inputs: Make, make_epoch: Line) -> None:
    lines = [make_epoch(i) for i in range(1, 5)]
    for line, loss in zip(lines, (1.0, 0.5, 0.6, 0.75), strict=True):
        line["validation"]["loss"] = loss
    said = curves.lesson(make_inputs(metrics=lines))
    assert "lowest after epoch 2 of 4, at 0.500" in said
    assert "rose by 50" in said
    assert "2.5 points above validation accuracy" in said  # 1 - 0.5/4 against 1 - 0.6/4


def test_a_fitted_head_that_training_made_worse_was_not_learnt_by_heart(
    make_inputs: Make, make_epoch: Line
) -> None:
    lines = [make_epoch(i) for i in range(1, 4)]
    for number, (line, loss) in enumerate(zip(lines, (0.5, 0.6, 0.7), strict=True)):
        line["epoch"] = number
        line["validation"]["loss"] = loss
    said = curves.lesson(make_inputs(metrics=lines))
    assert "lowest before the first epoch" in said
    assert "no better than the fitted head alone" in said
    assert "overfit" not in said
