"""A network as rows and totals: what `striate table` prints and what its JSON holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

from striate.anatomy.costs.counting import macs, operations, products, uncounted
from striate.anatomy.costs.memory import TrainingMemory, forward_memory, training_memory
from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.receptive_field.axis import Number, magnitude
from striate.anatomy.receptive_field.fields import (
    Field,
    Places,
    fields_of,
    last_feature_map,
    receptive_fields,
)
from striate.anatomy.receptive_field.positions import places
from striate.errors import NetworkError, parameter
from striate.support.shown import Shown

WEIGHT_LAYERS = frozenset(
    [
        *("convolution", "transposed convolution", "deformable convolution"),
        *("linear", "bilinear"),
    ]
)
#: Rows that a terminal shows with pleasure; `readable_table` folds modules until no more are left.
ROWS = 60

Pair = tuple[Number, Number]
PerAxis = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One operator, or all operators of one module."""

    name: str
    operator: str  # of a module: its class
    kind: str
    module: str
    output: tuple[int, ...]  # without the batch axis
    kernel: PerAxis | None
    stride: PerAxis | None
    padding: tuple[int | tuple[int, int], ...] | None  # per axis; (before, after) where they differ
    dilation: PerAxis | None
    groups: int | None
    parameters: int  # that no row above has counted already
    macs: int
    operations: int
    memory: int  # bytes that its outputs allocate
    receptive_field: Pair | None  # (height, width) in pixels; None: it sees no pixel
    jump: Pair | None
    share: float  # of the network's MACs
    nodes: tuple[int, ...]  # of the graph


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The network as a whole, for one image."""

    parameters: int  # that the forward reads
    stored: int  # all of them
    unused: tuple[str, ...]  # the outermost modules of which the forward reads no parameter
    uncounted: tuple[str, ...]  # nodes that read parameters in a way that `macs` does not know
    macs: int
    products: int  # multiply-accumulates between activations: attention
    operations: int
    memory: int  # bytes of all outputs of one forward
    training_memory: TrainingMemory
    receptive_field: Pair | None  # of the last feature map, the image's size where it sees all
    convolutional_receptive_field: Pair | None  # the same without gates and statistics
    jump: Pair | None  # (0, 0): its positions were mixed on the way
    input: tuple[int, ...]
    depth: int  # weight layers on the longest path, those that run again counted once
    branches: tuple[Branch, ...]  # to outputs beside the first: auxiliary heads
    training: bool  # as it is in training, not at prediction


@dataclass(frozen=True, kw_only=True)
class Branch:
    """What leads to an output beside the first, and to nothing else."""

    name: str  # the module that holds it; its first operator where there is none
    source: str  # the layer after which it branches off
    shape: tuple[int, ...]  # of what it reads
    output: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Table(Shown):
    """Rows in order of execution, and totals."""

    shown_by: ClassVar[str] = "striate.anatomy.show.terminal:show_table"

    network: str
    input: tuple[int, ...]
    rows: tuple[Row, ...]
    totals: Totals

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers, strings, lists and dictionaries; sizes are (channels, h, w)."""
        layers = [_plain(asdict(row)) for row in self.rows]
        for layer in layers:
            del layer["nodes"]
        return {
            "network": self.network,
            "input": list(self.input),
            "layers": layers,
            "totals": _plain(asdict(self.totals)),
        }


def table(graph: Graph, *, depth: int | None = None) -> Table:
    """Put every operator that computes or allocates something into a row, or modules to `depth`.

    ``depth=1`` gives a row for each of the network's own parts, ``depth=2`` for theirs, and so on;
    operators that a module above that depth runs itself keep rows of their own. None and 0 give
    every operator.

    Raises:
        NetworkError: `depth` is below 0.
    """
    if depth is not None and depth < 0:
        raise NetworkError(parameter("depth", depth), "must be 0 (every operator) or more")
    laid = places(graph)
    fields = fields_of(graph, laid)
    total = sum(macs(node, graph) for node in graph.nodes)
    counted: set[str] = set()
    rows = [
        _row(node, graph, fields[node.index], counted, total)
        for node in graph.nodes
        if node.key != "input" and (node.operator not in PLUMBING or node.parameters or node.bytes)
    ]
    totals = _totals(graph, laid, fields, rows, total)
    if depth:
        rows = _grouped(rows, graph, depth, fields)
    first = graph.inputs[0] if graph.inputs else ()
    return Table(network=graph.network, input=first, rows=tuple(rows), totals=totals)


