"""The gradient of a score with respect to a feature map, written down in ONNX operators.

Engines that run a file compute forwards only. What autograd would do on the way back from a score
is a computation like any other, though: for each operator of a network's head there is a rule here
that gives the gradient at its inputs from the one at its output, and adds the nodes for it to the
graph. The weights are those of the forward way, which the file holds once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.engines.packages import need
from striate.errors import ExportError, parameter

if TYPE_CHECKING:
    import onnx

    from striate.engines.preprocessing.nodes import Nodes, Value

Shape = tuple[int, ...]

LINEAR = frozenset(
    (
        "Add",
        "AveragePool",
        "Cast",
        "Conv",
        "Dropout",
        "Flatten",
        "Gemm",
        "GlobalAveragePool",
        "Identity",
        "MatMul",
        "Neg",
        "ReduceMean",
        "ReduceSum",
        "Reshape",
        "Squeeze",
        "Sub",
        "Unsqueeze",
    )
)
"""Operators whose gradient is the same for every image; so are Mul and Div by a constant."""


class Backward:
    """The way back through some nodes of a graph.

    Args:
        nodes: takes what is added.
        shapes: of each tensor on the way, for a batch of any one size, which comes first.
        constants: tensors whose numbers the file holds.
        active: tensors that depend on the feature map.
    """

    def __init__(
        self,
        nodes: Nodes,
        shapes: Mapping[str, Shape],
        constants: Mapping[str, NDArray[Any]],
        active: Iterable[str],
    ) -> None:
        self.nodes = nodes
        self.shapes = dict(shapes)
        self.constants = constants
        self.active = set(active)

    def through(self, chain: Sequence[onnx.NodeProto], end: str, seed: Value, begin: str) -> Value:
        """The gradient at the tensor `begin`.

        Args:
            chain: the nodes between the two, in the order in which they are computed.
            end: a tensor, whose gradient is `seed`.
            seed: of the shape of `end`.
            begin: a tensor, on which `end` depends.

        Raises:
            ExportError: there is no rule for an operator.
        """
        gradients = {end: seed}
        for node in reversed(chain):
            gradient = gradients.pop(node.output[0], None)
            if gradient is None:
                continue
            rule = RULES.get(node.op_type)
            if rule is None:
                raise no_way(node.op_type)
            for number, part in rule(self, node, gradient).items():
                name = node.input[number]
                gradients[name] = gradients[name] + part if name in gradients else part
        return gradients[begin]

    # --- what rules are made of ----------------------------------------------------------------

    def of(self, name: str) -> Value:
        """A tensor of the forward way."""
        return self.nodes.value(name)

    def number(self, value: float) -> Value:
        """A constant."""
        return self.nodes.constant(np.array(value, np.float32))

    def truth(self, operator: str, one: Any, other: Any) -> Value:
        """1.0 where a comparison holds, else 0.0."""
        return self.nodes.cast(self.nodes.add(operator, one, other), np.float32)

    def shaped(self, gradient: Value, shape: Shape) -> Value:
        """`gradient` in another shape, but for the batch."""
        return self.nodes.reshape(gradient, -1, *shape[1:])

    def spread(self, gradient: Value, shape: Shape) -> Value:
        """`gradient` repeated along the axes on which it has one element."""
        return self.nodes.add("Expand", gradient, np.array([1, *shape[1:]], np.int64))

    def gathered(self, gradient: Value, node: onnx.NodeProto, number: int) -> Value:
        """`gradient`, of the shape of a node's output, summed to that of one of its inputs.

        Along the axes on which the input was repeated to fit the other one.
        """
        given, shape = self.shapes[node.output[0]], self.shapes[node.input[number]]
        padded = (1,) * (len(given) - len(shape)) + shape
        for axis, (one, other) in enumerate(zip(given, padded, strict=True)):
            if one != other:
                gradient = self.nodes.sum(gradient, axis)
        return gradient if len(given) == len(shape) else self.shaped(gradient, shape)

    def active_inputs(self, node: onnx.NodeProto) -> list[int]:
        """The places of the inputs that have a gradient."""
        return [number for number, name in enumerate(node.input) if name in self.active]

    def only_first(self, node: onnx.NodeProto) -> None:
        """See to it that only the first input has a gradient: the others are weights."""
        if self.active_inputs(node) != [0]:
            raise no_way(f"{node.op_type} of two activations")


def no_way(what: str) -> ExportError:
    """That heat maps cannot be had, since there is no rule for `what`."""
    return ExportError(
        parameter("cam"),
        f"there is no way back through the operator {what} of the network's head",
        "leave it out",
    )


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """What is written at a node, by name."""
    read = need("onnx").helper.get_attribute_value
    return {each.name: read(each) for each in node.attribute}


Rule = Callable[[Backward, "onnx.NodeProto", "Value"], Mapping[int, "Value"]]
"""From a node and the gradient at its output to that at its inputs, by their places."""


def _same(_: Backward, __: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {0: gradient}


def _reshaped(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {0: back.shaped(gradient, back.shapes[node.input[0]])}


def _averaged(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    """Mean and sum over axes, which may be gone afterwards, and pooling to one position."""
    given, made = back.shapes[node.input[0]], back.shapes[node.output[0]]
    if node.op_type == "AveragePool" and math.prod(made[2:]) != 1:
        raise no_way("AveragePool to several positions")
    if len(made) == len(given):
        kept = made
    else:
        written = attributes(node).get("axes")
        axes = back.constants[node.input[1]].tolist() if written is None else written
        gone = {axis % len(given) for axis in axes}
        kept = tuple(1 if axis in gone else length for axis, length in enumerate(given))
    spread = back.spread(back.shaped(gradient, kept), given)
    if node.op_type == "ReduceSum":
        return {0: spread}
    return {0: spread * back.number(math.prod(made) / math.prod(given))}


def _gemm(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    back.only_first(node)
    written = attributes(node)
    if written.get("transA"):
        raise no_way("Gemm of what is turned")
    turned, alpha = 1 - written.get("transB", 0), written.get("alpha", 1.0)
    return {0: back.nodes.add("Gemm", gradient, back.of(node.input[1]), alpha=alpha, transB=turned)}


def _matmul(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    back.only_first(node)
    if {len(back.shapes[name]) for name in node.input} != {2}:
        raise no_way("MatMul of more than two axes")
    return {0: back.nodes.add("Gemm", gradient, back.of(node.input[1]), transB=1)}


def _conv(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    """Convolutions behind the last map are dense layers: they see all of what they are given."""
    back.only_first(node)
    if math.prod(back.shapes[node.output[0]][2:]) != 1:
        raise no_way("Conv to several positions")
    written = attributes(node)
    taken = {key: written[key] for key in ("group",) if key in written}
    window, given = back.shapes[node.input[1]][2:], back.shapes[node.input[0]][2:]
    if window != given or any(written.get("pads", ())):
        raise no_way("Conv of a part of its input")
    return {0: back.nodes.add("ConvTranspose", gradient, back.of(node.input[1]), **taken)}


def _add(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {each: back.gathered(gradient, node, each) for each in back.active_inputs(node)}


def _sub(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    signed = {0: gradient, 1: back.nodes.add("Neg", gradient)}
    return {each: back.gathered(signed[each], node, each) for each in back.active_inputs(node)}


def _mul(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    if node.input[0] == node.input[1]:
        return {0: gradient * (back.of(node.input[0]) * back.number(2))}
    return {
        each: back.gathered(gradient * back.of(node.input[1 - each]), node, each)
        for each in back.active_inputs(node)
    }


def _div(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    back.only_first(node)
    return {0: back.gathered(back.nodes.add("Div", gradient, back.of(node.input[1])), node, 0)}


def _pow(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    back.only_first(node)
    exponent = back.constants.get(node.input[1])
    if exponent is None or exponent.size != 1 or exponent.item() != 2:
        raise no_way("Pow of other than squares")
    return {0: gradient * (back.of(node.input[0]) * back.number(2))}


def _relu(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {0: gradient * back.truth("Greater", back.of(node.output[0]), back.number(0))}


def _clip(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    inside = back.truth("Equal", back.of(node.input[0]), back.of(node.output[0]))
    return {0: gradient * inside}


def _sigmoid(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    y = back.of(node.output[0])
    return {0: gradient * (y * (back.number(1) - y))}


def _tanh(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    y = back.of(node.output[0])
    return {0: gradient * (back.number(1) - y * y)}


def _softplus(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {0: gradient * back.nodes.add("Sigmoid", back.of(node.input[0]))}


def _exp(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {0: gradient * back.of(node.output[0])}


def _neg(back: Backward, _: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    return {0: back.nodes.add("Neg", gradient)}


def _log_softmax(back: Backward, node: onnx.NodeProto, gradient: Value) -> Mapping[int, Value]:
    shares = back.nodes.add("Exp", back.of(node.output[0]))
    return {0: gradient - shares * back.nodes.sum(gradient, 1)}


RULES: Mapping[str, Rule] = {
    "Add": _add,
    "AveragePool": _averaged,
    "Cast": _same,  # between kinds of float, and all is computed in float32
    "Clip": _clip,
    "Conv": _conv,
    "Div": _div,
    "Dropout": _same,
    "Exp": _exp,
    "Flatten": _reshaped,
    "Gemm": _gemm,
    "GlobalAveragePool": _averaged,
    "Identity": _same,
    "LogSoftmax": _log_softmax,
    "MatMul": _matmul,
    "Mul": _mul,
    "Neg": _neg,
    "Pow": _pow,
    "ReduceMean": _averaged,
    "ReduceSum": _averaged,
    "Relu": _relu,
    "Reshape": _reshaped,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Squeeze": _reshaped,
    "Sub": _sub,
    "Tanh": _tanh,
    "Unsqueeze": _reshaped,
}
