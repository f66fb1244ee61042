"""All that the page knows of a network, as plain data.

Keys are short because there is one of each for every operator::

    ops:  n name, l label, o operator, k and d its kernel in short and in full, in operators that it
          reads, s shape (without the batch axis), m MACs, p parameters, b bytes of its output,
          f receptive field, gates left aside: [jump, low, high] for height and width, with
            [jump, null, null] where it sees everything; null where it sees nothing of the picture,
          z its [height, width] in pixels; null where f is,
          e whether gates (squeeze-and-excitation) let it see everything nevertheless,
          w what lies under its kernel, dilation included: [height, width]; null without a kernel,
          x arithmetic: [what, rule, with numbers, result]
    tree: an index into ops, or {n name, l label, k class, p parameters, s shape of what it returns,
          c children}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from striate.anatomy.costs.arithmetic import arithmetic
from striate.anatomy.costs.counting import macs
from striate.anatomy.costs.definitions import definition
from striate.anatomy.costs.formulas import span
from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.receptive_field.axis import Number
from striate.anatomy.receptive_field.fields import Field, receptive_fields
from striate.anatomy.view.tree import Group, Item, Leaf, tree

#: Operators whose receptive field grows by their kernel.
_WINDOWED = {"convolution", "max pool", "average pool"}

#: Groups are opened at first as long as no more nodes than this are to be seen.
FIRST_NODES = 26


class Space(Enum):
    """What the positions of the input are: what a page counts in."""

    PICTURE = "picture"  # (channels, rows, columns)
    LINE = "line"  # (channels, samples)
    VOLUME = "volume"  # (channels, slices, rows, columns), of which the last two are followed
    NONE = "none"  # numbers without positions

    @classmethod
    def of(cls, graph: Graph) -> Space:
        """That of the first input."""
        axes = len(graph.inputs[0]) if graph.dtypes[0].is_floating_point else 0
        return {2: cls.LINE, 3: cls.PICTURE, 4: cls.VOLUME}.get(axes, cls.NONE)


def payload(
    graph: Graph,
    *,
    picture: Mapping[str, Any] | None,
    sheets: Mapping[int, Any] | None = None,
    answers: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Everything that the page shows of one network.

    Args:
        graph: the record of the network.
        picture: ``{"src", "width", "height", "pixels", "name"}`` of what goes in; None where that
            is no picture.
        sheets: real activations, by index of the graph's nodes; see `activations`.
        answers: ``{"name", "share"}`` of the likeliest classes, where the network was asked.
    """
    fields, gated = receptive_fields(graph, gates=False), receptive_fields(graph)
    folded = _folded(graph)
    shown = [node for node in graph.nodes if node.index not in folded]
    place = {node.index: number for number, node in enumerate(shown)}
    root = tree(Graph(**{**vars(graph), "nodes": tuple(shown)}))
    labels = {leaf.node.index: leaf.label for leaf in root.leaves()}
    return {
        "name": graph.network,
        "input": " and ".join(" × ".join(map(str, shape)) for shape in graph.inputs),
        "size": _size(graph),
        "space": Space.of(graph).value,
        "ops": [
            {
                "n": node.name,
                "l": labels[node.index],
                "o": node.operator,
                "k": _in_short(node),
                "d": _in_full(node),
                "in": _reads(node, folded, place),
                "s": list(node.output),
                "m": macs(node, graph),
                "p": sum(graph.parameters[name] for name in node.parameters),
                "b": node.bytes if node.aten else 0,  # inputs are given, not made
                "f": _field(fields[node.index]),
                "z": _sizes(fields[node.index]),
                "e": _everything(gated[node.index]) and not _everything(fields[node.index]),
                "w": _span(node),
                "x": _arithmetic(graph, node),
            }
            for node in shown
        ],
        "tree": _branch(root, graph, place),
        "open": _first_open(root),
        "thumbs": {
            place[index]: sheet for index, sheet in (sheets or {}).items() if index in place
        },
        "picture": picture,
        "answers": answers,
    }


def _folded(graph: Graph) -> dict[int, tuple[int, ...]]:
    """Operators that only rename values, each with the operators whose values those are."""
    folded: dict[int, tuple[int, ...]] = {}
    for node in graph.nodes:
        if node.operator in PLUMBING and not node.bytes:
            sources = [folded.get(source, (source,)) for source in node.inputs]
            folded[node.index] = tuple(dict.fromkeys(each for some in sources for each in some))
    return folded


def _reads(
    node: Node, folded: Mapping[int, tuple[int, ...]], place: Mapping[int, int]
) -> list[int]:
    sources = [each for source in node.inputs for each in folded.get(source, (source,))]
    return [place[each] for each in dict.fromkeys(sources)]