def readable_table(graph: Graph) -> Table:
    """`table`, as deep as a page allows: the deepest grouping of at most `ROWS` rows."""
    depth = max((path.count(".") + 1 for path in graph.modules if path), default=0)
    found = table(graph, depth=depth)  # what one innermost module does is one row
    while len(found.rows) > ROWS and depth > 1:
        depth -= 1
        found = table(graph, depth=depth)
    return found


def shown(field: Field | None) -> tuple[Pair | None, Pair | None]:
    """Give (receptive field, jump), each (height, width); a jump has no sign, flipped or not."""
    if field is None:
        return None, None
    height, width = field
    return (height.size, width.size), (magnitude(height.jump), magnitude(width.jump))


def weight_depth(graph: Graph) -> int:
    """Count the weight layers on the path that has most of them, each layer once.

    A layer whose weights ran on the way already adds nothing: the steps of a recurrent network are
    one layer. Such layers are known by their parameters, a set of bits for each node.
    """
    depths: list[int] = []
    passed: list[int] = []
    bits: dict[tuple[str, ...], int] = {}
    for node in graph.nodes:
        depth = max((depths[index] for index in node.inputs), default=0)
        before = 0
        for index in node.inputs:
            before |= passed[index]
        if node.operator in WEIGHT_LAYERS:
            # Weights that nobody trains are known by where they are used.
            key = node.parameters or (f"\0{node.index}",)
            bit = bits.setdefault(key, 1 << len(bits))
            depth += not before & bit
            before |= bit
        depths.append(depth)
        passed.append(before)
    return max((depths[index] for index in graph.outputs), default=0)


def branches(graph: Graph) -> tuple[Branch, ...]:
    """The ways to the outputs beside the first, auxiliary heads for one."""
    if not graph.outputs:
        return ()
    seen = _ancestors(graph, graph.outputs[0])
    found = []
    for output in graph.outputs[1:]:
        own = [node for node in graph.nodes if node.index in _ancestors(graph, output) - seen]
        if own and own[0].inputs:
            source = graph.nodes[own[0].inputs[0]]
            found.append(
                Branch(
                    name=_common_module([node.module for node in own]) or own[0].name,
                    source=_giver(graph, source),
                    shape=source.output,
                    output=graph.nodes[output].output,
                )
            )
        seen |= {node.index for node in own}
    return tuple(found)


def _ancestors(graph: Graph, index: int) -> set[int]:
    found = {index}
    for node in reversed(graph.nodes[: index + 1]):
        if node.index in found:
            found.update(node.inputs)
    return found


def _common_module(paths: Sequence[str]) -> str:
    """The innermost module around all of them."""
    split = [path.split(".") for path in paths]
    shared = itertools.takewhile(lambda names: len(set(names)) == 1, zip(*split, strict=False))
    return ".".join(names[0] for names in shared)


def _giver(graph: Graph, node: Node) -> str:
    """The outermost module that returned the node's output; the node's own name without one."""
    given = [
        path
        for path, calls in graph.returned.items()
        if path and any(node.index in call for call in calls)
    ]
    return min(given, key=len, default=node.name)


def unused_modules(graph: Graph) -> tuple[str, ...]:
    """Name the outermost modules with parameters of which the forward reads none."""
    idle = [name for name in graph.parameters if name not in graph.used]
    found: dict[str, None] = {}
    for name in idle:
        parts = name.split(".")[:-1]
        chosen = name
        for length in range(len(parts), 0, -1):
            prefix = ".".join(parts[:length])
            if any(used.startswith(prefix + ".") for used in graph.used):
                break
            chosen = prefix
        found[chosen] = None
    return tuple(found)


