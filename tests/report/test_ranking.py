"""The curves of the report, and what they come to in words."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np

from striate.evaluation.metrics import measure
from striate.report import ranking
from striate.report.build import render
from striate.report.inputs import ReportInputs

Make = Callable[..., ReportInputs]


def test_curves_of_the_mean_and_of_the_best_and_the_worst_class(make_inputs: Make) -> None:
    evaluation = make_inputs().evaluation
    drawn = {key: chart for _, key, chart in ranking.charts(evaluation)}
    assert list(drawn) == ["precision", "roc", "coverage"]
    for chart in drawn.values():
        ET.fromstring(chart.svg)
    areas = {each.name: each.average_precision for each in evaluation.ranking.classes}
    worst, best = (pick(areas, key=areas.__getitem__) for pick in (min, max))
    names = [row["name"] for row in drawn["roc"].hover["rows"]]
    assert names == [f"“{worst}”", f"“{best}”", "mean of the classes"]
    rows = drawn["coverage"].hover["rows"]
    assert rows[0]["text"][0] == "100.0\u202f%"
    assert rows[1]["text"][0] == f"{100 * evaluation.top1:.1f}\u202f%"


def test_what_the_curves_come_to(make_inputs: Make) -> None:
    inputs = make_inputs()
    said = ranking.sentence(inputs.evaluation)
    assert "below their ROC curves 0." in said
    assert "of the images are then unsure." in said
    page = render(inputs)
    assert 'id="thresholds"' in page
    found = ranking.areas(inputs.evaluation)[0]["pr"]
    assert f">{found:.3f}</td>" in page


def test_one_class_alone_has_no_curves() -> None:
    shares = np.tile(np.array([[0.9, 0.1]], np.float32), (3, 1))
    evaluation = measure(shares, np.zeros(3, np.int64), ["a", "b"])
    assert [key for _, key, _ in ranking.charts(evaluation)] == ["coverage"]
    assert ranking.sentence(evaluation) == ""
    assert ranking.areas(evaluation) == [{"pr": None, "roc": None}] * 2
