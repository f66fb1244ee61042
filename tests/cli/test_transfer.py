"""What the command passes on and prints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from striate import api
from striate.cli.parsing import command_of
from striate.cli.transfer import transfer
from striate.errors import ExportError
from striate.transfer_learning.result import TransferResult

RESULT = TransferResult(
    run=Path("/runs/flowers"),
    network="timm:some_network",
    head="svm",
    freeze="all",
    views=2,
    C=0.01,
    validated=0.9,
    images=100,
    classes=5,
    top1=0.91,
    top5=1.0,
    loss=0.3,
    interval=(0.84, 0.95),
    engine="openvino bfloat16",
    features_computed=500,
    features_found=0,
    features_seconds=2.0,
    images_per_second=250.0,
    head_seconds=1.5,
    held_out_seconds=0.5,
    report=Path("/runs/flowers/report.html"),
    export=Path("/runs/flowers/some_network.onnx"),
)


def run(*typed: str) -> None:
    app = command_of(transfer)
    app(["flowers", "--backbone", "timm:some_network", *typed], standalone_mode=False)


@pytest.mark.parametrize("as_json", [False, True])
def test_transfer(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def carry(data: str, **options: Any) -> TransferResult:
        asked.update(options, data=data)
        return RESULT

    monkeypatch.setattr(api, "transfer", carry, raising=False)
    run("--head", "svm", "--views", "2", *["--json"] * as_json)
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines) == 1) == as_json
    if as_json:
        assert json.loads(lines[0])["top1"] == 0.91
        assert json.loads(lines[0])["export"] == "/runs/flowers/some_network.onnx"
    else:
        assert "91.00 %" in lines[0]
        assert "top-5" not in lines[0]  # of five classes it can be nothing but 100 %
        assert "500 features in 2.0 s (250 images/s, openvino bfloat16)" in lines[1]
    assert asked["data"] == "flowers"
    assert (asked["backbone"], asked["head"], asked["freeze"]) == (
        "timm:some_network",
        "svm",
        "all",
    )
    assert asked["export"]
    assert asked["progress"]


@pytest.mark.parametrize("as_json", [False, True])
def test_an_export_that_failed_costs_neither_the_run_nor_its_figures(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "the exported graph: ONNX Runtime differs by 0.3 on tulip.jpg (240 x 320)"
    failed = replace(RESULT, export=None, export_error=why)
    monkeypatch.setattr(api, "transfer", lambda *_, **__: failed, raising=False)
    with pytest.raises(
        ExportError, match=r"a whole run, but .*tulip\.jpg.*striate export"
    ) as caught:
        run(*["--json"] * as_json)
    assert "\n" not in str(caught.value)
    shown = capsys.readouterr().out
    if as_json:
        assert (json.loads(shown)["export"], json.loads(shown)["export_error"]) == (None, why)
    else:
        assert "91.00 %" in shown
        assert "export  none: it failed" in shown.splitlines()
