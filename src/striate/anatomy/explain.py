"""The arithmetic of one layer of a network: sizes, costs, and what it sees, from both ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from striate.anatomy.arithmetic import arithmetic
from striate.anatomy.follow import extent, places
from striate.anatomy.formulas import Line, by
from striate.anatomy.geometry import Number
from striate.anatomy.operators import PLUMBING
from striate.anatomy.receptive_field import Field, fields_of, recursion
from striate.anatomy.record import Graph, Node
from striate.anatomy.rules import macs, operations
from striate.anatomy.spatial import Place
from striate.errors import NetworkError, nearest

MEETING = {"add", "subtract", "multiply", "divide", "concatenate", "maximum", "minimum"}
WINDOWED = {"convolution", "max pool", "average pool"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One step from the output down to the image: r = (r − 1)·stride + kernel."""

    layer: str
    kernel: Number
    stride: Number
    size: Number

    @property
    def line(self) -> Line:
        """The step as a formula."""
        before = (self.size - self.kernel) / Fraction(self.stride) + 1 if self.stride else 1
        return Line(
            what=self.layer,
            rule="(r − 1)·s + k",
            filled=f"({_shown(before)} − 1)·{_shown(self.stride)} + {_shown(self.kernel)}",
            value=_shown(self.size),
        )

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON object."""
        return {
            "layer": self.layer,
            "kernel": _plain(self.kernel),
            "stride": _plain(self.stride),
            "receptive_field": _plain(self.size),
        }


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What one output position sees along one axis, before and after clipping to the image."""

    position: int
    first: int
    last: int
    image: int  # pixels along this axis

    @property
    def clipped(self) -> tuple[int, int]:
        """The pixels that exist."""
        return max(self.first, 0), min(self.last, self.image - 1)

    def to_json(self) -> dict[str, Any]:
        """The window as a JSON object."""
        low, high = self.clipped
        return {
            "position": self.position,
            "first": low,
            "last": high,
            "unclipped": [self.first, self.last],
        }


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A layer, or a module of several operators, with its arithmetic.

    Attributes
    ----------
    inputs: name and shape (channels, height, width) of what it reads.
    lines: sizes and costs.
    forward: the receptive field from what it reads: r + d·(k − 1)·j.
    backward: the same by the recursion from its output, for height and width; the steps that
        neither widen nor stride are left out.
    sights: what one output position sees, (rows, columns); empty where it sees no image.
    parts: of a module of several operators, their names.
    """

    network: str
    layer: str
    operator: str
    kind: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    output: tuple[int, ...]
    attributes: Mapping[str, Any]
    lines: tuple[Line, ...]
    receptive_field: tuple[Number, Number] | None
    jump: tuple[Number, Number] | None
    everything: bool
    forward: tuple[Line, ...]
    backward: tuple[tuple[Way, ...], tuple[Way, ...]]
    sights: tuple[Sight, ...]
    parts: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The explanation as a JSON object."""
        return {
            "network": self.network,
            "layer": self.layer,
            "operator": self.operator,
            "module": self.kind,
            "inputs": [{"layer": name, "shape": list(shape)} for name, shape in self.inputs],
            "output": list(self.output),
            "attributes": {key: _listed(value) for key, value in self.attributes.items()},
            "arithmetic": [line.to_json() for line in self.lines],
            "receptive_field": _pair(self.receptive_field),
            "jump": _pair(self.jump),
            "sees_everything": self.everything,
            "forward": [line.to_json() for line in self.forward],
            "recursion": {
                axis: [way.to_json() for way in ways]
                for axis, ways in zip(("height", "width"), self.backward, strict=True)
            },
            "sees": {
                axis: sight.to_json()
                for axis, sight in zip(("rows", "columns"), self.sights, strict=False)
            },
            "parts": [{"layer": name, "operator": operator} for name, operator in self.parts],
        }


