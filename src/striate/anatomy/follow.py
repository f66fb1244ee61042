"""How each kind of operator carries height and width on: one function a kind, see `spatial.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from striate.anatomy.geometry import (
    Listed,
    Reach,
    Repeat,
    Single,
    Transposed,
    Window,
    adaptive,
    reflected,
    resize,
)
from striate.anatomy.record import Graph, Node
from striate.anatomy.spatial import IMAGE, PLAIN, Link, Place, Sketch, axes_of, join

Shapes = list[tuple[int, ...]]
Rule = Callable[[Node, list[Sketch], Shapes], None]


def places(graph: Graph, *, gates: bool = True) -> tuple[Place | None, ...]:
    """Give the place of every node; None for one that sees no pixel of an image."""
    found: list[Place | None] = []
    image = next((shape for shape in graph.inputs if len(shape) >= 2), None)
    for node in graph.nodes:
        if node.operator == "input":
            found.append(_input(node, image))
            continue
        sources = [(index, found[index]) for index in node.inputs]
        sketches = [Sketch(index, place) for index, place in sources if place is not None]
        shapes = [graph.nodes[index].shape for index, place in sources if place is not None]
        if not sketches:
            found.append(None)
            continue
        if len(sketches) == 1 and node.operator in SAME and shapes[0] == node.shape:
            place = sources[0][1] if len(sources) == 1 else None
            if place is not None:
                link = Link(node.inputs[0])
                found.append(Place(place.dims, ((link,), (link,)), place.counts))
                continue
        if sources[0][1] is None and node.operator in RULES:  # only a second operand sees the image
            for sketch in sketches:
                sketch.lose(node.shape)
        else:
            sketches = _follow(node, sketches, shapes, gates)
        found.append(join(sketches, node.shape, gates=gates))
    return tuple(found)


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
        links.append((Link(IMAGE, () if same else (adaptive(whole[axis], counts[axis]),)),))
    return Place(tuple(dims), (links[0], links[1]), (counts[0], counts[1]))


def _follow(node: Node, sketches: list[Sketch], shapes: Shapes, gates: bool) -> list[Sketch]:
    rule = RULES.get(node.operator)
    if rule is not None:
        rule(node, sketches, shapes)
    elif node.operator in STATISTICS:
        return _statistics(node, sketches, gates)
    elif "dims" in node.attributes and "keepdim" in node.attributes:
        _reduce(node, sketches, shapes)
    elif not _pointwise(node.aten):
        for sketch in sketches:
            sketch.lose(node.shape)
    return sketches


@functools.cache
def _pointwise(aten: str) -> bool:
    """Tell whether PyTorch calls an operator element-wise."""
    packet, _, overload = aten.removeprefix("aten.").partition(".")
    operator = getattr(getattr(torch.ops.aten, packet, None), overload or "default", None)
    return operator is not None and torch.Tag.pointwise in operator.tags


def _sizes(node: Node, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Give (tensor axis, its size before, its size after) for each axis of the kernel."""
    axes = len(node.attributes["kernel"])
    behind = range(-axes, 0)
    return [(len(shape) + i, shape[i], node.shape[i]) for i in behind]


