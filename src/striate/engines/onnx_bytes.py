"""ONNX files as bytes: what engines need to know of a file, without the package onnx.

Importing onnx, parsing and writing a file with it takes longer than a network takes for an image.
All that is needed to use a file is how its nodes hang together, and that can be read from the
protobuf messages of which it consists without looking at a single weight.

Protocol buffers encoding, protobuf.dev/programming-guides/encoding; the numbers of the fields are
those of ``onnx.proto3``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 16
"""How many graphs may lie in one another; exporters write one or two."""

DTYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 10: "float16"}
"""What ONNX's numbers of types stand for, as far as inputs have them."""


class Field(NamedTuple):
    """One field of a message."""

    number: int
    value: Any
    """An int, or a view of the bytes."""
    raw: memoryview
    """All its bytes, its number included: what is written to write it again."""


@dataclass(frozen=True)
class Node:
    """A node of a graph.

    Attributes:
        raw: its bytes, as a field of a graph.
        reads: names of tensors, also of those that its branches read.
        makes: names of tensors.
    """

    raw: memoryview
    reads: tuple[str, ...]
    makes: tuple[str, ...]


@dataclass(frozen=True)
class Tensor:
    """An input, output, or intermediate tensor whose type is written down.

    Attributes:
        name: of the tensor.
        dtype: such as ``uint8``; empty for a type that is none of `DTYPES`.
        shape: a number, or the name of a free axis, for each.
        value: its bytes, without the number of the field that they are.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    value: memoryview


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file, looked at.

    Attributes:
        metadata: text by key.
        inputs: without those that have a default.
        defaulted: inputs that have one.
        outputs: in their order.
        between: tensors in between whose types are written down, by name.
        nodes: in their order.
        initialisers: the bytes of each constant, as a field of a graph, by name.
        scattered: whether numbers of a tensor lie in another file.
        head: the bytes of all fields beside the graph.
        rest: the bytes of the graph's other fields.
    """

    metadata: Mapping[str, str]
    inputs: tuple[Tensor, ...]
    defaulted: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    between: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    initialisers: Mapping[str, memoryview]
    scattered: bool
    head: tuple[memoryview, ...]
    rest: tuple[memoryview, ...]


def read_onnx(content: bytes) -> OnnxFile:
    """Look at a file.

    Raises:
        ValueError: `content` is no ONNX file.
    """
    metadata: dict[str, str] = {}
    head, graphs, scattered = [], [], False
    for field in _fields(memoryview(content)):
        if field.number == 7:
            graphs.append(_message(field))
            continue
        head.append(field.raw)
        if field.number == 14:
            pair = {part.number: part for part in _fields(_message(field))}
            metadata[_text(pair.get(1))] = _text(pair.get(2))
        elif field.number == 25:  # functions
            nodes = (part for part in _fields(_message(field)) if part.number == 7)
            scattered |= any(_read_node(part, _DEEPEST)[1] for part in nodes)
    if len(graphs) != 1:
        raise ValueError("it holds no graph")
    return _read_graph(graphs[0], metadata, tuple(head), scattered)


def write_onnx(
    file: OnnxFile, nodes: Iterable[Node], inputs: Iterable[Tensor], outputs: Iterable[Tensor]
) -> bytes:
    """A file of some of the nodes of `file`, with the constants that these read.

    Args:
        file: whose metadata and versions it has.
        nodes: of `file`, in an order in which they can be computed.
        inputs: of the new file.
        outputs: of the new file.
    """
    nodes = tuple(nodes)
    read = {name for node in nodes for name in node.reads}
    graph = [
        *(node.raw for node in nodes),
        *(raw for name, raw in file.initialisers.items() if name in read),
        *(part for each in inputs for part in _written(11, each.value)),
        *(part for each in outputs for part in _written(12, each.value)),
        *file.rest,
    ]
    length = sum(map(len, graph))
    return b"".join([*file.head, _varint(7 << 3 | _BYTES), _varint(length), *graph])


# --- messages ----------------------------------------------------------------------------------


def _read_graph(
    data: memoryview, metadata: dict[str, str], head: tuple[memoryview, ...], scattered: bool
) -> OnnxFile:
    nodes: list[Node] = []
    initialisers: dict[str, memoryview] = {}
    tensors: dict[int, list[Tensor]] = {11: [], 12: [], 13: []}
    rest = []
    for field in _fields(data):
        if field.number == 1:
            node, elsewhere = _read_node(field, _DEEPEST)
            nodes.append(node)
            scattered |= elsewhere
        elif field.number == 5:
            name, elsewhere = _read_constant(_message(field))
            initialisers[name] = field.raw
            scattered |= elsewhere
        elif field.number in tensors:
            tensors[field.number].append(_read_tensor(_message(field)))
        else:
            rest.append(field.raw)
            scattered |= field.number == 15 and _is_scattered_sparse(_message(field))
    return OnnxFile(
        metadata=metadata,
        inputs=tuple(each for each in tensors[11] if each.name not in initialisers),
        defaulted=tuple(each for each in tensors[11] if each.name in initialisers),
        outputs=tuple(tensors[12]),
        between={each.name: each for each in tensors[13]},
        nodes=tuple(nodes),
        initialisers=initialisers,
        scattered=scattered,
        head=head,
        rest=tuple(rest),
    )


