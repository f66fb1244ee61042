"""What one node's sizes and costs come from: its formulas with the numbers filled in.

Lines are written from the node's attributes; where they would not give what was recorded or counted
(weights made from others, for instance), the plain sum stands instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from striate.anatomy.formulas import (
    Line,
    convolution_macs,
    convolution_parameters,
    enlarged,
    joined,
    linear_parameters,
    memory,
    times,
    window,
)
from striate.anatomy.record import Graph, Node
from striate.anatomy.rules import macs, operations, products

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
NORMS = {"batch norm", "layer norm", "group norm", "rms norm"}


def arithmetic(node: Node, graph: Graph) -> tuple[Line, ...]:
    """Output size, parameters, MACs, other operations and memory of `node`."""
    return (*sizes(node, graph), *costs(node, graph))


def costs(node: Node, graph: Graph) -> tuple[Line, ...]:
    """Parameters, MACs, other operations and memory of `node`; no lines that would say 0."""
    lines = [_parameters(node, graph), _macs(node, graph), _products(node), _others(node, graph)]
    return (*(line for line in lines if line is not None and line.value), _memory(node))


def sizes(node: Node, graph: Graph) -> tuple[Line, ...]:
    """Where the shape of the output comes from."""
    reader = _SIZES.get(node.operator)
    if reader is None or not node.inputs:
        return ()
    return tuple(joined(reader(node, _source(node, graph), graph)))


def _source(node: Node, graph: Graph) -> Node:
    return graph.nodes[node.inputs[0]]


def _axes(node: Node) -> tuple[str, ...]:
    return AXES.get(len(node.shape) - 2, ())


def _windows(node: Node, source: Node, graph: Graph) -> list[Line]:
    """Convolution and pooling: where a window fits."""
    a = node.attributes
    rows = zip(_axes(node), source.shape[2:], a["kernel"], a["stride"], a["padding"], strict=True)
    dilation = a.get("dilation", (1,) * len(a["kernel"]))
    return [
        window(
            what,
            size,
            kernel=kernel,
            stride=stride,
            padding=(padding, padding),
            dilation=dilation[axis],
            ceil=a.get("ceil_mode", False),
        )
        for axis, (what, size, kernel, stride, padding) in enumerate(rows)
    ]


def _enlarged(node: Node, source: Node, graph: Graph) -> list[Line]:
    a = node.attributes
    return [
        enlarged(
            what,
            source.shape[axis + 2],
            kernel=a["kernel"][axis],
            stride=a["stride"][axis],
            padding=a["padding"][axis],
            dilation=a["dilation"][axis],
            output_padding=a["output_padding"][axis],
        )
        for axis, what in enumerate(_axes(node))
    ]


def _adaptive(node: Node, source: Node, graph: Graph) -> list[Line]:
    """Bins of (nearly) equal size: bin i runs from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉ − 1."""
    pairs = zip(_axes(node), source.shape[2:], node.shape[2:], strict=True)
    return [
        Line(
            what=what,
            rule="m bins, bin i from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉ − 1",
            filled=f"bins of {given / made:g} of the {given}",
            value=made,
        )
        for what, given, made in pairs
    ]


def _global(node: Node, source: Node, graph: Graph) -> list[Line]:
    grid = source.shape[2:]
    return [
        Line(what="values pooled", rule="h·w", filled=times(*grid), value=math.prod(grid)),
    ]


def _concatenated(node: Node, source: Node, graph: Graph) -> list[Line]:
    dim = node.attributes["dim"]
    parts = [graph.nodes[index].shape[dim] for index in node.inputs]
    if sum(parts) != node.shape[dim]:  # one branch twice is one input of the node
        return []
    what = "channels" if dim == 1 else (_axes(node)[dim - 2] if dim > 1 else "batch")
    filled = " + ".join(map(str, parts))
    return [Line(what=what, rule="c₁ + c₂ + …", filled=filled, value=node.shape[dim])]


def _flattened(node: Node, source: Node, graph: Graph) -> list[Line]:
    if node.shape != (source.shape[0], math.prod(source.shape[1:])) or len(source.shape) <= 2:
        return []
    return [Line(what="values", rule="c·h·w", filled=times(*source.shape[1:]), value=node.shape[1])]


def _scaled(node: Node, source: Node, graph: Graph) -> list[Line]:
    return [
        Line(what=what, rule="n·scale", filled=f"{given}·{made / given:g}", value=made)
        for what, given, made in zip(_axes(node), source.shape[2:], node.shape[2:], strict=True)
    ]


def _padded(node: Node, source: Node, graph: Graph) -> list[Line]:
    names = ("batch", "channels", *_axes(node))
    rows = zip(names, source.shape, node.attributes["pads"], node.shape, strict=True)
    return [
        Line(
            what=what,
            rule="n + before + after",
            filled=f"{given} + {before} + {after}",
            value=made,
        )
        for what, given, (before, after), made in rows
        if (before, after) != (0, 0)
    ]


def _sliced(node: Node, source: Node, graph: Graph) -> list[Line]:
    a = node.attributes
    names = ("batch", "channels", *_axes(node))
    if a["dim"] >= len(names):
        return []
    kept = node.shape[a["dim"]]
    last = a["start"] + (kept - 1) * a["step"]
    every = f", every {a['step']}th" if a["step"] > 1 else ""
    filled = f"{a['start']} to {last} of {source.shape[a['dim']]}{every}"
    return [Line(what=names[a["dim"]], rule="a part", filled=filled, value=kept)]


_SIZES: dict[str, Callable[[Node, Node, Graph], list[Line]]] = {
    **dict.fromkeys(("convolution", "max pool", "average pool"), _windows),
    "transposed convolution": _enlarged,
    **dict.fromkeys(("adaptive average pool", "adaptive max pool"), _adaptive),
    **dict.fromkeys(("global average pool", "global max pool"), _global),
    "concatenate": _concatenated,
    **dict.fromkeys(("view", "flatten"), _flattened),
    **dict.fromkeys(("upsample", "resize"), _scaled),
    "pad": _padded,
    "slice": _sliced,
}


def _counted(node: Node, graph: Graph) -> int:
    return sum(graph.parameters[name] for name in node.parameters)


def _parameters(node: Node, graph: Graph) -> Line | None:
    counted = _counted(node, graph)
    line = None
    if node.operator == "linear" and node.attributes["activations"] == "left":
        bias = len(node.parameters) > 1
        line = linear_parameters(node.attributes["contracted"], node.shape[-1], bias=bias)
    elif "fan_in" in node.attributes and node.inputs:
        a = node.attributes
        line = convolution_parameters(
            a["kernel"],
            _source(node, graph).shape[1],
            node.shape[1],
            groups=a["groups"],
            bias=a["bias"],
            absent=a.get("absent_kernels", 0),
        )
    elif node.operator in NORMS and len(node.parameters) == 2:
        each = counted // 2
        line = Line(
            what="parameters", rule="2·c (scale γ and shift β)", filled=f"2·{each}", value=counted
        )
    if line is not None and line.value == counted:
        return line
    if not counted:
        return None
    parts = [graph.parameters[name] for name in node.parameters]
    names = " + ".join(name.rpartition(".")[2] for name in node.parameters)
    return Line(what="parameters", rule=names, filled=" + ".join(map(str, parts)), value=counted)


def _macs(node: Node, graph: Graph) -> Line | None:
    value, a = macs(node, graph), node.attributes
    line = None
    if node.operator == "linear":
        # Each value of the output takes a product with every input.
        line = Line(
            what="MACs",
            rule="c_in·values of the output",
            filled=times(a["contracted"], *node.output),
            value=a["contracted"] * math.prod(node.shape),
        )
    elif "fan_in" in a and node.inputs:
        transposed = node.operator == "transposed convolution"
        source = _source(node, graph)
        line = convolution_macs(
            a["kernel"],
            source.shape[1],
            node.shape[1],
            (source if transposed else node).shape[2:],
            groups=a["groups"],
            absent=a.get("absent_kernels", 0),
            transposed=transposed,
        )
    if line is not None and line.value == value:
        return line
    return Line(what="MACs", rule="", filled="", value=value) if value else None


def _products(node: Node) -> Line | None:
    value = products(node)
    if not value:
        return None
    filled = ""
    if "contracted" in node.attributes:
        filled = times(node.attributes["contracted"], *node.output)
    return Line(
        what="products of two activations",
        rule="length of the sums·values",
        filled=filled,
        value=value,
    )


def _others(node: Node, graph: Graph) -> Line | None:
    value = operations(node, graph)
    if not value or products(node):
        return None
    values = math.prod(node.shape)
    each, rest = divmod(value, values)
    shape = times(*node.output)
    filled = f"{each}·{shape}" if not rest and each > 1 else (shape if not rest else "")
    return Line(
        what="other operations",
        rule="operations a value·values of the output" if filled else "",
        filled=filled,
        value=value,
    )


def _memory(node: Node) -> Line:
    shape = node.output
    if not node.bytes:
        return Line(what="memory of the output", rule="", filled="", value="none of its own")
    return memory(shape, max(node.bytes // max(math.prod(shape), 1), 1))