def _window(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    a = node.attributes
    kind = Transposed if node.operator == "transposed convolution" else Window
    for i, (dim, given, made) in enumerate(_sizes(node, shapes[0])):
        reach = kind(given, made, a["kernel"][i], a["stride"][i], a["padding"][i], a["dilation"][i])
        sketches[0].through(dim, reach)
    if "fan_in" in a:  # a convolution sums over channels; it may read weights that were computed
        sketches[0].mix(1)
        sketches[0].dims[1] = ((PLAIN, node.shape[1]),)
    for sketch in sketches[1:]:
        sketch.lose(node.shape)


def _unfold(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    a, sketch = node.attributes, sketches[0]
    for i, dim in enumerate((2, 3)):
        spread = a["dilation"][i] * (a["kernel"][i] - 1) + 1
        given = shapes[0][dim]
        made = (given + 2 * a["padding"][i] - spread) // a["stride"][i] + 1
        reach = Window(
            given, made, a["kernel"][i], a["stride"][i], a["padding"][i], a["dilation"][i]
        )
        sketch.through(dim, reach)
    sketch.dims = [sketch.dims[0], ((PLAIN, node.shape[1]),), (*sketch.dims[2], *sketch.dims[3])]


def _adaptive(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    if "dims" in node.attributes:
        return _reduce(node, sketches, shapes)
    if "kernel" in node.attributes:
        return _window(node, sketches, shapes)
    size = node.attributes["size"]
    for dim in range(len(node.shape) - len(size), len(node.shape)):
        given, made = shapes[0][dim], node.shape[dim]
        if made == 1:
            sketches[0].mix(dim)
            sketches[0].dims[dim] = ((PLAIN, 1),)
        else:
            sketches[0].through(dim, adaptive(given, made))
    return None


def _reduce(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    dims = set(node.attributes["dims"])
    for sketch in sketches:
        for dim in dims:
            sketch.mix(dim)
            sketch.dims[dim] = ((PLAIN, 1),)
        if not node.attributes["keepdim"]:
            sketch.dims = [dim for i, dim in enumerate(sketch.dims) if i not in dims]


def _statistics(node: Node, sketches: list[Sketch], gates: bool) -> list[Sketch]:
    """Each value is scaled by what all positions along some axes give together."""
    if not gates:
        return sketches
    found = list(sketches)
    for sketch in sketches:
        tangled = [d for d in node.attributes["dims"] if axes_of(sketch.dims[d])]
        if tangled:
            place = Place(tuple(sketch.dims), ((), ()), (sketch.counts[0], sketch.counts[1]))
            other = Sketch(sketch.source, place)
            for dim in tangled:
                other.mix(dim)
            found.append(other)
    return found


def _linear(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    sketch, left = sketches[0], node.attributes["activations"] == "left"
    if len(sketches) > 1 or len(sketch.dims) < 2:
        for each in sketches:
            each.lose(node.shape)
        return
    summed, made = (-1, -1) if left else (-2, -2)
    sketch.mix(len(sketch.dims) + summed)
    sketch.dims[made] = ((PLAIN, node.shape[made]),)


def _product(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    if len(sketches) != 2 or min(len(shape) for shape in shapes) < 2:
        for sketch in sketches:
            sketch.lose(node.shape)
        return
    left, right = sketches
    left.mix(len(left.dims) - 1)
    right.mix(len(right.dims) - 2)
    for axis in axes_of(left.dims[-2]):  # rows by columns: each product sees a row's position and
        right.collapse(axis)  # a column's; the rows lead
    left.dims[-1] = ((PLAIN, 1),)
    right.dims[-2] = ((PLAIN, 1),)


def _attention(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    for number, sketch in enumerate(sketches):
        sketch.mix(len(sketch.dims) - 1)
        if number or len(sketches) == 1:
            sketch.mix(len(sketch.dims) - 2)
            sketch.dims[-2] = ((PLAIN, 1),)
        sketch.dims[-1] = ((PLAIN, 1),)


def _concatenate(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    dim = node.attributes["dim"]
    for sketch in sketches:
        sketch.mix(dim)
        sketch.dims[dim] = ((PLAIN, node.shape[dim]),)


def _stack(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    for sketch in sketches:
        sketch.dims.insert(node.attributes["dim"], ((PLAIN, node.shape[node.attributes["dim"]]),))


def _pad(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    for dim, (before, after) in enumerate(node.attributes["pads"]):
        given, made = shapes[0][dim], node.shape[dim]
        if (before, after) == (0, 0):
            continue
        reach: Reach = Window(given, made, padding=before)
        if "reflection" in node.aten or "replication" in node.aten:
            mode = "reflect" if "reflection" in node.aten else "replicate"
            reach = reflected(given, made, before, mode)
        sketches[0].through(dim, reach)


def _upsample(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    mode = next((m for m in ("exact", "nearest", "cubic") if m in node.aten), "linear")
    for dim in range(2, len(node.shape)):
        given, made = shapes[0][dim], node.shape[dim]
        reach = resize(given, made, mode, node.attributes["align_corners"])
        if "_aa" in node.aten and made < given:  # smoothing widens the kernel with the scale
            sketches[0].mix(dim)
            sketches[0].dims[dim] = ((PLAIN, made),)
        else:
            sketches[0].through(dim, reach)


def _shuffle(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    times, sketch = node.attributes["factor"], sketches[0]
    for dim in (len(node.shape) - 2, len(node.shape) - 1):
        given, made = shapes[0][dim], node.shape[dim]
        if made > given:
            sketch.through(dim, Repeat(given, made, times))
        else:
            sketch.through(dim, Window(given, made, kernel=times, stride=times))
    sketch.mix(len(node.shape) - 3)
    sketch.dims[-3] = ((PLAIN, node.shape[-3]),)


def _slice(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    a = node.attributes
    dim, given, made = a["dim"], shapes[0][a["dim"]], node.shape[a["dim"]]
    if given != made:
        sketches[0].through(dim, Window(given, made, stride=a["step"], padding=-a["start"]))


def _select(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    dim, sketch = node.attributes["dim"], sketches[0]
    axis = sketch.alone(dim)
    if axis != PLAIN:
        sketch.read(axis, Single(sketch.counts[axis], 1, node.attributes["position"]))
    del sketch.dims[dim]


def _roll(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    for shift, dim in zip(node.attributes["shifts"], node.attributes["dims"], strict=False):
        size = node.shape[dim]
        at = tuple((q - shift) % size for q in range(size))
        sketches[0].through(dim, Listed(size, size, 1, at, at))


def _flip(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    for dim in node.attributes["dims"]:
        at = tuple(range(node.shape[dim]))[::-1]
        sketches[0].through(dim, Listed(len(at), len(at), -1, at, at))


def _order(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    sketches[0].dims = [sketches[0].dims[i] for i in node.attributes["order"]]


def _squeeze(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    gone = node.attributes["dims"]
    sketches[0].dims = [dim for i, dim in enumerate(sketches[0].dims) if i not in gone]


def _unsqueeze(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    sketches[0].dims.insert(node.attributes["dim"], ((PLAIN, 1),))


def _assemble(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    for sketch, shape in zip(sketches, shapes, strict=True):
        if len(shape) != len(node.shape):
            sketch.lose(node.shape)
        for dim, (given, made) in enumerate(zip(shape, node.shape, strict=False)):
            if given != made and len(shape) == len(node.shape):
                sketch.mix(dim)
                sketch.dims[dim] = ((PLAIN, made),)


def _nothing(node: Node, sketches: list[Sketch], shapes: Shapes) -> None:
    """Keep every value where it is; `join` does what is left."""


SAME = frozenset(
    ["relu", "sigmoid", "tanh", "dropout", "copy", "cast", "alias", "detach", "gelu", "silu"]
) | {
    "batch norm",
    "clipped relu",
    "hard swish",
    "hard sigmoid",
    "leaky relu",
}
STATISTICS = frozenset(("layer norm", "rms norm", "group norm", "softmax", "log softmax"))
RULES: dict[str, Rule] = {
    "convolution": _window,
    "transposed convolution": _window,
    "max pool": _window,
    "average pool": _window,
    "adaptive average pool": _adaptive,
    "adaptive max pool": _adaptive,
    "global average pool": _adaptive,
    "global max pool": _adaptive,
    "unfold": _unfold,
    "linear": _linear,
    "matrix product": _product,
    "attention": _attention,
    "concatenate": _concatenate,
    "stack": _stack,
    "pad": _pad,
    "upsample": _upsample,
    "resize": _upsample,
    "pixel shuffle": _shuffle,
    "pixel unshuffle": _shuffle,
    "slice": _slice,
    "select": _select,
    "roll": _roll,
    "flip": _flip,
    "permute": _order,
    "transpose": _order,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "assemble": _assemble,
    "view": lambda node, sketches, shapes: sketches[0].reshape(node.shape),
    **dict.fromkeys((*SAME, "expand", "channel shuffle"), _nothing),
}
