"""Which modules of a network are drawn, and the way on which auxiliary heads leave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from network_pages.boxes import Box, Module, boxes, module, within
from network_pages.layout import arrange
from network_pages.parts import CONTAINERS, WORDS, part_of
from striate.anatomy.costs.formulas import by
from striate.anatomy.graph.record import Graph, Node

#: A module of fewer boxes is plain from its name; of more than `FINE`, blocks in it become boxes,
#: and of more than `MOST` it is drawn in part.
FEWEST, FINE, MOST = 4, 12, 22
#: So many branches fit beside each other.
WIDEST = 6
#: So many modules of one network differ enough to be drawn.
DRAWN = 6
#: Classes that are drawn as one box inside a module of many.
INNER = {
    name: WORDS[name] for name in ("BasicBlock", "Bottleneck", "Residual", "TinyBlock", "Separable")
}
#: Layers of one idea, which a picture of their operators does not make plainer.
LEFT_OUT = ("EuclideanRBF", "LocalResponseNorm", "SubSampling")


def drawn(graph: Graph) -> tuple[Module, ...]:
    """The modules to draw, the first of each form, in their order."""
    forms: dict[tuple[object, ...], Module] = {}
    for path in _paths(graph):
        found = _small_enough(graph, path)
        if found is not None:
            forms.setdefault(found.form, found)
    return tuple(forms.values())[:DRAWN]


def _paths(graph: Graph) -> Iterator[str]:
    """Parts of the network that are modules of several layers."""
    for path in dict.fromkeys(part_of(node, graph) for node in graph.nodes):
        kind = graph.modules.get(path, "")
        if kind in WORDS and kind not in CONTAINERS and kind not in LEFT_OUT:
            yield path


def _small_enough(graph: Graph, path: str) -> Module | None:
    """The module at `path`, or as much of it as makes one picture."""
    found = module(graph, path)
    if len(found.boxes) > FINE:
        found = module(graph, path, inner=INNER)
    if len(found.boxes) <= MOST and arrange(found.boxes).columns <= WIDEST:
        return found if len(found.boxes) >= FEWEST else None
    below = [one for one in graph.modules if one.startswith(f"{path}.")]
    steps = [one for one in below if graph.modules[one] not in (*CONTAINERS, *INNER)]
    inner = next((one for one in steps if any(each.startswith(f"{one}.") for each in below)), None)
    return None if inner is None else _small_enough(graph, inner)


def exits(graph: Graph, weights: Sequence[float]) -> Module | None:
    """Where auxiliary heads leave the network that `graph` recorded in training.

    Args:
        graph: whose first output are the classifier's logits, and the others those of the heads.
        weights: of each head's loss beside the classifier's.
    """
    heads = [graph.nodes[index].module.partition(".")[0] for index in graph.outputs[1:]]
    trunk = [node for node in graph.nodes[1:] if not any(within(node.module, one) for one in heads)]
    found = [Box(kind="input", what="image", channels=graph.inputs[0][0], shape=graph.inputs[0])]
    at, begun = 0, 0
    for head, weight in zip(heads, weights, strict=True):
        inside = [node for node in graph.nodes if within(node.module, head)]
        leaves = graph.nodes[next(i for i in inside[0].inputs)]
        end = trunk.index(leaves) + 1
        found.append(_stretch(graph, trunk[begun:end], at))
        at, begun = len(found) - 1, end
        # Its layers read each other by their places in its own list, whose first is the trunk's.
        own = boxes(graph, inside, head)[1:]
        found += [replace(one, reads=tuple(at + read for read in one.reads)) for one in own]
        found.append(_loss(f"loss × {weight:g}", len(found) - 1))
    found.append(_stretch(graph, trunk[begun:], at))
    found.append(_loss("loss × 1", len(found) - 1))
    return Module(path="training", kind="", boxes=tuple(found))


def _stretch(graph: Graph, nodes: Sequence[Node], read: int) -> Box:
    """All parts of the trunk between two heads as one box."""
    parts = list(dict.fromkeys(part_of(node, graph) for node in nodes))
    shape = nodes[-1].output
    return Box(
        kind="block",
        what=parts[0] if len(parts) == 1 else f"{parts[0]} to {parts[-1]}",
        channels=shape[0],
        extras=(by(shape),),
        shape=shape,
        reads=(read,),
    )


def _loss(words: str, read: int) -> Box:
    return Box(kind="joint", what=words, channels=1, shape=(1,), reads=(read,))
