"""How receptive fields grow, as formulas: from what a layer reads, and from its output down."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from striate.anatomy.costs.formulas import Line, by
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.receptive_field.axis import Number, magnitude
from striate.anatomy.receptive_field.fields import Field, recursion

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
        """The step as a formula; where positions are mixed it is all of them, whatever r was."""
        if not self.stride:
            return Line(
                what=self.layer,
                rule="all positions of what it reads",
                filled=f"all {_shown(self.kernel)} positions",
                value=_shown(self.size),
            )
        before = (self.size - self.kernel) / Fraction(self.stride) + 1
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
            "kernel": plain_number(self.kernel),
            "stride": plain_number(self.stride),
            "receptive_field": plain_number(self.size),
        }


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
        r, j = source[axis].size, magnitude(source[axis].jump)
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
                value=_shown(magnitude(field[axis].jump)),
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


def backward(graph: Graph, node: Node, axis: int) -> tuple[Way, ...]:
    """The steps from `node` down to the image that widen or stride, along one axis."""
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


def _shown(value: Number) -> str:
    return f"{value}" if isinstance(value, int) or value.denominator == 1 else f"{float(value):g}"


def plain_number(value: Number) -> int | float:
    """A number as JSON has it."""
    return int(value) if value == int(value) else float(value)
