"""The conversion, held against quantisation by hand in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from striate.deploy.quantise.convert import converted, ranges
from striate.deploy.quantise.graph import integer_nodes, layers, prepared
from striate.deploy.quantise.layer_errors import layer_errors
from striate.engines.onnx_runtime import OnnxRuntimeSession

Capture = Callable[..., onnx.ModelProto]


class Two(nn.Module):
    """Two layers, the first with a ReLU; what each rounds can be written down by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3)
        self.second = nn.Conv2d(5, 4, 1)
        with torch.no_grad():  # channels of very different sizes, which one scale would lose
            self.first.weight.mul_(torch.tensor([1.0, 10.0, 0.1, 1.0, 3.0])[:, None, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.second(torch.relu(self.first(x))), 1)


def inputs() -> NDArray[Any]:
    return np.random.default_rng(0).normal(size=(6, 3, 6, 6)).astype(np.float32)


def unfused(model: onnx.ModelProto, x: NDArray[Any]) -> NDArray[Any]:
    """What the file says, without any integer kernel of a processor."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return np.asarray(session.run(None, {"x": x})[0])


def rounded_activation(x: torch.Tensor) -> torch.Tensor:
    """Eight bits from the least to the greatest value, zero among them."""
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = (high - low) / 255
    return torch.fake_quantize_per_tensor_affine(x, scale, round(-low / scale), 0, 255)


def rounded_weights(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """A scale for each output channel; the largest weight becomes 127, or 64 of seven bits."""
    most = 127 if bits == 8 else 64
    largest = weight.abs().amax(tuple(range(1, weight.dim())))
    zeros = torch.zeros(len(weight), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, largest / most, zeros, 0, -most, most)


def by_hand(network: Two, x: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What both layers give, rounded; the ranges are those of the float network."""
    first, second = network.first, network.second
    float_maps = torch.relu(first(x))
    scale = float(float_maps.max()) / 255
    maps = torch.relu(
        nn.functional.conv2d(rounded_activation(x), rounded_weights(first.weight, bits), first.bias)
    )
    maps = torch.fake_quantize_per_tensor_affine(maps, scale, 0, 0, 255)
    return maps, nn.functional.conv2d(maps, rounded_weights(second.weight, bits), second.bias)


@pytest.mark.parametrize("bits", [8, 7])
def test_it_rounds_as_quantisation_by_hand(captured: Capture, bits: int) -> None:
    torch.manual_seed(1)
    network = Two().eval()
    graph = prepared(captured(network, 3, 6, 6))
    x = inputs()
    made = converted(graph, ranges(graph, [x[:3], x[3:]]), bits=bits)
    onnx.checker.check_model(made)
    with torch.no_grad():
        _, logits = by_hand(network, torch.from_numpy(x), bits)
        # The last layer's output is rounded as well.
        low, high = (float(end(network(torch.from_numpy(x)))) for end in (torch.min, torch.max))
        scale = (max(high, 0.0) - min(low, 0.0)) / 255
        logits = torch.fake_quantize_per_tensor_affine(
            logits, scale, round(-min(low, 0.0) / scale), 0, 255
        )
        expected = torch.softmax(torch.flatten(logits, 1), 1).numpy()
    # A value on the border of two steps may fall on either side.
    assert np.abs(unfused(made, x) - expected).max() < 0.06
    assert np.abs(unfused(made, x) - expected).mean() < 5e-4


@pytest.mark.parametrize(("bits", "most"), [(8, 127), (7, 64)])
def test_weights_fill_their_range_in_every_channel(captured: Capture, bits: int, most: int) -> None:
    graph = prepared(captured(Two(), 3, 6, 6))
    made = converted(graph, ranges(graph, [inputs()]), bits=bits)
    integers = [
        numpy_helper.to_array(each)
        for each in made.graph.initializer
        if each.data_type == onnx.TensorProto.INT8 and len(each.dims) == 4
    ]
    assert len(integers) == 2
    for weights in integers:
        assert (np.abs(weights.astype(int)).max(axis=(1, 2, 3)) == most).all()


def test_layers_that_stay_float_keep_their_weights(captured: Capture) -> None:
    network = Two()
    graph = prepared(captured(network, 3, 6, 6))
    first, _ = layers(graph)
    made = converted(graph, ranges(graph, [inputs()]), bits=8, floats=(first.name,))
    floats = [numpy_helper.to_array(each) for each in made.graph.initializer if len(each.dims) == 4]
    kept = [each for each in floats if each.dtype == np.float32]
    assert len(floats) == 2
    assert len(kept) == 1
    assert np.array_equal(kept[0], network.first.weight.detach().numpy())


def test_what_follows_a_float_layer_is_not_rounded_either(captured: Capture) -> None:
    graph = prepared(captured(Two(), 3, 6, 6))
    first, second = layers(graph)
    after = integer_nodes(graph)
    assert integer_nodes(graph, [first.name]) == after[after.index(second.name) :]
    assert integer_nodes(graph, [second.name]) == after[: after.index(second.name)]
    assert integer_nodes(graph, [first.name, second.name]) == []


def test_errors_of_layers_are_those_of_quantisation_by_hand(captured: Capture) -> None:
    torch.manual_seed(1)
    network = Two().eval()
    graph = prepared(captured(network, 3, 6, 6))
    x = inputs()
    made = converted(graph, ranges(graph, [x]), bits=8)
    found = layer_errors(graph, made, layers(graph), [x[:2], x[2:]])
    with torch.no_grad():
        right = torch.relu(network.first(torch.from_numpy(x)))
        maps, _ = by_hand(network, torch.from_numpy(x), 8)
        noise = float(((maps - right) ** 2).sum())
    decibels = 10 * np.log10(float((right**2).sum()) / noise)
    assert found[0].own == pytest.approx(decibels, abs=0.2)
    assert found[0].gathered == pytest.approx(found[0].own, abs=0.01)  # nothing is before it
    assert found[1].gathered < found[1].own
    assert [each.name for each in found] == [each.name for each in layers(graph)]


def test_errors_of_a_shortcut_and_kept_activations(
    captured: Capture, make_small: Callable[[], Any]
) -> None:
    """Of all shapes of graph: every layer has figures, its own no worse than what gathered."""
    graph = prepared(captured(make_small().eval(), 3, 16, 16, way="export"))
    x = np.random.default_rng(0).normal(size=(4, 3, 16, 16)).astype(np.float32)
    made = converted(graph, ranges(graph, [x]), bits=8)
    found = layer_errors(graph, made, layers(graph), [x])
    assert len(found) == 5
    assert all(20 < each.own < 70 for each in found)
    assert all(each.gathered <= each.own + 0.5 for each in found)


def test_large_products_of_bytes_do_not_overflow() -> None:
    """Of 255 and 127, two are more than 16 bits hold: processors without VNNI add them so."""
    helper, inputs, scale = onnx.helper, 64, 2.0**-10
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "one", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "centre"], ["wd"]),
        helper.make_node("MatMul", ["xd", "wd"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "wide", "zero"], ["mq"]),
        helper.make_node("DequantizeLinear", ["mq", "wide", "zero"], ["y"]),
    ]
    constants = {
        "one": np.float32(1), "scale": np.float32(scale), "wide": np.float32(16),
        "zero": np.uint8(0), "centre": np.int8(0), "w": np.full((inputs, 4), 127, np.int8),
    }  # fmt: skip
    value, kind = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "bytes",
        [value("x", kind, ["n", inputs])],
        [value("y", kind, ["n", 4])],
        [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    with OnnxRuntimeSession(model.SerializeToString(), batch_size=1) as session:
        (found,) = session.run([np.full((1, inputs), 255, np.float32)])
    assert np.abs(found - inputs * 255 * 127 * scale).max() <= 8  # half of what `wide` tells apart