def _size(graph: Graph) -> list[int]:
    """[height, width] of the first input: 1 for an axis that it does not have."""
    shape = graph.inputs[0]
    return [1, 1, *shape[1:]][-2:]


def _field(axes: Field | None) -> list[list[float | None]] | None:
    if axes is None:
        return None
    return [
        [_plain(axis.jump), None, None]
        if axis.everything
        else [_plain(axis.jump), _plain(axis.low), _plain(axis.high)]
        for axis in axes
    ]


def _sizes(axes: Field | None) -> list[int] | None:
    return None if axes is None else [axis.size for axis in axes]


def _everything(axes: Field | None) -> bool:
    return axes is not None and all(axis.everything for axis in axes)


def _plain(value: Number) -> float:
    return int(value) if value == int(value) else round(float(value), 9)


def _branch(item: Item, graph: Graph, place: Mapping[int, int]) -> Any:
    if isinstance(item, Leaf):
        return place[item.node.index]
    names = {name for leaf in item.leaves() for name in leaf.node.parameters}
    return {
        "n": item.name,
        "l": item.label,
        "k": item.kind,
        "p": sum(graph.parameters[name] for name in names),
        "s": _returned(item, graph),
        "c": [_branch(child, graph, place) for child in item.items],
    }


def _returned(group: Group, graph: Graph) -> list[int] | None:
    """The shape of what a run of a module returns; None where it returns nothing of the input."""
    calls = graph.returned.get(group.path, ())
    if not calls:
        return None
    number = group.name.removeprefix(group.path).removeprefix("#")
    call = calls[min(int(number or 1), len(calls)) - 1]
    index = next((each for each in call if each >= 0), None)
    return None if index is None else list(graph.nodes[index].output)


def _first_open(root: Group) -> list[str]:
    """Groups to open at first: level by level, while it stays easy to take in at a glance."""
    opened: list[str] = []
    visible = len(root.items)
    level = [item for item in root.items if isinstance(item, Group)]
    while level:
        visible += sum(len(group.items) - 1 for group in level)
        if visible > (FIRST_NODES if opened or len(root.items) > 6 else 2 * FIRST_NODES):
            break
        opened += [group.name for group in level]
        level = [item for group in level for item in group.items if isinstance(item, Group)]
    return opened


def _in_short(node: Node) -> str:
    """``7×7 convolution, s 2``: what fits into a box."""
    window = _window(node)
    if not window:
        return node.operator
    given = node.attributes
    stride = _by(given.get("stride", ()))
    return window + (f", s {stride}" if stride not in ("", "1") else "")


def _in_full(node: Node) -> str:
    """``7×7 convolution, stride 2, padding 3``."""
    window = _window(node)
    if not window:
        return node.operator
    parts = [window]
    usual = {"stride": "1", "padding": "0", "dilation": "1", "output_padding": "0"}
    for key, plain in usual.items():
        value = _by(node.attributes.get(key, ()))
        if value not in ("", plain):
            parts.append(f"{key.replace('_', ' ')} {value}")
    if node.attributes.get("groups", 1) > 1:
        parts.append(f"{node.attributes['groups']} groups")
    if node.attributes.get("ceil_mode"):
        parts.append("rounded up")
    return ", ".join(parts)


def _window(node: Node) -> str:
    """``3×3 depthwise convolution``; empty for an operator without a kernel."""
    kernel = node.attributes.get("kernel")
    if not kernel:
        return ""
    groups = node.attributes.get("groups", 1)
    deep = "depthwise " if groups > 1 and node.attributes.get("fan_in") == 1 else ""
    return f"{'×'.join(map(str, kernel))} {deep}{node.operator}"


def _span(node: Node) -> list[int] | None:
    """Height and width of what lies under a kernel of two axes."""
    given = node.attributes
    if node.operator not in _WINDOWED or len(given["kernel"]) != 2:
        return None
    dilation = given.get("dilation", (1, 1))
    return [span(kernel, step) for kernel, step in zip(given["kernel"], dilation, strict=True)]


def _by(values: Sequence[Any]) -> str:
    """One number where all are the same, else ``1×2``."""
    texts = list(dict.fromkeys(map(str, values)))
    return texts[0] if len(texts) == 1 else "×".join(map(str, values))


def _arithmetic(graph: Graph, node: Node) -> list[list[str]]:
    """The formula where counts do not tell it, then sizes and costs."""
    known = definition(node, graph)
    formula = [] if known is None else [["formula", "; ".join(known.notes), "", known.formula]]
    return formula + [
        [line.what, line.rule, line.filled, _said(line.value)] for line in arithmetic(node, graph)
    ]


def _said(value: int | str) -> str:
    """Digits in threes, with a narrow space between."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else value