def explain(graph: Graph, layer: str, *, at: tuple[int, int] | None = None) -> Explanation:
    """Explain the layer called `layer`: a node's name, or a module's path.

    `at` is the output position (row, column) whose pixels are wanted; the centre if None.

    Raises
    ------
    NetworkError: there is no such layer, with the nearest; it is never run; `at` lies outside.
    """
    part = _find(graph, layer)
    node = part[-1]
    laid = places(graph)
    fields = fields_of(graph, laid)
    field, place = fields[node.index], laid[node.index]
    read = (graph.nodes[index] for index in _reads(part, graph, layer))
    alone = len(part) == 1
    return Explanation(
        network=graph.network,
        layer=layer,
        operator=node.operator if alone else f"{len(part)} operators",
        kind=graph.modules.get(layer, node.kind),
        inputs=tuple((each.name, each.output) for each in read),
        output=node.output,
        attributes=node.attributes if alone else {},
        lines=arithmetic(node, graph) if alone else _summed(part, graph),
        receptive_field=None if field is None else (field[0].size, field[1].size),
        jump=None if field is None else (field[0].jump, field[1].jump),
        everything=field is not None and field[0].everything and field[1].everything,
        forward=forward_rule(node, graph, fields) if alone else (),
        backward=(_backward(graph, node, 0), _backward(graph, node, 1)),
        sights=() if field is None or place is None else _sights(graph, node, field, place, at),
        parts=() if alone else tuple((each.name, each.operator) for each in part),
    )


def _find(graph: Graph, layer: str) -> list[Node]:
    """The nodes of a layer: one by its name, or all that run inside a module."""
    for node in graph.nodes:
        if node.name == layer:
            return [node]
    inside = [node for node in graph.nodes if layer and _runs_in(node, layer) and node.aten]
    counting = [node for node in inside if node.operator not in PLUMBING] or inside
    if counting:
        return counting
    what = f"layer '{layer}' of {graph.network}"
    if layer and layer in graph.modules:
        raise NetworkError(what, "is never run at prediction", "its parameters are stored only")
    names = {node.name for node in graph.nodes} | {path for path in graph.modules if path}
    raise NetworkError(what, "there is no such layer", nearest(layer, names))


def _runs_in(node: Node, path: str) -> bool:
    return node.module == path or node.module.startswith(f"{path}.")


def _reads(part: list[Node], graph: Graph, layer: str) -> list[int]:
    """The nodes outside that a layer reads; its own renaming of values is passed by."""
    seen = {each.index for each in part}
    queue = [index for each in part for index in each.inputs]
    found = []
    while queue:
        index = queue.pop()
        if index in seen:
            continue
        seen.add(index)
        node = graph.nodes[index]
        if node.operator in PLUMBING and _runs_in(node, layer):
            queue.extend(node.inputs)
        else:
            found.append(index)
    return sorted(found)


def _summed(part: list[Node], graph: Graph) -> tuple[Line, ...]:
    """The costs of several nodes, added up; parameters that several read count once."""
    names = dict.fromkeys(name for node in part for name in node.parameters)
    rows = {
        "parameters": [graph.parameters[name] for name in names],
        "MACs": [macs(node, graph) for node in part],
        "other operations": [operations(node, graph) for node in part],
        "memory of the outputs": [node.bytes for node in part],
    }
    found = []
    for what, values in rows.items():
        kept = [value for value in values if value]
        filled = " + ".join(map(str, kept)) if 1 < len(kept) <= 8 else ""
        if kept:
            found.append(
                Line(what=what, rule="the sum of its parts", filled=filled, value=sum(kept))
            )
    return tuple(found)


