"""Diagrams and sentences on probabilities, as they are and calibrated."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from striate.evaluation.metrics import measure
from striate.evaluation.temperature import scaling_of
from striate.report import reliability
from striate.report.build import render
from striate.report.inputs import ReportInputs

Make = Callable[..., ReportInputs]


def test_trust_compares_confidence_with_accuracy() -> None:
    labels = np.zeros(100, int)
    for confidence, right, word in [
        (0.9, 60, "far over"),
        (0.6, 64, "little under"),
        (0.8, 80, "well calibrated"),
    ]:
        shares = np.tile(np.array([[confidence, 1 - confidence]], np.float32), (100, 1))
        shares[right:] = shares[right:, ::-1]
        assert word in reliability.trust(measure(shares, labels, ["a", "b"]))


def test_reliability_has_a_bar_for_each_bin_that_holds_images(make_inputs: Make) -> None:
    evaluation = make_inputs().evaluation
    bars = list(ET.fromstring(reliability.diagram(evaluation.calibration)).iter("rect"))
    assert len(bars) == sum(b.images > 0 for b in evaluation.calibration)
    words = bars[-1].find("title")
    assert words is not None
    assert "right" in (words.text or "")


def test_calibrating_is_recommended_where_it_helps_and_shown_where_it_was_done(
    make_inputs: Make,
) -> None:
    labels = np.arange(200) % 2
    shares = np.tile(np.array([[0.99, 0.01]], np.float32), (200, 1))
    sure = measure(shares, labels, ["a", "b"])
    assert reliability.advice(sure) == ""
    assert [of for of, _ in reliability.diagrams(sure)] == [""]
    scaling = scaling_of(shares, labels)
    could = replace(sure, scaling=scaling)
    assert "would bring the expected calibration error from 49.0" in reliability.advice(could)
    assert [of for of, _ in reliability.diagrams(could)] == [
        "as the network gives it",
        "if it were calibrated, cross-fitted",
    ]
    inputs = make_inputs(classes=("a", "b"))
    assert "<code>striate calibrate RUN</code>" in render(replace(inputs, evaluation=could))
    done = replace(could, scaling=scaling_of(shares, labels, used=20.0, elsewhere=True))
    said = reliability.advice(done)
    assert said.startswith("It is calibrated by the temperature 20.0, which took")
    assert "judged" not in said
    assert "striate calibrate" not in render(replace(inputs, evaluation=done))
    assert reliability.diagrams(done)[1][0] == "calibrated"
