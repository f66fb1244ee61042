"""Where every node of a graph lies over the image: the walk from its inputs to its outputs."""

from __future__ import annotations

from striate.anatomy.graph.operators import ATTENTION, pointwise
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.receptive_field.axis import adaptive
from striate.anatomy.receptive_field.links import IMAGE, PLAIN, Link, Place, Sketch, join
from striate.anatomy.receptive_field.operators import (
    RULES,
    STATISTICS,
    Operand,
    Operands,
    Rule,
    attend,
    lose,
    reduce,
    weigh,
)


def places(graph: Graph, *, gates: bool = True) -> tuple[Place | None, ...]:
    """Give the place of every node; None for one that sees no pixel of an image."""
    found: list[Place | None] = []
    image = next((shape for shape in graph.inputs if len(shape) >= 2), None)
    for node in graph.nodes:
        if node.key == "input":
            found.append(_input(node, image))
            continue
        only = found[node.inputs[0]] if len(node.inputs) == 1 else None
        if only is not None and _unmoved(node, graph):
            high, wide = (Link(node.inputs[0], (), count) for count in only.counts)
            found.append(Place(only.dims, ((high,), (wide,)), only.counts))
            continue
        operands = [
            Operand(at, Sketch(index, place), graph.nodes[index].shape)
            for at, index in enumerate(node.operands)
            if index >= 0 and (place := found[index]) is not None
        ]
        sketches = _follow(node, operands, gates)
        found.append(join(sketches, node.shape, gates=gates) if sketches else None)
    return tuple(found)


def _unmoved(node: Node, graph: Graph) -> bool:
    """Whether each value is made from the one at its place: most operators, told quickly."""
    return (
        node.key not in RULES
        and node.key not in STATISTICS
        and graph.nodes[node.inputs[0]].shape == node.shape
        and pointwise(node.aten)
    )


def extent(graph: Graph) -> tuple[int, int]:
    """Give (height, width) of the image in whose pixels receptive fields are stated."""
    image = next((shape for shape in graph.inputs if len(shape) >= 2), (1, 1, 1))
    return (image[-2], image[-1]) if len(image) > 2 else (1, image[-1])


def _input(node: Node, image: tuple[int, ...] | None) -> Place | None:
    """Lay an input over the first one that is an image, stretched where its size differs."""
    shape = node.shape
    if image is None or len(shape) < 3:
        return None
    dims = [((PLAIN, size),) for size in shape]
    first, counts, links = (2 if len(shape) == 3 else len(shape) - 2), [1, 1], []
    whole = (image[-2], image[-1]) if len(image) > 2 else (1, image[-1])
    for dim in range(first, len(shape)):
        axis = 2 - (len(shape) - dim)
        dims[dim] = ((axis, shape[dim]),)
        counts[axis] = shape[dim]
    for axis in (0, 1):
        same = counts[axis] == whole[axis]
        reaches = () if same else (adaptive(whole[axis], counts[axis]),)
        links.append((Link(IMAGE, reaches, counts[axis]),))
    return Place(tuple(dims), (links[0], links[1]), (counts[0], counts[1]))


def _follow(node: Node, operands: Operands, gates: bool) -> list[Sketch]:
    """Move what an operator reads to where its output has it; sound where no rule is known."""
    sketches = [each.sketch for each in operands]
    wanted, rule = _rule(node)
    if rule is not None and all(name in node.attributes for name in wanted):
        rule(node, operands)
    elif node.key in STATISTICS and "dims" in node.attributes:
        return weigh(node, operands, gates)
    elif not pointwise(node.aten) and node.key not in STATISTICS:
        lose(node, operands)
    return sketches


def _rule(node: Node) -> tuple[tuple[str, ...], Rule | None]:
    if node.key.startswith(ATTENTION):
        return (), attend
    if "keepdim" in node.attributes:
        return ("dims",), reduce
    return RULES.get(node.key, ((), None))
