"""How much of each layer's signal the integers lose: its own part, and what has gathered by then.

One graph computes both networks side by side, and of every integer layer a twin that takes what the
float network has there. Nothing but sums of squares comes out, so that a large network needs no
more memory than it does anyway; no operator is fused, so that the figures are those of the rounding
alone and the same on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.deploy.quantise.graph import Layer
from striate.engines.packages import need
from striate.engines.session import in_one_line

if TYPE_CHECKING:
    import onnx

CLEANEST = 120.0
"""Decibels of what has no error that float32 could tell."""
_INTEGER, _TWIN = "integer/", "twin/"


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """Signal-to-noise ratios of an integer layer, in decibels: 10 log10 of energies.

    Attributes:
        name: of the layer's node.
        own: of its output, where it is given what the float network has there.
        gathered: of its output in the integer network.
    """

    name: str
    own: float
    gathered: float


def layer_errors(
    network: onnx.ModelProto,
    integer: onnx.ModelProto,
    layers: Sequence[Layer],
    batches: Iterable[NDArray[Any]],
) -> tuple[LayerError, ...]:
    """The errors of `layers`, in their order.

    Args:
        network: prepared, float.
        integer: converted from it, all `layers` being integer.
        layers: of `network`.
        batches: what it takes.

    Raises:
        ExportError: ONNX Runtime cannot compute them.
    """
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    graph = _side_by_side(network, integer, layers)
    sums = np.zeros((len(layers), 3))
    with in_one_line("ONNX Runtime"):
        session = runtime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for batch in batches:
            found = session.run(None, {graph.graph.input[0].name: batch})
            sums += np.array(found, np.float64).reshape(len(layers), 3)
    return tuple(
        LayerError(
            name=layer.name, own=_decibels(signal, own), gathered=_decibels(signal, gathered)
        )
        for layer, (signal, own, gathered) in zip(layers, sums.tolist(), strict=True)
    )


def _decibels(signal: float, noise: float) -> float:
    if noise <= signal * 10 ** (-CLEANEST / 10):
        return CLEANEST
    return 10 * math.log10(max(signal, noise * 1e-12) / noise)


def _side_by_side(
    network: onnx.ModelProto, integer: onnx.ModelProto, layers: Sequence[Layer]
) -> onnx.ModelProto:
    """A graph of three sums for each layer: of squares of signal, own and gathered error."""
    helper, number_type = need("onnx").helper, need("onnx").TensorProto.FLOAT
    both: onnx.ModelProto = need("onnx").ModelProto()
    both.CopyFrom(network)
    graph = both.graph
    del graph.output[:]
    graph.ClearField("value_info")
    held = {each.domain for each in both.opset_import}
    both.opset_import.extend(each for each in integer.opset_import if each.domain not in held)
    twins = _Twins(integer, {value.name for value in network.graph.input})
    graph.initializer.extend(twins.initialisers)
    graph.node.extend(twins.whole)
    for number, layer in enumerate(layers):
        nodes, own = twins.of(layer, f"{_TWIN}{number}/")
        graph.node.extend(nodes)
        for kind, other in (("signal", ""), ("own", own), ("gathered", twins.output(layer))):
            tensor = layer.output
            if other:
                tensor = f"{_TWIN}{number}/{kind}/error"
                graph.node.append(helper.make_node("Sub", [layer.output, other], [tensor]))
            name = f"{_TWIN}{number}/{kind}"
            graph.node.append(helper.make_node("ReduceSumSquare", [tensor], [name], keepdims=0))
            graph.output.append(helper.make_tensor_value_info(name, number_type, []))
    return both


class _Twins:
    """The nodes of an integer network under other names, and copies of its layers."""

    def __init__(self, integer: onnx.ModelProto, inputs: set[str]) -> None:
        self._inputs = inputs
        self._nodes = {node.name: node for node in integer.graph.node}
        self._maker = {name: node for node in integer.graph.node for name in node.output}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in integer.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self.whole = [self._renamed(node) for node in integer.graph.node]
        self.initialisers = []
        for each in integer.graph.initializer:
            copy = need("onnx").TensorProto()
            copy.CopyFrom(each)
            copy.name = self._name(each.name)
            self.initialisers.append(copy)

    def _name(self, name: str) -> str:
        return name if not name or name in self._inputs else f"{_INTEGER}{name}"

    def _renamed(self, node: onnx.NodeProto) -> onnx.NodeProto:
        copy: onnx.NodeProto = need("onnx").NodeProto()
        copy.CopyFrom(node)
        copy.name = f"{_INTEGER}{node.name}"
        copy.input[:] = map(self._name, node.input)
        copy.output[:] = map(self._name, node.output)
        return copy

    def output(self, layer: Layer) -> str:
        """What the integer network goes on with behind `layer`."""
        return self._name(self._rounded(layer.output)[-1])

    def _rounded(self, tensor: str) -> list[str]:
        """`tensor`, then what its pair of Q and DQ make of it, where it has one."""
        for reader in self._readers.get(tensor, []):
            if reader.op_type == "QuantizeLinear":
                back = self._readers[reader.output[0]][0]
                return [tensor, reader.output[0], back.output[0]]
        return [tensor]

    def of(self, layer: Layer, prefix: str) -> tuple[list[onnx.NodeProto], str]:
        """Nodes that compute `layer` in integers from the float network's tensors, and the result.

        They are those of the layer itself, those that round what it takes, and those that round
        what it gives.
        """
        path = [self._nodes[layer.name]]
        back = self._maker.get(path[0].input[0])
        if back is not None and back.op_type == "DequantizeLinear":
            path[:0] = [self._maker[back.input[0]], back]
        if path[-1].output[0] != layer.output:  # an activation that was not taken into the layer
            path.append(self._maker[layer.output])
        path.extend(self._maker[name] for name in self._rounded(layer.output)[1:])
        nodes, before = [], layer.input
        for node in path:
            copy = self._renamed(node)
            copy.name = f"{prefix}{node.name}"
            copy.input[0] = before
            before = copy.output[0] = f"{prefix}{node.output[0]}"
            nodes.append(copy)
        return nodes, before