def _read_node(field: Field, depth: int) -> tuple[Node, bool]:
    """A node, and whether numbers of one of its constants lie in another file."""
    if not depth:
        raise ValueError("its graphs lie too deep in one another")
    reads, makes, scattered = [], [], False
    for part in _fields(_message(field)):
        if part.number == 1:
            reads.append(_text(part))
        elif part.number == 2:
            makes.append(_text(part))
        elif part.number == 5:
            inner, elsewhere = _read_attribute(_message(part), depth)
            reads.extend(inner)
            scattered |= elsewhere
    return Node(field.raw, tuple(filter(None, reads)), tuple(filter(None, makes))), scattered


def _read_attribute(data: memoryview, depth: int) -> tuple[list[str], bool]:
    """What the branches in an attribute read, and whether constants in it lie elsewhere."""
    reads: list[str] = []
    scattered = False
    for field in _fields(data):
        if field.number in (5, 10):  # tensors
            scattered |= _read_constant(_message(field))[1]
        elif field.number in (22, 23):
            scattered |= _is_scattered_sparse(_message(field))
        elif field.number in (6, 11):  # graphs
            for part in _fields(_message(field)):
                if part.number == 1:
                    node, elsewhere = _read_node(part, depth - 1)
                    reads.extend(node.reads)
                    scattered |= elsewhere
                elif part.number == 5:
                    scattered |= _read_constant(_message(part))[1]
                elif part.number == 12:  # a branch may give what was made outside of it
                    reads.append(_read_tensor(_message(part)).name)
                elif part.number == 15:
                    scattered |= _is_scattered_sparse(_message(part))
    return reads, scattered


def _read_constant(data: memoryview) -> tuple[str, bool]:
    """A constant's name, and whether its numbers lie in another file."""
    name, scattered = "", False
    for field in _fields(data):
        if field.number == 8:
            name = _text(field)
        elif field.number == 13 or (field.number == 14 and field.value):
            scattered = True
    return name, scattered


def _is_scattered_sparse(data: memoryview) -> bool:
    tensors = (_message(field) for field in _fields(data) if field.number in (1, 2))
    return any(_read_constant(tensor)[1] for tensor in tensors)


def _read_tensor(data: memoryview) -> Tensor:
    name, dtype, shape = "", "", []
    for field in _fields(data):
        if field.number == 1:
            name = _text(field)
        elif field.number == 2:
            for kind in _only(_message(field), 1):
                for part in _fields(_message(kind)):
                    if part.number == 1:
                        dtype = DTYPES.get(part.value, "")
                    elif part.number == 2:
                        shape = [_axis(_message(axis)) for axis in _only(_message(part), 1)]
    return Tensor(name, dtype, tuple(shape), data)


def _axis(data: memoryview) -> int | str:
    """The length of an axis, or the name of a free one, which may be empty."""
    for field in _fields(data):
        if field.number == 1 and isinstance(field.value, int):
            return field.value
        if field.number == 2:
            return _text(field)
    return ""


# --- protocol buffers --------------------------------------------------------------------------


def _only(data: memoryview, number: int) -> Iterator[Field]:
    return (field for field in _fields(data) if field.number == number)


def _message(field: Field) -> memoryview:
    if not isinstance(field.value, memoryview):
        raise ValueError("a field is of another kind")
    return field.value


def _text(field: Field | None) -> str:
    return "" if field is None else bytes(_message(field)).decode()


def _fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message, in their order."""
    at, end = 0, len(data)
    while at < end:
        start = at
        key, at = _read_varint(data, at)
        kind = key & 7
        value: int | memoryview
        if kind == _VARINT:
            value, at = _read_varint(data, at)
        else:
            if kind == _BYTES:
                length, at = _read_varint(data, at)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise ValueError("a field is of no known kind")
            value, at = data[at : at + length], at + length
        if at > end or not key >> 3:
            raise ValueError("it is cut off, or no protobuf message")
        yield Field(key >> 3, value, data[start:at])


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("it is cut off, or no protobuf message")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _written(number: int, value: memoryview) -> tuple[bytes, bytes, memoryview]:
    """A message as the field `number` of another."""
    return _varint(number << 3 | _BYTES), _varint(len(value)), value
