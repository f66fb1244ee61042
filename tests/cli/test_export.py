"""``striate export`` hands its options to the library and says what was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from striate import api
from striate.cli.export import export
from striate.cli.parsing import command_of
from striate.deploy.export import ExportReport, Tensor, Verified

app = command_of(export)
REPORT = ExportReport(
    file=Path("/somewhere/net.onnx"),
    bytes=1_234_567,
    opset=18,
    inputs=(Tensor(name="image", dtype="uint8", shape=("batch", "height", "width", 3)),),
    outputs=(Tensor(name="probabilities", dtype="float32", shape=("batch", 5)),),
    takes="uint8 (batch, height, width, 3), RGB, images of any size",
    classes=5,
    verified=Verified(
        images=16,
        onnxruntime=1e-7,
        openvino=2e-7,
        pipeline=3e-7,
        pixel_levels=0.0,
        seam=0.0,
        heat_maps=None,
    ),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    options: dict[str, Any] = {}

    def fake(**given: Any) -> ExportReport:
        options.update(given)
        return REPORT

    monkeypatch.setattr(api, "export", fake)
    return options


def test_defaults(asked: dict[str, Any]) -> None:
    result = CliRunner().invoke(app, ["some/run"])
    assert result.exit_code == 0
    assert asked == {
        "run": "some/run",
        "output": None,
        "opset": None,
        "input_name": "image",
        "output_name": None,
        "dynamic": ["batch", "height", "width"],
        "params": True,
        "capture": "export",
        "preprocess": True,
        "layout": "file",
        "cam": False,
        "int8": False,
        "threshold": None,
        "allow_code": False,
    }
    assert "image: uint8 (batch, height, width, 3)" in result.stdout
    assert "takes uint8 (batch, height, width, 3), RGB, images of any size" in result.stdout
    assert "verified on 16 images" in result.stdout
    assert "pixels to 0 of 255 levels, probabilities to 3e-07" in result.stdout


def test_options(asked: dict[str, Any]) -> None:
    options = "-o x.onnx --opset 13 --input-name a --output-name b --dynamic batch --no-params"
    result = CliRunner().invoke(
        app, ["run", *options.split(), "--capture", "trace", "--no-preprocess", "--json"]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["verified"]["images"] == 16
    assert asked["output"] == "x.onnx"
    assert (asked["opset"], asked["capture"]) == (13, "trace")
    assert (asked["input_name"], asked["output_name"], asked["dynamic"]) == ("a", "b", ["batch"])
    assert (asked["params"], asked["preprocess"]) == (False, False)


def test_in_eight_bits_as_well(asked: dict[str, Any]) -> None:
    result = CliRunner().invoke(app, ["run", "--int8", "--json"])
    assert result.exit_code == 0
    assert (asked["int8"], asked["progress"]) == (True, True)
    assert json.loads(result.stdout)["int8"] is None  # what the library gave back


def test_no_free_axis(asked: dict[str, Any]) -> None:
    assert CliRunner().invoke(app, ["run", "--dynamic", "none"]).exit_code == 0
    assert asked["dynamic"] == []
