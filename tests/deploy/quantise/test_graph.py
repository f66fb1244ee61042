from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from striate.deploy.quantise.graph import integer_nodes, layers, prepared
from striate.hub.heads import LinearSVMHead, RBFSVMHead, SoftmaxHead

Capture = Callable[..., onnx.ModelProto]
Make = Callable[[], Any]


@pytest.mark.parametrize("way", ["trace", "export"])
def test_the_same_layers_are_found_however_it_was_captured(
    captured: Capture, make_small: Make, way: Any
) -> None:
    found = layers(prepared(captured(make_small(), 3, 16, 16, way=way)))
    assert [each.title for each in found] == [
        "conv 3×3, 3 → 8",
        "depthwise 3×3, 8",
        "conv 1×1, 8 → 8",
        "conv 3×3, 8 → 12",
        "linear, 12 → 3",
    ]
    assert [each.label for each in found] == [
        "first", "depthwise", "point", "last", "classifier"
    ]  # fmt: skip
    assert [each.weights for each in found] == [216, 72, 64, 864, 36]


@pytest.mark.parametrize("way", ["trace", "export"])
@pytest.mark.parametrize(
    "head",
    [SoftmaxHead(12, 3), LinearSVMHead(12, 3), RBFSVMHead(12, 3, vectors=7)],
    ids=["softmax", "svm", "svm-rbf"],
)
def test_a_head_fitted_to_embeddings_stays_float(
    captured: Capture, make_small: Make, head: nn.Module, way: Any
) -> None:
    network = make_small()
    network.classifier = head  # type: ignore[assignment]
    graph = prepared(captured(network, 3, 16, 16, way=way))
    found = layers(graph)
    assert len(found) == 4
    assert found[-1].title == "conv 3×3, 8 → 12"
    kinds = {node.name: node.op_type for node in graph.graph.node}
    last = max(number for number, name in enumerate(kinds) if kinds[name] == "Conv")
    behind = list(kinds)[last + 1 :]
    assert {kinds[name] for name in integer_nodes(graph) if name in behind} <= {"Relu"}


def test_what_is_before_the_first_layer_stays_float(captured: Capture, make_small: Make) -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = make_small()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.network(torch.relu(x * 0.5 + 0.1))

    graph = prepared(captured(Shifted(), 3, 16, 16))
    kinds = {node.name: node.op_type for node in graph.graph.node}
    first = next(number for number, name in enumerate(kinds) if kinds[name] == "Conv")
    assert not set(integer_nodes(graph)) & set(list(kinds)[:first])
    assert "Add" in {kinds[name] for name in integer_nodes(graph)}  # the shortcut


def test_products_of_two_activations_stay_float(captured: Capture) -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps = torch.flatten(self.network(x), 2)
            return torch.flatten(maps @ maps.transpose(1, 2), 1)

    graph = prepared(captured(Product(), 3, 8, 8))
    assert "MatMul" in {node.op_type for node in graph.graph.node}
    assert [each.title for each in layers(graph)] == ["conv 3×3, 3 → 4"]


def test_a_tensor_that_two_layers_share_is_read_where_it_lies(captured: Capture) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3), nn.Flatten())
    for layer in network[:2]:
        nn.init.constant_(layer.bias, 0.25)
    model = captured(network, 3, 8, 8)
    graph = prepared(model)
    constants = {each.name for each in graph.graph.initializer}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    assert all(set(node.input[1:]) <= constants for node in convolutions)
    assert "Identity" not in {node.op_type for node in graph.graph.node}
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    one, other = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, {"x": x})[0]
        for each in (model, graph)
    )
    assert np.array_equal(one, other)


def test_nodes_without_names_get_names_of_their_own(captured: Capture, make_small: Make) -> None:
    model = captured(make_small(), 3, 16, 16)
    for node in model.graph.node:
        node.ClearField("name")
    graph = prepared(model)
    names = [node.name for node in graph.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert len(layers(graph)) == 5
    onnx.checker.check_model(graph)
