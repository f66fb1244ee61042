"""A network's parts, grids and totals, counted from one recorded forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from network_pages.boxes import Module
from network_pages.modules import drawn, exits
from network_pages.parts import WORDS, part_of
from striate.anatomy.costs.formulas import by
from striate.anatomy.graph.record import Graph
from striate.anatomy.receptive_field.fields import receptive_fields
from striate.anatomy.table import Row, Table, Totals, shown, table
from striate.runs.open_network import open_network
from striate.zoo.create import create
from striate.zoo.layers import Network
from striate.zoo.weightless import weightless

#: Parts without weights or a grid of their own that a page shows all the same.
SHOWN = (WORDS["EuclideanRBF"], WORDS["LocalResponseNorm"])


@dataclass(frozen=True, kw_only=True)
class Part:
    """One line of a page's table: a layer, or a block with all its layers."""

    first: str  # paths of the first and last, which are alike
    last: str
    times: int
    what: str
    output: tuple[int, ...]
    parameters: int  # of all `times` together
    macs: int
    share: float  # of the network's MACs
    sees: tuple[object, object] | None  # height and width, of the last; gates left aside

    def like(self, other: Part) -> bool:
        """Whether the two differ in their place alone."""
        own, others = (
            (one.what, one.output, one.parameters // one.times, one.macs // one.times)
            for one in (self, other)
        )
        return own == others


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All layers whose output has one height and width; (1, 1): vectors, the classifier's part."""

    size: tuple[int, int]
    channels: int  # of the widest map
    layers: int  # with weights
    macs: int
    parameters: int

    @property
    def vector(self) -> bool:
        """Whether nothing is left of the grid."""
        return self.size == (1, 1)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What a page says in numbers."""

    parts: tuple[Part, ...]
    grids: tuple[Grid, ...]
    kinds: tuple[tuple[str, float], ...]  # sorts of layers with their shares of the MACs
    totals: Totals
    maps: tuple[tuple[int, int], ...]  # channels and stride of each of its `stages`
    modules: tuple[Module, ...]  # to draw
    exits: Module | None  # where auxiliary heads leave


def count(name: str) -> Counted:
    """Record the catalogue's network called `name`, and sort what it is made of."""
    graph = open_network(name).record()
    found = _locally(table(graph), graph)
    with weightless():
        network = create(name)
    return Counted(
        parts=_folded(_parts(found.rows, graph)),
        grids=_grids(found.rows),
        kinds=_kinds(found.rows),
        totals=found.totals,
        maps=tuple(zip(network.channels, network.strides, strict=True)),
        modules=drawn(graph),
        exits=_exits(name, network),
    )


def _exits(name: str, network: Network) -> Module | None:
    weights = getattr(network, "auxiliary_weights", ())
    return exits(open_network(name).record(training=True), weights) if weights else None


def _locally(found: Table, graph: Graph) -> Table:
    """The same rows with the receptive fields of their convolutions and pools alone.

    Through a gate every position sees the whole image, and a column of that says nothing.
    """
    fields = receptive_fields(graph, gates=False)
    rows = [replace(row, receptive_field=shown(fields[row.nodes[-1]])[0]) for row in found.rows]
    return replace(found, rows=tuple(rows))


def _parts(rows: Sequence[Row], graph: Graph) -> list[Part]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(part_of(row, graph), []).append(row)
    parts: list[Part] = []
    for key, members in groups.items():
        part = _part(key, members, graph)
        only = members[0].operator if len(members) == 1 else ""
        if only == "batch norm" and parts and parts[-1].output == part.output:
            before = parts[-1]
            parts[-1] = replace(before, parameters=before.parameters + part.parameters)
        elif (
            part.macs
            or part.parameters
            or part.what in SHOWN
            or ("pool" in only and part.output != parts[-1].output)
        ):
            parts.append(part)
    return parts


def _part(key: str, rows: Sequence[Row], graph: Graph) -> Part:
    weighted = [row for row in rows if row.macs]
    named = graph.modules.get(key) in WORDS
    if len(rows) == 1 or (len(weighted) == 1 and not named):
        what = _words(weighted[0] if weighted else rows[0])
    else:
        what = graph.modules[key]
    last = rows[-1]
    return Part(
        first=key,
        last=key,
        times=1,
        what=WORDS.get(what, what),
        output=last.output,
        parameters=sum(row.parameters for row in rows),
        macs=sum(row.macs for row in rows),
        share=sum(row.share for row in rows),
        sees=last.receptive_field,
    )


def _words(row: Row) -> str:
    """``convolution 3×3, stride 2``."""
    if row.kernel is None:
        return row.operator
    stride = "" if row.stride is None or set(row.stride) == {1} else f", stride {row.stride[0]}"
    groups = f", {row.groups} groups" if row.groups and row.groups > 1 else ""
    return f"{row.operator} {by(row.kernel)}{stride}{groups}"


def _folded(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Neighbours that are alike as one line."""
    found: list[Part] = []
    for part in parts:
        if found and found[-1].like(part) and _siblings(found[-1].first, part.first):
            found.append(_joined(found.pop(), part))
        else:
            found.append(part)
    return tuple(found)


def _joined(before: Part, part: Part) -> Part:
    return replace(
        part,
        first=before.first,
        times=before.times + 1,
        parameters=before.parameters + part.parameters,
        macs=before.macs + part.macs,
        share=before.share + part.share,
    )


def _siblings(one: str, other: str) -> bool:
    """Whether both are numbered members of one stage."""
    return "." in one and one.rpartition(".")[0] == other.rpartition(".")[0]


def _grids(rows: Sequence[Row]) -> tuple[Grid, ...]:
    """Sort all operators by the size of their output, in the order in which the sizes come up.

    Vectors before the last feature map are gates: they belong to the grid that they weigh.
    """
    spatial = [at for at, row in enumerate(rows) if _size(row) != (1, 1)]
    sums: dict[tuple[int, int], list[int]] = {}
    size = (1, 1)
    for at, row in enumerate(rows):
        own = _size(row)
        gate = own == (1, 1) and spatial and at < spatial[-1]
        size = size if gate else own
        held = sums.setdefault(size, [0, 0, 0, 0])
        if row.operator != "pad" and not gate:
            held[0] = max(held[0], row.output[0])
        held[1] += row.macs > 0
        held[2] += row.macs
        held[3] += row.parameters
    return tuple(
        Grid(size=size, channels=held[0], layers=held[1], macs=held[2], parameters=held[3])
        for size, held in sums.items()
    )


def _size(row: Row) -> tuple[int, int]:
    return (row.output[1], row.output[2]) if len(row.output) == 3 else (1, 1)


def _kinds(rows: Sequence[Row]) -> tuple[tuple[str, float], ...]:
    sums: dict[str, float] = {}
    for row in rows:
        if row.macs:
            kind = f"{by(row.kernel)} convolutions" if row.kernel else "dense layers"
            if (row.groups or 1) > 1 and row.groups == row.output[0]:
                kind = f"depthwise {kind}"
            sums[kind] = sums.get(kind, 0.0) + row.share
    return tuple(sorted(sums.items(), key=lambda pair: -pair[1]))
