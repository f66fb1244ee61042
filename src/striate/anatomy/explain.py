"""The arithmetic of one layer of a network: sizes, costs, and what it sees, from both ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any, ClassVar

from striate.anatomy.costs.arithmetic import arithmetic
from striate.anatomy.costs.counting import macs, operations
from striate.anatomy.costs.definitions import Definition, definition, module_definition
from striate.anatomy.costs.formulas import Line
from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.receptive_field.axis import Number, magnitude
from striate.anatomy.receptive_field.fields import Field, fields_of
from striate.anatomy.receptive_field.growth import Way, backward, forward_rule, plain_number
from striate.anatomy.receptive_field.links import Place
from striate.anatomy.receptive_field.positions import extent, places
from striate.errors import NetworkError, nearest
from striate.support.shown import Several, Shown


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
class Explanation(Shown):
    """A layer, or a module of several operators, with its arithmetic.

    Attributes:
        network: name of the network, for people.
        layer: the node's name, or the module's path.
        operator: what it computes, or how many operators the module has.
        kind: class of the module that it is, or belongs to.
        inputs: name and shape (channels, height, width) of what it reads.
        output: shape of what it gives, of one image.
        attributes: of a single operator: kernel, stride, padding and the like.
        lines: sizes and costs.
        receptive_field: of an output position, (height, width) in pixels; None without one.
        jump: pixels between neighbouring output positions, (height, width); None without any.
        everything: whether every output position sees the whole image.
        forward: the receptive field from what it reads: r + d·(k − 1)·j.
        backward: the same by the recursion from its output, for height and width; the steps that
            neither widen nor stride are left out.
        sights: what one output position sees, (rows, columns); empty where it sees no image.
        parts: of a module of several operators, name and operator of each.
        definition: its formula, of operators that the lines do not explain; None otherwise.
    """

    shown_by: ClassVar[str] = "striate.anatomy.show.terminal:show_explanation"

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
    definition: Definition | None = None

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
            "definition": None if self.definition is None else self.definition.to_json(),
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

    Raises:
        NetworkError: there is no such layer, with the nearest; it is never run; `at` lies outside.
    """
    part = _find(graph, layer)
    if not part:
        return _passed(graph, layer)
    node = part[-1]
    laid = places(graph)
    fields = fields_of(graph, laid)
    field, place = fields[node.index], laid[node.index]
    short = _short(part, graph, layer, fields)
    return replace(
        short,
        backward=(backward(graph, node, 0), backward(graph, node, 1)),
        sights=() if field is None or place is None else _sights(graph, node, field, place, at),
    )


def explain_all(graph: Graph) -> Several[Explanation]:
    """Explain every operator that computes something, in order, without `backward` and `sights`."""
    fields = fields_of(graph, places(graph))
    return Several(
        _short([node], graph, node.name, fields)
        for node in graph.nodes
        if node.key != "input" and (node.operator not in PLUMBING or node.bytes)
    )


def _short(
    part: list[Node], graph: Graph, layer: str, fields: tuple[Field | None, ...]
) -> Explanation:
    """The parts of an explanation that need no walk down to the image."""
    node = part[-1]
    field = fields[node.index]
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
        jump=None if field is None else (magnitude(field[0].jump), magnitude(field[1].jump)),
        everything=field is not None and field[0].everything and field[1].everything,
        forward=forward_rule(node, graph, fields) if alone else (),
        backward=((), ()),
        sights=(),
        parts=() if alone else tuple((each.name, each.operator) for each in part),
        definition=module_definition(layer, graph) or (definition(node, graph) if alone else None),
    )


def _passed(graph: Graph, layer: str) -> Explanation:
    """A module that gives back what it is given, as dropout does at prediction."""
    given = next((index for index in graph.returned[layer][-1] if index >= 0), None)
    shapes = () if given is None else ((graph.nodes[given].name, graph.nodes[given].output),)
    return Explanation(
        network=graph.network,
        layer=layer,
        operator="computes nothing" if graph.training else "computes nothing at prediction",
        kind=graph.modules[layer],
        inputs=shapes,
        output=() if given is None else graph.nodes[given].output,
        attributes={},
        lines=(),
        receptive_field=None,
        jump=None,
        everything=False,
        forward=(),
        backward=((), ()),
        sights=(),
        definition=module_definition(layer, graph),
    )


def _find(graph: Graph, layer: str) -> list[Node]:
    """The nodes of a layer: one by its name, all that run inside a module, none where none does."""
    for node in graph.nodes:
        if node.name == layer:
            return [node]
    inside = [node for node in graph.nodes if layer and _runs_in(node, layer) and node.aten]
    counting = [node for node in inside if node.operator not in PLUMBING] or inside
    if counting or (layer and layer in graph.returned):
        return counting
    what = f"layer '{layer}' of {graph.network}"
    if layer and layer in graph.modules:
        if graph.training:
            raise NetworkError(what, "is never run", "its parameters are stored only")
        raise NetworkError(
            what,
            "is never run at prediction, its parameters are stored only",
            "training mode may run it (`training=True`)",
        )
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
        filled = " + ".join(f"{value:,}" for value in kept) if 1 < len(kept) <= 8 else ""
        if kept:
            found.append(
                Line(what=what, rule="the sum of its parts", filled=filled, value=sum(kept))
            )
    return tuple(found)


def _sights(
    graph: Graph, node: Node, field: Field, place: Place, at: tuple[int, int] | None
) -> tuple[Sight, ...]:
    grid = place.counts
    where = at or (grid[0] // 2, grid[1] // 2)
    if any(not 0 <= position < size for position, size in zip(where, grid, strict=True)):
        raise NetworkError(
            f"position {where[0]},{where[1]}",
            f"{node.name} has {grid[0]} rows and {grid[1]} columns, counted from 0",
            "give a row and a column inside them",
        )
    found = []
    for axis, position, pixels in zip(field, where, extent(graph), strict=True):
        low, high = axis.window(position)
        found.append(Sight(position=position, first=ceil(low), last=floor(high), image=pixels))
    return tuple(found)


def _pair(pair: tuple[Number, Number] | None) -> list[int | float] | None:
    return None if pair is None else [plain_number(value) for value in pair]


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_listed(each) for each in value]
    return plain_number(value) if isinstance(value, Fraction) else value
