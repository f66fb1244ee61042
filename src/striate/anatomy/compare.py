"""Networks side by side: what each costs, where its cost sits, and what is published of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from striate.anatomy.costs.formulas import by
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.table import Table, table
from striate.errors import NetworkError
from striate.support.shown import Shown
from striate.zoo.published import Figure, comparable


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stage or a kind of operator, with its shares (0 to 1) of the whole network."""

    name: str
    macs: float
    parameters: float
    memory: float

    def to_json(self) -> dict[str, str | float]:
        """The part as a JSON object."""
        return {
            "name": self.name,
            "macs": round(self.macs, 4),
            "parameters": round(self.parameters, 4),
            "memory": round(self.memory, 4),
        }


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of a comparison.

    Attributes:
        name: of the network, for people.
        table: its rows, one for each of the network's own parts, and its totals.
        stages: the parts of the network and what each costs.
        operators: kinds of operator and what each costs, the dearest first.
        milliseconds: of a forward of one image; None if not asked for.
        error: the published error that compares best; None without.
        figure: where `error` is from; None without.
    """

    name: str
    table: Table
    stages: tuple[Part, ...]
    operators: tuple[Part, ...]
    milliseconds: float | None = None
    error: float | None = None
    figure: Figure | None = None

    def to_json(self) -> dict[str, Any]:
        """The network as a JSON object."""
        totals = self.table.to_json()["totals"]
        figure = None
        if self.figure is not None:
            figure = {"error": self.error, "crops": self.figure.crops, "source": self.figure.source}
        return {
            "network": self.name,
            **totals,
            "milliseconds": None if self.milliseconds is None else round(self.milliseconds, 3),
            "stages": [part.to_json() for part in self.stages],
            "operators": [part.to_json() for part in self.operators],
            "published": figure,
        }


@dataclass(frozen=True, kw_only=True)
class Comparison(Shown):
    """Several networks, with the data set and measure that their published errors share."""

    shown_by: ClassVar[str] = "striate.anatomy.show.terminal:show_comparison"

    members: tuple[Member, ...]
    data: str
    measure: str

    def to_json(self) -> dict[str, Any]:
        """The comparison as a JSON object."""
        return {
            "networks": [member.to_json() for member in self.members],
            "published_on": self.data or None,
            "measure": self.measure,
        }


def compare(
    graphs: Sequence[Graph],
    published: Mapping[str, Sequence[Figure]],
    milliseconds: Sequence[float] | None = None,
) -> Comparison:
    """Networks side by side, with published errors of one data set where there are any.

    Args:
        graphs: each network recorded.
        published: the published errors of each, by its name.
        milliseconds: of a forward of each; None if not asked for.

    Raises:
        NetworkError: there are none.
    """
    if not graphs:
        raise NetworkError("compare", "needs a network", "striate compare vgg16 resnet50")
    members = [member(graph) for graph in graphs]
    if milliseconds is not None:
        members = [
            replace(one, milliseconds=spent)
            for one, spent in zip(members, milliseconds, strict=True)
        ]
    data, measure, figures = comparable(published)
    return Comparison(
        members=tuple(
            replace(one, error=getattr(figures[one.name], measure), figure=figures[one.name])
            if one.name in figures
            else one
            for one in members
        ),
        data=data,
        measure=measure,
    )


def member(graph: Graph) -> Member:
    """Count one network for a comparison."""
    whole = next(
        (found for depth in (1, 2) if _telling(found := table(graph, depth=depth))),
        table(graph, depth=3),
    )
    return Member(
        name=graph.network,
        table=whole,
        stages=_shares([(row.name, row.macs, row.parameters, row.memory) for row in whole.rows]),
        operators=tuple(
            sorted(
                _shares(
                    [
                        (_sort(graph.nodes[row.nodes[0]]), row.macs, row.parameters, row.memory)
                        for row in table(graph).rows
                    ]
                ),
                key=lambda part: (-part.macs, -part.parameters, -part.memory),
            )
        ),
    )


def _telling(found: Table) -> bool:
    """Whether its rows show where the cost sits: one that holds nearly all shows nothing."""
    return all(row.share < 0.9 for row in found.rows)


def _sort(node: Node) -> str:
    """A kind of operator: convolutions by their kernel, depthwise ones apart."""
    if "fan_in" not in node.attributes:
        return node.operator
    a = node.attributes
    depthwise = a["groups"] > 1 and a["fan_in"] == 1
    return f"{'depthwise ' if depthwise else ''}{node.operator} {by(a['kernel'])}"


def _shares(rows: list[tuple[str, int, int, int]]) -> tuple[Part, ...]:
    """Add up rows of one name, and divide by the sum of all."""
    sums: dict[str, list[int]] = {}
    for name, *values in rows:
        held = sums.setdefault(name, [0, 0, 0])
        for place, value in enumerate(values):
            held[place] += value
    whole = [max(sum(column), 1) for column in zip(*sums.values(), strict=True)] or [1, 1, 1]
    return tuple(
        Part(
            name=name,
            macs=held[0] / whole[0],
            parameters=held[1] / whole[1],
            memory=held[2] / whole[2],
        )
        for name, held in sums.items()
    )
