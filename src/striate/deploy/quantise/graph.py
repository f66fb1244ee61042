"""The part of an exported network that becomes 8-bit, found by what its operators do.

Names tell nothing: PyTorch's ways of capturing call the same layer by different names. Two things
stay float, besides what the engine cannot compute in integers:

- what is in front of the first layer with weights: normalisation, and pre-processing where the file
  has it inside;
- a head that was fitted to embeddings (standardisation, SVMs, kernels, sigmoids), which costs
  nothing to compute, and in which differences between large terms decide;
- of a network of numbers the last linear layer: rounded, its values would have steps, and end where
  those of the calibration do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from striate.engines.answers import TARGETS
from striate.engines.capture import graphs_of
from striate.engines.packages import need

if TYPE_CHECKING:
    import onnx

WEIGHTED = ("Conv", "Gemm", "MatMul")
"""Operators that have weights: what multiplies, and costs the time."""
INTEGER = (*WEIGHTED, "Add", "AveragePool", "Clip", "Concat", "MaxPool", "Relu")
"""Operators that both engines compute in integers."""
_ACTIVATIONS = ("Clip", "Relu")
_VECTORS = 2
"""Axes of a batch of vectors."""
_PLAIN_CLASSIFIER = (*WEIGHTED, "Add", "Clip", "Dropout", "Flatten", "Identity", "Relu", "Reshape")
"""What the classifier of a network that was trained as a whole is made of, up to the softmax."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer with weights.

    Attributes:
        name: of its node.
        label: what a person calls it: its module, as far as the file says.
        title: what it does, in words: ``conv 3×3, 64 → 128``.
        weights: how many it has, without its bias.
        input: the tensor that it takes.
        output: the tensor that it gives, behind its activation where it has one.
    """

    name: str
    label: str
    title: str
    weights: int
    input: str
    output: str


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` for quantisation: every node named, and constants read where they lie.

    Exporters write a tensor that two layers share once, and give it to one of them by an
    `Identity`, behind which no bias is looked for.
    """
    copy: onnx.ModelProto = need("onnx").ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    constants = {each.name for each in graph.initializer}
    given = {value.name for value in graph.output}
    shared: dict[str, str] = {}
    kept = []
    for node in graph.node:
        source = shared.get(node.input[0], node.input[0]) if node.op_type == "Identity" else ""
        if source in constants and node.output[0] not in given:
            shared[node.output[0]] = source
        else:
            kept.append(node)
    taken = {node.name for node in kept}
    for number, node in enumerate(kept):
        node.input[:] = [shared.get(name, name) for name in node.input]
        if not node.name:
            node.name = f"{node.op_type}_{number}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
    nodes = list(kept)
    del graph.node[:]
    graph.node.extend(nodes)
    prune(copy)
    return copy


def prune(model: onnx.ModelProto) -> None:
    """Take out constants that nothing reads, in place."""
    graph = model.graph
    read = {name for each in graphs_of(graph) for node in each.node for name in node.input}
    read |= {value.name for value in graph.output}
    nodes = [node for node in graph.node if node.op_type != "Constant" or read & set(node.output)]
    constants = [each for each in graph.initializer if each.name in read]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(constants)


def integer_nodes(model: onnx.ModelProto, floats: Collection[str] = ()) -> list[str]:
    """The names of the nodes of a `prepared` network that become integer, in their order.

    Args:
        model: a prepared network.
        floats: names of layers that stay float, each with what follows it up to the next layer:
            activations and sums between two of them are not rounded either.
    """
    graph = model.graph
    constants = {each.name for each in graph.initializer}
    behind: set[str] = set()  # tensors that a layer with weights had a part in
    found: list[onnx.NodeProto] = []
    for node in graph.node:
        weighted = is_weighted(node, constants)
        if weighted or behind & set(node.input):
            behind.update(node.output)
            found.append(node)
    head = _fitted_head(model)
    names, stays_float = [], False
    for node in found:
        weighted = is_weighted(node, constants)
        if weighted:
            stays_float = node.name in floats
        usable = node.op_type in INTEGER and (weighted or node.op_type not in WEIGHTED)
        if usable and node.name not in head and not stays_float:
            names.append(node.name)
    return names


def is_weighted(node: onnx.NodeProto, constants: set[str]) -> bool:
    """Whether `node` multiplies what it takes with one of the file's own `constants`."""
    return node.op_type in WEIGHTED and node.input[1] in constants


def layers(model: onnx.ModelProto) -> tuple[Layer, ...]:
    """The layers with weights of a `prepared` network that become integer, in their order."""
    chosen, graph = set(integer_nodes(model)), model.graph
    shapes = {each.name: [*each.dims] for each in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = []
    for node in graph.node:
        if node.name in chosen and node.op_type in WEIGHTED:
            output = node.output[0]
            after = readers.get(output, [])
            if len(after) == 1 and after[0].op_type in _ACTIVATIONS and after[0].name in chosen:
                output = after[0].output[0]
            shape = shapes[node.input[1]]
            found.append(
                Layer(
                    name=node.name,
                    label=_label(node),
                    title=_title(node, shape),
                    weights=math.prod(shape),
                    input=node.input[0],
                    output=output,
                )
            )
    return tuple(found)


def _label(node: onnx.NodeProto) -> str:
    """The module that `node` was captured from: by its weights' name, else by its own."""
    weights = re.fullmatch(r"network\.(.+)\.weight", node.input[1])
    own = re.fullmatch(r"/network/(.+)/\w+", node.name)
    if weights:
        return weights[1]
    return own[1].replace("/", ".") if own else node.name


def _title(node: onnx.NodeProto, shape: Sequence[int]) -> str:
    values = {each.name: each.i for each in node.attribute}
    if node.op_type == "Conv":
        outputs, inputs, *window = shape
        size, groups = "×".join(map(str, window)), values.get("group", 1)
        if groups > 1 and inputs == 1:
            return f"depthwise {size}, {outputs:,}"
        grouped = f", {groups:,} groups" if groups > 1 else ""
        return f"conv {size}, {inputs * groups:,} → {outputs:,}{grouped}"
    inputs, outputs = shape[::-1] if values.get("transB") else shape
    return f"linear, {inputs:,} → {outputs:,}"


def _fitted_head(model: onnx.ModelProto) -> set[str]:
    """The nodes of a head that was fitted to embeddings; few where the classifier is a plain one.

    The head is what is left of the network behind the last operator that takes maps, which is the
    pooling or flattening in front of it. A plain one of numbers ends with a layer that stays float.
    """
    tail = list(_tail(model))
    first = len(tail)
    if any(entry.key == TARGETS for entry in model.metadata_props):
        constants = {each.name for each in model.graph.initializer}
        layers = [at for at, node in enumerate(tail) if is_weighted(node, constants)]
        first = layers[-1] if layers else 0
    plain = all(node.op_type in (*_PLAIN_CLASSIFIER, "Softmax") for node in tail[:first])
    return {node.name for node in tail[first if plain else 0 :]}


def _tail(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes behind the last one that takes maps, all of which work on vectors."""
    ranks = _ranks(model)
    nodes = list(model.graph.node)
    spatial = [
        number
        for number, node in enumerate(nodes)
        if any(ranks.get(name, 0) > _VECTORS for name in node.input)
    ]
    yield from nodes[spatial[-1] + 1 if spatial else 0 :]


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """How many axes each activation has, as far as that can be told."""
    inferred = need("onnx").shape_inference.infer_shapes(model).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    constants = {each.name for each in model.graph.initializer}
    return {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in values
        if value.type.tensor_type.HasField("shape") and value.name not in constants
    }
