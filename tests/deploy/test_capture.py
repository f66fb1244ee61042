"""Options that cannot be met are refused before any work; captured graphs are clean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from striate.deploy import verify
from striate.deploy.trial import with_distinct_weights
from striate.engines import capture as module
from striate.engines.capture import GraphOptions, capture, capture_somehow
from striate.engines.packages import need
from striate.engines.probabilities import Probabilities
from striate.errors import ExportError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 11}, "`opset=11`: .* choose 18 to .* 12 to 17 with `capture='trace'`"),
        ({"opset": 999}, "`opset=999`: ONNX Runtime"),
        ({"opset": 21, "capture": "trace"}, "choose 12 to 20"),
        ({"dynamic": ("batch", "hight")}, "`dynamic='hight'`: .* did you mean 'height'"),
        ({"dynamic": ("batch", "height")}, "height and width are free together"),
        ({"dynamic": ("width",)}, "name both or neither"),
        ({"capture": "tracing"}, "`capture='tracing'`: .* did you mean 'trace'"),
        ({"input_name": ""}, "must be two names, and different"),
        ({"input_name": "x", "output_name": "x"}, "must be two names, and different"),
    ],
)
def test_refuses_what_it_cannot_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message) as caught:
        GraphOptions(**options)
    assert "\n" not in str(caught.value)


def test_notes_of_the_exporter_are_not_in_the_file(
    run: Any, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    classifier = Probabilities(run.network()).eval()
    example = torch.zeros(2, 3, 32, 32)
    model = capture(classifier, example, {0: "batch"}, GraphOptions(capture="trace"))
    assert __file__.rsplit("/tests/", 1)[0].encode() not in model.SerializeToString()
    assert (capsys.readouterr(), list(recwarn)) == (("", ""), [])


def test_defaults_that_other_engines_do_not_know_are_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """OpenCV and tract load no `ConstantOfShape` that leaves its value out."""
    helper, numbers = onnx.helper, onnx.TensorProto
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["zeros"])]
    ends = [
        helper.make_tensor_value_info("shape", numbers.INT64, [1]),
        helper.make_tensor_value_info("zeros", numbers.FLOAT, [None]),
    ]
    graph = helper.make_graph(nodes, "zeros", ends[:1], ends[1:])
    given = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    monkeypatch.setattr(module, "_capture_export", lambda *_: given)
    model = capture(nn.Identity(), torch.zeros(1), {}, GraphOptions())
    value = model.graph.node[0].attribute[0]
    assert value.name == "value"
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(value.t), np.zeros(1, np.float32))


class Unscriptable(nn.Module):
    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        return x[0]


class Unexportable(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.det(torch.fft.fft(x).real)


class Uncapturable(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(x).real


@pytest.mark.parametrize("network", [Unscriptable(), Unexportable()])
def test_a_network_that_cannot_be_captured_is_one_clear_line(
    network: nn.Module, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExportError, match="`capture='script'`: PyTorch cannot capture") as caught:
        capture(network, torch.ones(3, 3), {}, GraphOptions(capture="script"))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert caught.value.__cause__ is not None


class Untraceable(nn.Module):
    """A size that hangs on the map's, which a trace with a free batch does not know."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(x, 2)
        return nn.functional.max_pool2d(x, 3, padding=(x.shape[2] % 2, x.shape[3] % 2))


def test_what_a_trace_cannot_capture_is_captured_in_another_way() -> None:
    options, example = GraphOptions(dynamic=("batch",)), torch.ones(2, 1, 10, 12)
    with pytest.raises(ExportError, match="try `capture='export'` or `capture='script'`") as caught:
        capture(Untraceable(), example, {0: "batch"}, replace(options, capture="trace"))
    assert "not constant" in str(caught.value)  # what is the matter, not where it was noticed
    model = capture_somehow(Untraceable(), example, {0: "batch"}, options)
    images = np.ones((5, 1, 10, 12), np.float32)
    answer = verify.run_in("onnxruntime", model.SerializeToString(), [images])
    assert answer[0].shape == (5, 1, 2, 2)


def test_a_network_that_cannot_be_captured_in_any_way_says_why() -> None:
    with pytest.raises(ExportError, match="`capture='export'`: PyTorch cannot capture"):
        capture_somehow(Uncapturable(), torch.ones(3, 3), {}, GraphOptions())


def test_an_opset_that_onnx_runtime_cannot_run_is_no_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest opset is ONNX Runtime's newest: what is offered can be had."""
    newest = module._newest_opset()
    assert GraphOptions(opset=newest).newest_opset == newest
    with pytest.raises(ExportError, match=f"`opset={newest + 1}`: .* cannot run .* 18 to {newest}"):
        GraphOptions(opset=newest + 1)
    runtime = need("onnxruntime")
    session = runtime.InferenceSession

    def older(model: bytes, *given: Any, **named: Any) -> Any:
        if onnx.load_from_string(model).opset_import[0].version > 19:
            raise RuntimeError("under development")
        return session(model, *given, **named)

    monkeypatch.setattr(runtime, "InferenceSession", older)
    assert module._newest_opset.__wrapped__() == 19


def test_an_exporter_that_gives_another_opset_is_found_out(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = module._capture_torchscript

    def other(module: Any, example: Any, axes: Any, _options: Any) -> bytes:
        return written(module, example, axes, GraphOptions(capture="trace", opset=17))

    monkeypatch.setattr(module, "_capture_torchscript", other)
    with pytest.raises(ExportError, match=r"`opset=15`: .* gave \[17\] instead"):
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
