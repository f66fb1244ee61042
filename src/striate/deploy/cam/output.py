"""The output ``heatmap`` of a classifier's graph: Grad-CAM of the last feature map.

Selvaraju et al., "Grad-CAM", ICCV 2017, eq. 1 and 2 without the ReLU: the channels of the last
feature map, each weighted by how much the score of a class rises with it, on average over the
positions, and added up. Where nothing but a global average and a dense layer follows the map, that
is CAM (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016) divided by
the number of positions: the map's numbers then add up to the score less its bias.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.deploy.cam.gradients import LINEAR, Backward, Shape, attributes
from striate.engines.heat_maps import HEAT_MAP, OF_CLASS, THE_LIKELIEST
from striate.engines.packages import need
from striate.engines.preprocessing.nodes import Nodes
from striate.engines.seam import nodes_behind
from striate.engines.session import in_one_line
from striate.errors import ExportError, parameter

if TYPE_CHECKING:
    import onnx

    from striate.engines.preprocessing.nodes import Value

AVERAGES = frozenset(("AveragePool", "GlobalAveragePool", "ReduceMean"))
"""Operators that average over positions."""

PREFIX = "/heatmap"
"""How the names of what is added begin."""

EXAMPLES = 2
"""Images in the batch on which shapes are found out."""


@dataclass(frozen=True)
class Head:
    """What of a classifier stands behind its last feature map.

    Attributes:
        map: the map's name.
        grid: its height and width.
        scores: the name of what the softmax takes, (N, classes).
        chain: the nodes in between.
    """

    map: str
    grid: tuple[int, int]
    scores: str
    chain: tuple[onnx.NodeProto, ...]


def add_heat_map(model: onnx.ModelProto, opset: int) -> str:
    """Give `model` the output `HEAT_MAP`, in place, and an input with a default that chooses.

    The output is float32 (batch, height, width) of the last feature map, with a sign. The input,
    `OF_CLASS`, int64 (1,), is the class, `THE_LIKELIEST` by default. The probabilities
    are computed by the very nodes that were there before.

    Args:
        model: a captured classifier, from normalised images to probabilities.
        opset: its version of the operators.

    Returns:
        What the file's metadata say of it, as JSON: the ``output``, the input ``class``, the
        ``method``, ``cam`` or ``grad-cam``, and the ``grid``, height and width.

    Raises:
        ExportError: the network has no such map, or an operator between it and the scores has no
            rule.
    """
    graph = model.graph
    head = _head(model)
    shapes = _shapes(model, head)
    classes = shapes[head.scores][1]
    height, width = head.grid
    nodes = Nodes(opset, PREFIX)
    active = {head.map, *(name for node in head.chain for name in node.output)}
    back = Backward(nodes, shapes, _constants(model), active)
    gradient = back.through(head.chain, head.scores, _seed(nodes, head.scores, classes), head.map)
    weights = nodes.sum(nodes.sum(gradient, 2), 3) * back.number(1 / (height * width))
    weighted = nodes.sum(weights * nodes.value(head.map), 1)
    nodes.add("Reshape", weighted, np.array([-1, height, width], np.int64), name=HEAT_MAP)
    helper, kinds = need("onnx").helper, need("onnx").TensorProto
    batch = graph.output[0].type.tensor_type.shape.dim[0]
    graph.node.extend(nodes.nodes)
    graph.initializer.extend(nodes.initializers)
    graph.initializer.append(
        need("onnx").numpy_helper.from_array(np.array([THE_LIKELIEST], np.int64), OF_CLASS)
    )
    graph.input.append(helper.make_tensor_value_info(OF_CLASS, kinds.INT64, [1]))
    shape = [batch.dim_param or batch.dim_value, height, width]
    graph.output.append(helper.make_tensor_value_info(HEAT_MAP, kinds.FLOAT, shape))
    averaged = all(_averages(node, shapes) for node in head.chain if head.map in node.input)
    linear = averaged and all(_is_linear(node, active) for node in head.chain)
    return json.dumps(
        {
            "output": HEAT_MAP,
            "class": OF_CLASS,
            "method": "cam" if linear else "grad-cam",
            "grid": [height, width],
        }
    )


def _seed(nodes: Nodes, scores: str, classes: int) -> Value:
    """The gradient at the scores, (N, classes): 1 for the class that is asked for, else 0."""
    best = nodes.add("ArgMax", nodes.value(scores), axis=1, keepdims=1)
    asked = nodes.reshape(nodes.value(OF_CLASS), -1, 1)
    unasked = nodes.add("Less", asked, np.array(0, np.int64))
    chosen = nodes.add("Where", unasked, best, asked)
    every = np.arange(classes, dtype=np.int64)[None]
    return nodes.cast(nodes.add("Equal", chosen, every), np.float32)


def _averages(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> bool:
    """Whether a node that reads a map averages over all of its positions."""
    left = math.prod(shapes[node.output[0]][2:])
    return node.op_type in AVERAGES and left == 1


def _is_linear(node: onnx.NodeProto, active: set[str]) -> bool:
    if node.op_type in ("Mul", "Div"):
        return len(active.intersection(node.input)) == 1
    return node.op_type in LINEAR


def _head(model: onnx.ModelProto) -> Head:
    """Find the last feature map and what is behind it."""
    graph = model.graph
    nodes = list(graph.node)
    maker = {name: node for node in nodes for name in node.output}
    softmax = maker[graph.output[0].name]
    if softmax.op_type != "Softmax":
        raise _no_map(f"its last operator is {softmax.op_type}, no softmax")
    scores = softmax.input[0]
    pairs = [(node.input, node.output) for node in nodes]
    inferred = _inferred(model)
    taken = graph.input[0].name
    for number in reversed(nodes_behind(pairs, [scores])):
        name = nodes[number].output[0]
        shape = inferred.get(name, ())
        if len(shape) != 4 or math.prod(shape[2:]) <= 1 or not _depends(pairs, name, taken):
            continue
        chain = nodes_behind(pairs, [scores], given=[name])
        if any(taken in nodes[each].input for each in chain):
            raise _no_map("what follows its last feature map takes other maps as well")
        # Constants that were computed lie on the way as well, and have no gradient.
        active, kept = {name}, []
        for each in chain:
            if active.intersection(nodes[each].input):
                active.update(nodes[each].output)
                kept.append(nodes[each])
        return Head(name, (shape[2], shape[3]), scores, tuple(kept))
    raise _no_map("it has none")


def _depends(pairs: Sequence[tuple[Any, Any]], name: str, source: str) -> bool:
    """Whether the tensor `name` is made of `source`."""
    return any(source in pairs[each][0] for each in nodes_behind(pairs, [name]))


def _no_map(why: str) -> ExportError:
    return ExportError(
        parameter("cam"),
        f"the network has no last feature map to explain a class with: {why}",
        "leave it out",
    )


def _inferred(model: onnx.ModelProto) -> dict[str, Shape]:
    """The shape of each tensor as far as it can be told; 0 for an axis that is free."""
    graph = need("onnx").shape_inference.infer_shapes(model, data_prop=True).graph
    return {
        value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
        for value in graph.value_info
        if value.type.tensor_type.HasField("shape")
    }


def _shapes(model: onnx.ModelProto, head: Head) -> dict[str, Shape]:
    """The shape of every tensor that the head reads or makes, with a batch of `EXAMPLES`.

    They are found by computing once: what is inferred has gaps where a shape is itself computed.
    """
    package, runtime = need("onnx"), need("onnxruntime")
    shapes: dict[str, Shape] = {each.name: tuple(each.dims) for each in model.graph.initializer}
    names = {name for node in head.chain for name in (*node.input, *node.output) if name}
    asked = sorted({*names, head.map} - shapes.keys())
    copy = package.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(package.helper.make_empty_tensor_value_info(name) for name in asked)
    source = model.graph.input[0]
    axes = [axis.dim_value or EXAMPLES for axis in source.type.tensor_type.shape.dim]
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with in_one_line("ONNX Runtime"):
        session = runtime.InferenceSession(
            copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(asked, {source.name: np.zeros(axes, np.float32)})
    return shapes | {name: value.shape for name, value in zip(asked, found, strict=True)}


def _constants(model: onnx.ModelProto) -> Mapping[str, NDArray[Any]]:
    """The numbers of small constants, among which are axes and exponents."""
    read = need("onnx").numpy_helper.to_array
    few = {each.name: read(each) for each in model.graph.initializer if math.prod(each.dims) <= 8}
    for node in model.graph.node:
        if node.op_type == "Constant" and "value" in (written := attributes(node)):
            few[node.output[0]] = read(written["value"])
    return few
