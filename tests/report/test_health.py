from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from striate.report.health import health
from striate.report.inputs import ReportInputs

Make = Callable[..., ReportInputs]


def lines(gradients: Sequence[Sequence[float]], activation: float = 1.0) -> list[dict[str, Any]]:
    """Metrics with `gradients` for each epoch and layer."""
    return [
        {
            "epoch": number,
            "health": {
                f"layer{i}": {"gradient": size, "activation": activation, "weight": 0.1}
                for i, size in enumerate(sizes)
            },
        }
        for number, sizes in enumerate(gradients)
    ]


@pytest.mark.parametrize(
    ("gradients", "words"),
    [
        (
            [[1e-9, 1e-6, 1e-3]] * 2,
            "Gradients vanish: before training, those of the first layers are 10",
        ),
        ([[1e-2, 1e-2, 1e-2], [1e3, 1.0, 1e-3]], "Gradients explode: after epoch 1"),
        ([[0.1, 0.0, 0.1]] * 2, "No gradient at all reached layer1 at times"),
        ([[0.1, math.inf, 0.1]] * 2, "The gradients of layer1 overflowed in epoch 0"),
        (
            [[0.1] * 3, [0.1] * 3, [50.0] * 3, [0.1] * 3],
            "Gradients spiked in epoch 2, to 500 times",
        ),
    ],
)
def test_troubles_are_named(make_inputs: Make, gradients: list[list[float]], words: str) -> None:
    found = health(make_inputs(metrics=lines(gradients)))
    assert found is not None
    assert not found.good
    assert words in found.verdict


def test_a_sound_network_is_called_so(make_inputs: Make) -> None:
    found = health(make_inputs(metrics=lines([[0.02, 0.01, 0.005]] * 3)))
    assert found is not None
    assert found.good
    assert "first layers are 4.0 times larger" in found.verdict


def test_overflow_of_activations_is_named(make_inputs: Make) -> None:
    found = health(make_inputs(metrics=lines([[0.1] * 3], activation=math.inf)))
    assert found is not None
    assert "activations of layer0 overflowed" in found.verdict


def test_without_sizes_there_is_no_section(make_inputs: Make) -> None:
    assert health(make_inputs(metrics=[{"epoch": 1}])) is None


def test_one_layer_one_epoch_and_a_thousand_layers_can_be_drawn(make_inputs: Make) -> None:
    for count, epochs in ((1, 1), (2, 1), (1202, 300)):
        found = health(make_inputs(metrics=lines([[0.1] * count] * epochs)))
        assert found is not None
        ET.fromstring(found.gradients_by_depth.svg)
        ET.fromstring(found.gradients_over_time.svg)
        hover = found.gradients_over_time.hover
        assert len(hover["rows"]) <= 160
        assert len(hover["columns"]) <= 120
        assert hover["rows"][-1] == f"{count}. layer{count - 1}", "both ends are kept"


def test_a_layer_that_appears_late_leaves_a_gap(make_inputs: Make) -> None:
    given = lines([[0.1, 0.1], [0.1, 0.1]])
    del given[0]["health"]["layer1"]
    found = health(make_inputs(metrics=given))
    assert found is not None
    assert found.gradients_over_time.hover["values"][1][0] is None
