"""``striate quantise`` hands its options to the library, and says what was written or why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from striate import api
from striate.cli.parsing import command_of
from striate.cli.quantise import quantise
from striate.deploy.quantise.figures import ClassFigures, ClassLimits
from striate.deploy.quantise.guard import Step
from striate.deploy.quantise.measuring import Speed
from striate.deploy.quantise.quantise import LayerReport, QuantiseReport

app = command_of(quantise)
FIGURES = ClassFigures(
    engine="OpenVINO",
    vnni=False,
    emulated=False,
    images=736,
    agreement=0.9715,
    float_top1=0.9022,
    top1=0.8981,
    interval=(-0.0041, 0.0122),
    float_loss=0.31,
    loss=0.32,
    difference=0.01,
)
REPORT = QuantiseReport(
    file=Path("/somewhere/net.int8.onnx"),
    source=Path("/somewhere/net.onnx"),
    network="resnet18",
    bytes=3_900_000,
    float_bytes=13_500_000,
    limits=ClassLimits(drop=0.003, agreement=0.97),
    steps=(Step(bits=7, floats=("/network/a/Conv", "b"), figures=(FIGURES,), problem=""),),
    layers=(
        LayerReport(
            name="/network/a/Conv",
            label="[red]a",
            title="conv 3×3, 3 → 8",
            weights=216,
            own=12.34,
            gathered=10.0,
            bits=32,
        ),
    ),
    calibrated=100,
    calibration="ab" * 32,
    speeds=(Speed(engine="OpenVINO", batch=8, float_ms=6.0, ms=2.0, ratio=3.0),),
    vnni=False,
    processor="a processor",
    notes=("of the images \x1b[31m",),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    options: dict[str, Any] = {}

    def fake(**given: Any) -> QuantiseReport:
        options.update(given)
        return REPORT

    monkeypatch.setattr(api, "quantise", fake)
    return options


def test_what_is_shown(asked: dict[str, Any]) -> None:
    result = CliRunner().invoke(app, ["net.onnx", "--data", "photos"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert asked["source"] == "net.onnx"
    assert asked["data"] == "photos"
    assert (asked["drop"], asked["agreement"], asked["calibration"]) == (0.3, 98.0, None)
    for said in (
        "3.9 MB instead of 13.5 (0.29); 7-bit weights, 2 layers float",
        "calibrated with 100 images, measured on 736",
        "without VNNI: of those with VNNI only ONNX Runtime's sums could be measured",
        "97.15 %",
        "+0.41",
        "3.00×",
        "[red]a",
        "12.3 dB",
        "float",
    ):
        assert said in " ".join(result.stdout.split()), said
    assert "\x1b[31m" not in result.stdout


def test_as_json(asked: dict[str, Any]) -> None:
    result = CliRunner().invoke(app, ["net.onnx", "--drop", "1", "-o", "x.onnx", "--json"])
    found = json.loads(result.stdout)
    assert asked["drop"] == 1
    assert asked["output"] == "x.onnx"
    assert found["weights"] == 7
    assert found["float_layers"] == ["/network/a/Conv", "b"]
    assert found["processor"] == {"name": "a processor", "vnni": False}
    assert found["figures"][0]["interval"] == [-0.0041, 0.0122]