def _row(node: Node, graph: Graph, field: Field | None, counted: set[str], total: int) -> Row:
    new = [name for name in node.parameters if name not in counted]
    counted.update(new)
    a, cost = node.attributes, macs(node, graph)
    padding = a.get("padding")
    if "pads" in a:
        padding = a["pads"][-2:]
    seen, jump = shown(field)
    return Row(
        name=node.name,
        operator=node.operator,
        kind=node.kind,
        module=node.module,
        output=node.output,
        kernel=a.get("kernel"),
        stride=a.get("stride"),
        padding=padding,
        dilation=a.get("dilation"),
        groups=a["groups"] if "fan_in" in a else None,
        parameters=sum(graph.parameters[name] for name in new),
        macs=cost,
        operations=operations(node, graph),
        memory=node.bytes,
        receptive_field=seen,
        jump=jump,
        share=cost / total if total else 0.0,
        nodes=(node.index,),
    )


def _grouped(
    rows: Sequence[Row], graph: Graph, depth: int, fields: Sequence[Field | None]
) -> list[Row]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        parts = row.module.split(".") if row.module else []
        key = ".".join(parts[:depth]) if len(parts) >= depth > 0 else f"\0{row.name}"
        groups.setdefault(key, []).append(row)
    return [
        members[0] if key.startswith("\0") else _merged(key, members, graph, fields)
        for key, members in groups.items()
    ]


def _merged(path: str, rows: list[Row], graph: Graph, fields: Sequence[Field | None]) -> Row:
    """Add up the rows of one module; its grid is that of what it returns."""
    calls = graph.returned.get(path, ())
    given = next((index for index in calls[-1] if index >= 0), None) if calls else None
    last = graph.nodes[rows[-1].nodes[-1] if given is None else given]
    seen, jump = shown(fields[last.index])
    weighted = [row for row in rows if row.kernel is not None]
    shape = weighted[0] if len(weighted) == 1 else None
    kind = graph.modules[path]
    return replace(
        rows[-1],
        name=path,
        output=last.output,
        receptive_field=seen,
        jump=jump,
        operator=rows[0].operator if len(rows) == 1 else kind,
        kind=kind,
        module=path,
        kernel=shape.kernel if shape else None,
        stride=shape.stride if shape else None,
        padding=shape.padding if shape else None,
        dilation=shape.dilation if shape else None,
        groups=shape.groups if shape else None,
        parameters=sum(row.parameters for row in rows),
        macs=sum(row.macs for row in rows),
        operations=sum(row.operations for row in rows),
        memory=sum(row.memory for row in rows),
        share=sum(row.share for row in rows),
        nodes=tuple(index for row in rows for index in row.nodes),
    )


def _totals(
    graph: Graph,
    laid: Places,
    fields: tuple[Field | None, ...],
    rows: Iterable[Row],
    total: int,
) -> Totals:
    last = last_feature_map(graph, laid)
    seen, jump = shown(None if last is None else fields[last])
    place = None if last is None else laid[last]
    if place is not None and max(place.counts) == 1:  # one window over all of it, if any
        jump = (0, 0)
    local = seen
    if last is not None and any(place is not None and place.gated for place in laid[: last + 1]):
        local, _ = shown(receptive_fields(graph, gates=False)[last])
    return Totals(
        parameters=sum(graph.parameters[name] for name in graph.used),
        stored=sum(graph.parameters.values()),
        unused=unused_modules(graph),
        uncounted=tuple(node.name for node in graph.nodes if uncounted(node, graph)),
        macs=total,
        products=sum(products(node) for node in graph.nodes),
        operations=sum(row.operations for row in rows),
        memory=forward_memory(graph),
        training_memory=training_memory(graph),
        receptive_field=seen,
        convolutional_receptive_field=local,
        jump=jump,
        input=graph.inputs[0] if graph.inputs else (),
        depth=weight_depth(graph),
        branches=branches(graph),
        training=graph.training,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value
