"""The rules of `striate.detection.suppression` as ONNX nodes.

ONNX has an operator of its own, `NonMaxSuppression`, of plain overlap alone. Here a `Loop` goes
round once for each box that stays: it takes the surest one left, and drops what has too much in
common with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from striate.detection.suppression import DARKNET_EXPONENT, Rule
from striate.engines.packages import need
from striate.engines.preprocessing.nodes import Nodes, Value

if TYPE_CHECKING:
    import onnx

#: The least number that something is divided by, where it may be 0.
_TINY = np.array(np.finfo(np.float32).tiny, np.float32)
_GONE = np.array(-1, np.float32)
_ZERO = np.array(0, np.float32)
_HALF = np.array(0.5, np.float32)


class Candidates(NamedTuple):
    """Boxes as a graph computes them: the surest first, and one of score 0 behind them all."""

    sides: tuple[Value, Value, Value, Value]
    """float32 (n,): left, top, right and bottom."""
    scores: Value
    """float32 (n,)."""
    classes: Value
    """int64 (n,)."""


def stays_nodes(graph: Nodes, boxes: Candidates, limit: Value, *, rule: Rule) -> Value:
    """Which boxes stay: int64 (m,), their places, the surest first.

    Args:
        graph: to which the nodes are added.
        boxes: of one picture. That of score 0, which is there so that no engine has to go through
            nothing, never stays.
        limit: float32 without an axis, as for `striate.detection.suppression.suppress`.
        rule: likewise.
    """
    helper = need("onnx").helper
    area = (boxes.sides[2] - boxes.sides[0]) * (boxes.sides[3] - boxes.sides[1])
    count = graph.add("Shape", boxes.scores)
    nothing = graph.add("Greater", boxes.scores, np.array(np.inf, np.float32))
    any_left = graph.add("Greater", _greatest(graph, boxes.scores), _ZERO)
    body = _body(graph, boxes, area, limit, rule=rule)
    title = f"{graph.prefix}/Loop_{len(graph.nodes)}"
    given = [graph.reshape(count).name, any_left.name, boxes.scores.name, nothing.name]
    outputs = [f"{title}_left", f"{title}_stays"]
    graph.nodes.append(helper.make_node("Loop", given, outputs, name=title, body=body))
    return graph.reshape(graph.add("NonZero", graph.value(outputs[1])), -1)


def _body(
    outer: Nodes, boxes: Candidates, area: Value, limit: Value, *, rule: Rule
) -> onnx.GraphProto:
    """One round: `left`, the scores of boxes that are not decided, and `stays`, go in and out."""
    helper, kinds = need("onnx").helper, need("onnx").TensorProto
    graph = Nodes(outer.opset, f"{outer.prefix}/round")
    names = [f"{graph.prefix}/{name}" for name in ("number", "going", "left", "stays")]
    left, stays = (graph.value(name) for name in names[2:])
    best = graph.add("ArgMax", left, axis=0, keepdims=1)

    def of_best(value: Value) -> Value:
        """(1,): that of the surest box."""
        return graph.add("Gather", graph.value(value.name), best, axis=0)

    many = [graph.value(each.name) for each in boxes.sides]
    one = [of_best(each) for each in boxes.sides]
    across = graph.least(one[2], many[2]) - graph.largest(one[0], many[0])
    down = graph.least(one[3], many[3]) - graph.largest(one[1], many[1])
    shared = graph.largest(across, _ZERO) * graph.largest(down, _ZERO)
    total = of_best(area) + graph.value(area.name) - shared
    common = graph.add("Div", shared, graph.largest(total, _TINY))
    if rule == "greedy":
        common = common - graph.add(
            "Pow", _distance(graph, one, many), np.array(DARKNET_EXPONENT, np.float32)
        )
    too_much = graph.add("Greater", common, graph.value(limit.name))
    same = graph.add("Equal", of_best(boxes.classes), graph.value(boxes.classes.name))
    places = graph.add("Range", np.array(0, np.int64), _count(graph, left), np.array(1, np.int64))
    itself = graph.add("Equal", places, best)
    decided = graph.add("Or", graph.add("And", too_much, same), itself)
    after = graph.add("Where", decided, _GONE, left)
    kept = graph.add("Or", stays, itself)
    going = graph.add("Greater", _greatest(graph, after), _ZERO)

    def end(name: str, kind: int, *shape: str) -> onnx.ValueInfoProto:
        made: onnx.ValueInfoProto = helper.make_tensor_value_info(name, kind, shape)
        return made

    taken = [
        end(names[0], kinds.INT64),
        end(names[1], kinds.BOOL),
        end(names[2], kinds.FLOAT, "candidates"),
        end(names[3], kinds.BOOL, "candidates"),
    ]
    made = [
        end(going.name, kinds.BOOL),
        end(after.name, kinds.FLOAT, "candidates"),
        end(kept.name, kinds.BOOL, "candidates"),
    ]
    found: onnx.GraphProto = helper.make_graph(
        graph.nodes, "round", taken, made, graph.initializers
    )
    return found


def _distance(graph: Nodes, one: list[Value], many: list[Value]) -> Value:
    """d² / c² of one box with many; see `striate.detection.suppression.distance`."""
    wide = graph.largest(one[2], many[2]) - graph.least(one[0], many[0])
    high = graph.largest(one[3], many[3]) - graph.least(one[1], many[1])
    apart_x = ((one[0] + one[2]) - (many[0] + many[2])) * _HALF
    apart_y = ((one[1] + one[3]) - (many[1] + many[3])) * _HALF
    diagonal = wide * wide + high * high
    between = apart_x * apart_x + apart_y * apart_y
    return graph.add("Div", between, graph.largest(diagonal, _TINY))


def _greatest(graph: Nodes, values: Value) -> Value:
    """The greatest of (n,), without an axis."""
    best = graph.add("ArgMax", values, axis=0, keepdims=0)
    return graph.add("Gather", values, best, axis=0)


def _count(graph: Nodes, values: Value) -> Value:
    """How many there are, int64 without an axis."""
    return graph.reshape(graph.add("Shape", values))
