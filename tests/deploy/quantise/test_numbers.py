"""Networks of numbers in 8 bits: held against the float network's own values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import striate
from striate.deploy.quantise import graph
from striate.deploy.quantise.figures import TargetFigures, ValueFigures, ValueLimits
from striate.deploy.quantise.judging import ValueJudge
from striate.deploy.quantise.quantise import QuantiseReport
from striate.deploy.quantise.ranking import worst_first
from striate.engines.answers import TARGETS, targets_to_json
from striate.engines.capture import GraphOptions, capture
from striate.engines.values import Values
from striate.errors import ExportError, StriateError
from striate.runs.targets import ScaledTarget

AGE = ScaledTarget(name="age", unit="years", mean=40.0, deviation=10.0, low=0.0, high=90.0)
COUNT = ScaledTarget(name="count", mean=3e4, deviation=5e3, low=0.0, high=7e4)
EASY: dict[str, Any] = {"calibration": 12, "difference": 20.0, "workers": 0}


@pytest.fixture(scope="module")
def run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of one number, with an odd unit."""
    out = tmp_path_factory.mktemp("numbers") / "run"
    given: dict[str, Any] = {"net": "lenet", "epochs": 2, "batch_size": 8, "workers": 0}
    return striate.train(squares, target="side", unit="<b>", out=out, **given).run


@pytest.fixture(scope="module")
def made(run: Path) -> QuantiseReport:
    return striate.quantise(run, **EASY)


def test_the_figures_are_those_of_the_values(
    made: QuantiseReport, run: Path, squares: Path
) -> None:
    report = striate.export(run, run.parent / "float.onnx", capture="trace")
    held = [squares / name for name in _held_out(run)]
    with striate.open_regressor(report.file) as one, striate.open_regressor(made.file) as other:
        assert one.targets == other.targets
        floats, integers = one.values(held), other.values(held)
    (figures, *_) = made.figures
    assert isinstance(figures, ValueFigures)
    (target,) = figures.targets
    assert target.name == "side (<b>)"
    assert target.difference == pytest.approx(np.abs(floats - integers).mean(), rel=0.05)
    assert 0 < figures.difference < EASY["difference"] / 100
    told = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert told["difference"] == EASY["difference"] / 100
    assert "agreement" not in told


@pytest.mark.parametrize("way", ["trace", "export"])
def test_the_last_layer_stays_float(way: Any) -> None:
    """Or values would have steps, and end where those of the calibration do."""
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = nn.Sequential(body, nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    module = Values(network, [AGE.mean, COUNT.mean], [AGE.deviation, COUNT.deviation]).eval()
    options = GraphOptions(capture=way)
    model = capture(module, torch.zeros(2, 3, 9, 9), {0: "batch"}, options)
    entries = {TARGETS: targets_to_json((AGE, COUNT), ((), ()))}
    onnx.helper.set_model_props(model, entries)
    ready = graph.prepared(model)
    titles = [layer.title for layer in graph.layers(ready)]
    assert titles == ["conv 3×3, 3 → 4", "linear, 4 → 8"]
    kinds = {node.name: node.op_type for node in ready.graph.node}
    integer = [kinds[name] for name in graph.integer_nodes(ready)]
    assert not {"Mul", "Add"} & set(integer)


def test_people_are_told_in_units_and_deviations(made: QuantiseReport) -> None:
    text = " ".join(str(made).split())
    assert "of deviation" in text
    assert "side (<b>)" in text
    page = (made.page or Path()).read_text("utf-8")
    assert "of a deviation is the mean difference of a value" in page
    assert "side (&lt;b&gt;)" in page
    assert "top-1" not in page


def test_a_file_is_evaluated_as_its_run_is(made: QuantiseReport, run: Path, squares: Path) -> None:
    whole: Any = striate.evaluate(run, squares, all_images=True)
    file: Any = striate.evaluate(made.file, squares, all_images=True)
    one, other = (each.per_target[0].figures["mae"].value for each in (whole, file))
    assert one == pytest.approx(other, rel=0.05)
    assert any("nothing was left out" in note for note in file.notes)


def test_outside_the_limit_no_file_is_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = ValueJudge.compare
    worse: Callable[..., Any] = lambda *a, **b: replace(compare(*a, **b), difference=0.5)  # noqa: E731
    monkeypatch.setattr(ValueJudge, "compare", worse)
    with pytest.raises(ExportError) as caught:
        striate.quantise(run, tmp_path / "x.onnx", **EASY)
    assert "values differ by 50.00 % of a deviation in ONNX Runtime" in str(caught.value)
    assert "allow more with `difference`" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_limits_of_the_other_kind_are_refused(run: Path) -> None:
    with pytest.raises(StriateError, match=r"agreement.*is for networks of classes"):
        striate.quantise(run, agreement=90.0)


def test_figures_of_two_targets_by_hand() -> None:
    true = np.array([[40.0, 30000.0], [50.0, 20000.0]])
    floats = np.float32([[41, 31000], [50, 20000]])
    integers = np.float32([[42, 31000], [49, 21000]])
    found = ValueJudge(true, (AGE, COUNT)).compare(floats, integers, engine="OpenVINO", vnni=None)
    assert found.images == 2
    assert found.targets == (
        TargetFigures(name="age (years)", difference=1.0, of_deviation=0.1, float_mae=0.5, mae=1.5),
        TargetFigures(
            name="count", difference=500.0, of_deviation=0.1, float_mae=500.0, mae=1000.0
        ),
    )
    assert found.difference == pytest.approx(0.1)
    assert ValueLimits(difference=0.1).problem(replace(found, difference=0.1)) == ""
    assert "10.10 % of a deviation" in ValueLimits(difference=0.1).problem(
        replace(found, difference=0.101)
    )


def test_layers_are_ranked_in_deviations() -> None:
    """A block that moves a large number less, in its deviations, than another a small one."""
    floats = np.zeros((1, 2), np.float32)
    left: dict[tuple[str, ...], NDArray[np.float32]] = {
        ("a",): np.float32([[5, 0]]),
        ("b",): np.float32([[0, 50]]),
    }
    unit = np.array([AGE.deviation, COUNT.deviation])
    assert worst_first(list(left), floats, left.__getitem__, unit) == [("b",), ("a",)]


def _held_out(run: Path) -> list[str]:
    from striate.runs.predicted_values import read_values
    from striate.runs.run import Run

    found = read_values(Run.open(run))
    assert found is not None
    return list(found.names)
