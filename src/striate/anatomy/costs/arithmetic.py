"""What one node's sizes and costs come from: its formulas with the numbers filled in.

Lines are written from the node's attributes; where they would not give what was recorded or counted
(weights made from others, for instance), the plain sum stands instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from striate.anatomy.costs.counting import PER_VALUE, macs, operations, products
from striate.anatomy.costs.formulas import (
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
from striate.anatomy.graph.record import Graph, Node

AXES = {
    0: (),
    1: ("length",),
    2: ("height", "width"),
    3: ("depth", "height", "width"),
}
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


def _axes(count: int) -> tuple[str, ...]:
    """Names of the last `count` axes of a tensor."""
    return AXES.get(count) or tuple(f"axis {at + 1}" for at in range(count))


def _names(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names of all axes of a tensor that has a batch axis."""
    return ("batch", "channels", *_axes(max(len(shape) - 2, 0)))[: len(shape)]


def _windows(node: Node, source: Node, graph: Graph) -> list[Line]:
    """Convolution and pooling: where a window fits."""
    a = node.attributes
    count = len(a["kernel"])
    rows = zip(
        _axes(count), source.shape[-count:], a["kernel"], a["stride"], a["padding"], strict=True
    )
    dilation = a.get("dilation", (1,) * count)
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
    count = len(a["kernel"])
    return [
        enlarged(
            what,
            source.shape[axis - count],
            kernel=a["kernel"][axis],
            stride=a["stride"][axis],
            padding=a["padding"][axis],
            dilation=a["dilation"][axis],
            output_padding=a["output_padding"][axis],
        )
        for axis, what in enumerate(_axes(count))
    ]


def _adaptive(node: Node, source: Node, graph: Graph) -> list[Line]:
    """Bins of (nearly) equal size: bin i runs from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉ − 1."""
    count = len(node.attributes["size"])
    pairs = zip(_axes(count), source.shape[-count:], node.shape[-count:], strict=True)
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
    a = node.attributes
    if "dims" in a:
        grid = tuple(source.shape[dim] for dim in a["dims"])
    else:
        grid = source.shape[-len(a.get("kernel") or a["size"]) :]
    letters = {1: "l", 2: "h·w", 3: "d·h·w"}.get(len(grid), "all positions")
    return [
        Line(what="values pooled", rule=letters, filled=times(*grid), value=math.prod(grid)),
    ]


def _concatenated(node: Node, source: Node, graph: Graph) -> list[Line]:
    dim = node.attributes["dim"]
    parts = [graph.nodes[index].shape[dim] for index in node.inputs]
    if sum(parts) != node.shape[dim]:  # one branch twice is one input of the node
        return []
    what = _names(node.shape)[dim]
    filled = " + ".join(map(str, parts))
    return [Line(what=what, rule="c₁ + c₂ + …", filled=filled, value=node.shape[dim])]


def _flattened(node: Node, source: Node, graph: Graph) -> list[Line]:
    if len(source.shape) <= 2 or node.shape != (source.shape[0], math.prod(source.shape[1:])):
        return []
    return [Line(what="values", rule="c·h·w", filled=times(*source.shape[1:]), value=node.shape[1])]


def _scaled(node: Node, source: Node, graph: Graph) -> list[Line]:
    return [
        Line(what=what, rule="n·scale", filled=f"{given}·{made / given:g}", value=made)
        for what, given, made in zip(
            _names(node.shape)[2:], source.shape[2:], node.shape[2:], strict=True
        )
    ]


def _padded(node: Node, source: Node, graph: Graph) -> list[Line]:
    rows = zip(_names(node.shape), source.shape, node.attributes["pads"], node.shape, strict=True)
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
    kept = node.shape[a["dim"]]
    last = a["start"] + (kept - 1) * a["step"]
    every = f", every {a['step']}th" if a["step"] > 1 else ""
    filled = f"{a['start']} to {last} of {source.shape[a['dim']]}{every}"
    return [Line(what=_names(source.shape)[a["dim"]], rule="a part", filled=filled, value=kept)]


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
    if node.operator == "linear" and node.attributes["activations"] == "left" and node.shape:
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
            what="parameters",
            rule="2·c, a scale γ and a shift β each",
            filled=f"2·{each}",
            value=counted,
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
            rule="c_in·c_out" if len(node.output) == 1 else "c_in·values of the output",
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
    shape, a = node.output, node.attributes
    letters = "c·h·w" if len(shape) == 3 else "values"
    many, which = PER_VALUE.get(node.operator, (1, ""))
    if "kernel" in a:
        windows = "·".join("k" for _ in a["kernel"])
        rule, filled = f"{windows}·{letters}, the window of each value", times(*a["kernel"], *shape)
    elif "keepdim" in a or node.operator.endswith("pool"):
        rule, filled = "every value that it reads", times(*_source(node, graph).output)
    elif many > 1:
        rule, filled = f"{many}·{letters}: {which}", times(many, *shape)
    else:
        rule, filled = f"{letters}, one each", times(*shape)
    return Line(what="other operations", rule=rule, filled=filled, value=value)


def _memory(node: Node) -> Line:
    shape = node.output
    if not node.bytes:
        return Line(what="memory of the output", rule="", filled="", value="none of its own")
    return memory(shape, max(node.bytes // max(math.prod(shape), 1), 1))
