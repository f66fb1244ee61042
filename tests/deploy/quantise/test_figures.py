from __future__ import annotations

import json

import numpy as np
import pytest

from striate.deploy.quantise.figures import ClassFigures, ClassLimits
from striate.deploy.quantise.judging import ClassJudge
from striate.evaluation.comparing.paired import paired_interval

LIMITS = ClassLimits(drop=0.003, agreement=0.97)


def figures(**changed: object) -> ClassFigures:
    sound = {
        "engine": "OpenVINO", "vnni": True, "emulated": False, "images": 1000, "agreement": 0.98,
        "float_top1": 0.9, "top1": 0.899, "interval": (-0.002, 0.004), "float_loss": 0.3,
        "loss": 0.31, "difference": 0.01,
    }  # fmt: skip
    return ClassFigures(**{**sound, **changed})  # type: ignore[arg-type]


def test_figures_of_four_images_by_hand() -> None:
    floats = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]], np.float32)
    integers = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.7, 0.3]], np.float32)
    labels = np.array([0, 0, 1, 0])
    found = ClassJudge(labels).compare(floats, integers, engine="OpenVINO", vnni=None)
    assert found.images == 4
    assert found.agreement == 0.5
    assert (found.float_top1, found.top1, found.lost) == (0.75, 0.75, 0.0)
    assert found.interval == paired_interval(1, 1, 4)
    assert found.difference == pytest.approx((0.1 + 0.2 + 0 + 0.5) / 4)
    assert found.float_loss == pytest.approx(-np.log([0.9, 0.6, 0.7, 0.2]).mean(), rel=1e-6)
    assert found.loss == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.7]).mean(), rel=1e-6)
    assert json.loads(json.dumps(found.to_json()))["interval"] == list(found.interval)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, ""),
        ({"agreement": 0.9699}, "97.0 % of answers agree in OpenVINO"),
        ({"top1": 0.88, "interval": (-0.001, 0.041)}, ""),
        ({"top1": 0.88, "interval": (0.001, 0.039)}, "top-1 loses 2.00 points in OpenVINO"),
        ({"top1": 0.893, "interval": (0.001, 0.02), "vnni": False}, ""),
        (
            {"top1": 0.88, "interval": (0.001, 0.039), "vnni": False, "emulated": True},
            "top-1 loses 2.00 points in OpenVINO without VNNI (emulated)",
        ),
        ({"top1": 0.893, "interval": (0.001, 0.02), "vnni": None}, "top-1 loses 0.70 points"),
        ({"top1": 0.95, "interval": (-0.06, -0.04)}, ""),
    ],
)
def test_what_is_outside_the_limits(changed: dict[str, object], problem: str) -> None:
    said = LIMITS.problem(figures(**changed))
    assert said.startswith(problem)
    assert bool(said) == bool(problem)
