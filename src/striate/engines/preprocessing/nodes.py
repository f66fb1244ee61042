"""ONNX nodes written down as arithmetic, for what PyTorch has no way to say exactly.

``(position * 2 + 1 - target) * size`` with `Value`s adds the nodes that compute it. Numbers become
int32 constants. Only operators of which engines agree on every bit are here; ``//`` is ONNX's
integer ``Div``, which rounds towards zero, and which OpenVINO computes in float32: exact below
2**24, and one too high or too low at most above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.engines.packages import need

if TYPE_CHECKING:
    import onnx

Operand: TypeAlias = "Value | int | NDArray[Any]"

PREFIX = "/preprocess"


class Nodes:
    """Nodes and constants of a graph, in the order in which they are added.

    Args:
        opset: version of the operators.
        prefix: how the names of nodes and constants begin.
    """

    def __init__(self, opset: int, prefix: str = PREFIX) -> None:
        self.opset, self.prefix = opset, prefix
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._onnx = need("onnx")
        self._known: dict[tuple[str, tuple[str, ...], str], Value] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Value] = {}

    def value(self, name: str) -> Value:
        """A value of the graph that these nodes do not compute: one of its inputs."""
        return Value(self, name)

    def constant(self, content: Operand, dtype: type[np.generic] = np.int32) -> Value:
        """`content` as a value; numbers as `dtype`, arrays as what they are."""
        if isinstance(content, Value):
            return content
        array = content if isinstance(content, np.ndarray) else np.array(content, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"{self.prefix}/constant_{len(self.initializers)}"
            self.initializers.append(self._onnx.numpy_helper.from_array(array, name))
            self._constants[key] = Value(self, name)
        return self._constants[key]

    def add(self, operator: str, *inputs: Operand, name: str = "", **attributes: Any) -> Value:
        """The one output of a node, called `name` or after its number; a new one if need be."""
        given = tuple(self.constant(each).name for each in inputs)
        key = (operator, given, repr(attributes))
        if not name and key in self._known:
            return self._known[key]
        title = f"{self.prefix}/{operator}_{len(self.nodes)}"
        output = name or f"{title}_output"
        node = self._onnx.helper.make_node(operator, given, [output], name=title, **attributes)
        self.nodes.append(node)
        self._known[key] = Value(self, output)
        return self._known[key]

    def cast(self, value: Operand, dtype: type[np.generic]) -> Value:
        """`value` as another type."""
        to = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", value, to=to)

    def reshape(self, value: Operand, *shape: Value | int) -> Value:
        """`value` in another shape, of ints or values of shape (1,); 0 copies, -1 is the rest."""
        if all(isinstance(each, int) for each in shape):
            return self.add("Reshape", value, np.array(shape, np.int64))
        return self.add("Reshape", value, self.concatenate([self._long(each) for each in shape], 0))

    def part(
        self, value: Operand, axis: int, first: Value | int, end: Value | int, *, step: int = 1
    ) -> Value:
        """`value` from `first` to `end` along an axis, ints or values of shape (1,)."""
        where, every = np.array([axis], np.int64), np.array([step], np.int64)
        return self.add("Slice", value, self._long(first), self._long(end), where, every)

    def _long(self, number: Value | int) -> Operand:
        if isinstance(number, int):
            return np.array([number], np.int64)
        return self.cast(number, np.int64)

    def concatenate(self, values: Sequence[Operand], axis: int) -> Value:
        """`values` one after another along an axis."""
        return self.add("Concat", *values, axis=axis)

    def split(self, value: Operand, axis: int, count: int) -> list[Value]:
        """`value` in `count` equal parts along an axis."""
        given = self.constant(value).name
        title = f"{self.prefix}/Split_{len(self.nodes)}"
        outputs = [f"{title}_output_{number}" for number in range(count)]
        more = {"num_outputs": count} if self.opset >= 18 else {}
        node = self._onnx.helper.make_node("Split", [given], outputs, name=title, axis=axis, **more)
        self.nodes.append(node)
        return [Value(self, output) for output in outputs]

    def sum(self, value: Operand, axis: int) -> Value:
        """Sum along an axis, which stays. OpenVINO adds in float32: sums must stay below 2**24."""
        if self.opset < 13:
            return self.add("ReduceSum", value, axes=[axis], keepdims=1)
        return self.add("ReduceSum", value, np.array([axis], np.int64), keepdims=1)

    def range(self, length: Value) -> Value:
        """int32 0, 1, … of that `length`, an int32 of shape (1,)."""
        return self.add("Range", 0, self.reshape(length), 1)

    def largest(self, *values: Operand) -> Value:
        """The largest of them, element by element."""
        return self.add("Max", *values)

    def least(self, *values: Operand) -> Value:
        """The least of them, element by element."""
        return self.add("Min", *values)


class Value:
    """A tensor that a graph computes."""

    def __init__(self, graph: Nodes, name: str) -> None:
        self.graph, self.name = graph, name

    def __add__(self, other: Operand) -> Value:
        return self.graph.add("Add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self.graph.add("Add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.add("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.graph.add("Sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.add("Mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self.graph.add("Mul", other, self)

    def __floordiv__(self, other: Operand) -> Value:
        return self.graph.add("Div", self, other)

    def __abs__(self) -> Value:
        return self.graph.add("Abs", self)

    def below(self, other: Operand) -> Value:
        """1 where this is less than `other`, else 0."""
        return self._truth("Less", other)

    def above(self, other: Operand) -> Value:
        """1 where this is greater than `other`, else 0."""
        return self._truth("Greater", other)

    def reaches(self, other: Operand) -> Value:
        """1 where this is at least `other`, else 0."""
        return 1 - self.below(other)

    def _truth(self, operator: str, other: Operand) -> Value:
        return self.graph.cast(self.graph.add(operator, self, other), np.int32)
