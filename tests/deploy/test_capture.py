"""Options that cannot be met are refused before any work; captured graphs are clean."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import striate.deploy.capture
from striate.deploy.capture import AXES, GraphOptions, capture, with_distinct_weights
from striate.deploy.preprocess_graph import Deployed
from striate.errors import ExportError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 11}, "--opset 11: .* choose 18 to .* 12 to 17 with --capture trace"),
        ({"opset": 999}, "--opset 999: "),
        ({"opset": 21, "capture": "trace"}, "choose 12 to 20"),
        ({"dynamic": ("batch", "hight")}, "--dynamic hight: .* did you mean 'height'"),
        ({"capture": "tracing"}, "--capture tracing: .* did you mean 'trace'"),
        ({"input_name": ""}, "two different names"),
        ({"input_name": "x", "output_name": "x"}, "two different names"),
    ],
)
def test_refuses_what_it_cannot_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message) as caught:
        GraphOptions(**options)
    assert "\n" not in str(caught.value)


def test_notes_of_the_exporter_are_not_in_the_file(
    run: Any, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    example = torch.zeros(2, 40, 41, 3, dtype=torch.uint8)
    module = Deployed(run.network(), run.preprocessing).eval()
    model = capture(module, example, dict(enumerate(AXES)), GraphOptions(capture="trace"))
    assert __file__.rsplit("/tests/", 1)[0].encode() not in model.SerializeToString()
    assert (capsys.readouterr(), list(recwarn)) == (("", ""), [])


class Unscriptable(nn.Module):
    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        return x[0]


class Unexportable(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.det(torch.fft.fft(x).real)


@pytest.mark.parametrize("network", [Unscriptable(), Unexportable()])
def test_a_network_that_cannot_be_captured_is_one_clear_line(
    network: nn.Module, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExportError, match="--capture script: PyTorch cannot capture") as caught:
        capture(network, torch.ones(3, 3), {}, GraphOptions(capture="script"))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert caught.value.__cause__ is not None


def test_an_exporter_that_gives_another_opset_is_found_out(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = striate.deploy.capture._capture_torchscript

    def other(module: Any, example: Any, axes: Any, _options: Any) -> bytes:
        return written(module, example, axes, GraphOptions(capture="trace", opset=17))

    monkeypatch.setattr(striate.deploy.capture, "_capture_torchscript", other)
    with pytest.raises(ExportError, match=r"--opset 15: .* gave \[17\] instead"):
        capture(
            run.network(), torch.zeros(2, 3, 32, 32), {}, GraphOptions(capture="trace", opset=15)
        )


def test_distinct_weights_leave_the_network_alone(run: Any) -> None:
    network = run.network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    twin = with_distinct_weights(network).state_dict()
    assert not torch.equal(twin["bn1.weight"], twin["bn2.weight"])
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