def forward_rule(node: Node, graph: Graph, fields: tuple[Field | None, ...]) -> tuple[Line, ...]:
    """The receptive field and the jump from those of what the node reads."""
    field = fields[node.index]
    if field is None or not node.inputs or node.operator == "input":
        return ()
    if field[0].everything and field[1].everything:
        return (Line(what="receptive field", rule="", filled="", value="the whole image"),)
    if node.operator in WINDOWED and (source := fields[node.inputs[0]]) is not None:
        return _windowed(node, field, source)
    sources = [fields[index] for index in node.inputs]
    if node.operator in MEETING and len(sources) > 1:
        shown = [by((_shown(each[0].size), _shown(each[1].size))) for each in sources if each]
        value = by((_shown(field[0].size), _shown(field[1].size)))
        return (
            Line(
                what="receptive field",
                rule="from the least low to the greatest high of its branches",
                filled=f"all of {', '.join(dict.fromkeys(shown))}",
                value=value,
            ),
        )
    return ()


def _windowed(node: Node, field: Field, source: Field) -> tuple[Line, ...]:
    a = node.attributes
    lines = []
    for axis, what in enumerate(("height", "width")):
        r, j = source[axis].size, source[axis].jump
        k, s, d = (_along(a.get(key, ()), axis) for key in ("kernel", "stride", "dilation"))
        grown = f"{_shown(r)} + {f'{d}·' if d > 1 else ''}({k} − 1)·{_shown(j)}"
        if r + d * (k - 1) * j != field[axis].size:  # it sees all of the image along this axis
            grown = ""
        lines.append(
            Line(
                what=f"receptive field, {what}",
                rule="r + d·(k − 1)·j" if d > 1 else "r + (k − 1)·j",
                filled=grown,
                value=_shown(field[axis].size),
            )
        )
        lines.append(
            Line(
                what=f"jump, {what}",
                rule="j·s",
                filled=f"{_shown(j)}·{s}",
                value=_shown(field[axis].jump),
            )
        )
    first, second = lines[:2], lines[2:]
    if [(x.filled, x.value) for x in first] != [(x.filled, x.value) for x in second]:
        return tuple(lines)
    return tuple(
        Line(what=line.what.partition(",")[0], rule=line.rule, filled=line.filled, value=line.value)
        for line in first
    )


def _along(values: tuple[int, ...], axis: int) -> int:
    """What holds along the image's height (0) or width (1), its last axes; 1 if it lacks that."""
    at = len(values) - 2 + axis
    return values[at] if at >= 0 else 1


def _backward(graph: Graph, node: Node, axis: int) -> tuple[Way, ...]:
    return tuple(
        Way(
            layer=graph.nodes[step.node].name,
            kernel=step.kernel,
            stride=step.stride,
            size=step.size,
        )
        for step in recursion(graph, node.index, axis)
        if (step.kernel, step.stride) != (1, 1)
    )


def _sights(
    graph: Graph, node: Node, field: Field, place: Place, at: tuple[int, int] | None
) -> tuple[Sight, ...]:
    grid = place.counts
    where = at or (grid[0] // 2, grid[1] // 2)
    if any(not 0 <= position < size for position, size in zip(where, grid, strict=True)):
        raise NetworkError(
            f"position {where[0]},{where[1]}",
            f"{node.name} has {grid[0]} rows and {grid[1]} columns, counted from 0",
            "give --at ROW,COLUMN inside them",
        )
    found = []
    for axis, position, pixels in zip(field, where, extent(graph), strict=True):
        low, high = axis.window(position)
        found.append(Sight(position=position, first=ceil(low), last=floor(high), image=pixels))
    return tuple(found)


def _shown(value: Number) -> str:
    return f"{value}" if isinstance(value, int) or value.denominator == 1 else f"{float(value):g}"


def _plain(value: Number) -> int | float:
    return int(value) if value == int(value) else float(value)


def _pair(pair: tuple[Number, Number] | None) -> list[int | float] | None:
    return None if pair is None else [_plain(value) for value in pair]


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_listed(each) for each in value]
    return _plain(value) if isinstance(value, Fraction) else value
