"""What a module is made of in few boxes: layers with what follows each, and how they join."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from striate.anatomy.costs.formulas import by
from striate.anatomy.graph.record import Graph, Node

#: Operators that a box of a layer takes in where nothing else reads the layer.
FOLLOWING = {
    "batch norm": "BN",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky relu": "leaky ReLU",
    "mish": "Mish",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "silu": "SiLU",
}
#: Where branches meet.
JOINTS = {"add": "+", "concatenate": "concatenate", "multiply": "×"}
#: Kind and words of operators that are always the same.
SIMPLE = {
    **{name: ("joint", words) for name, words in JOINTS.items()},
    **{name: ("other", words) for name, words in FOLLOWING.items()},
    "linear": ("linear", "dense"),
}
#: Operators that move nothing and that nobody draws.
SILENT = ("view", "reshape", "flatten", "unsqueeze", "squeeze", "expand", "contiguous", "dropout")
#: What makes one value of many: of a whole map, and of the channels at each position.
REDUCTIONS = {
    "mean": ("global average pool", "mean of channels"),
    "global average pool": ("global average pool", "mean of channels"),
    "maximum over axes": ("global max pool", "max of channels"),
}
_SIZES = re.compile(r"\d+(?:×\d+)?$")
ORDINALS = {2: "2nd", 3: "3rd"}
#: Modules of many operators that are one idea.
WHOLE = {"LocalResponseNorm": "LRN"}


@dataclass(frozen=True, kw_only=True)
class Box:
    """One box, or a joint.

    Attributes:
        kind: convolution, depthwise, linear, pool, joint, input, block or other.
        what: the operator and its kernel, as "3×3".
        channels: of its output.
        extras: stride, groups, normalisation, activation.
        shape: of its output.
        reads: the places of the boxes that it reads.
        times: how many modules in a row it stands for.
    """

    kind: str
    what: str
    channels: int
    extras: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    reads: tuple[int, ...] = ()
    times: int = 1

    @property
    def title(self) -> str:
        """The first line in a box."""
        if self.times > 1:
            return f"{self.times} × {self.what}"
        if self.kind in ("convolution", "depthwise", "linear"):
            return f"{self.what}, {self.channels}"
        return self.what


@dataclass(frozen=True, kw_only=True)
class Module:
    """The boxes of one module, its inputs first."""

    path: str
    kind: str
    boxes: tuple[Box, ...]

    @property
    def form(self) -> tuple[object, ...]:
        """What it has in common with modules that differ in channels and sizes alone."""
        return tuple(
            (one.kind, _SIZES.sub("", one.what) if one.kind == "other" else one.what, one.reads)
            for one in self.boxes
        )


def module(graph: Graph, path: str, *, inner: Mapping[str, str] | None = None) -> Module:
    """The module at `path` as boxes; one box for each module inside whose class `inner` has."""
    inside = [node for node in graph.nodes if within(node.module, path)]
    return Module(path=path, kind=graph.modules[path], boxes=boxes(graph, inside, path, inner))


def within(one: str, path: str) -> bool:
    """Whether a module is the one at `path`, or inside it."""
    return one == path or one.startswith(f"{path}.")


def boxes(
    graph: Graph, inside: Sequence[Node], path: str, inner: Mapping[str, str] | None = None
) -> tuple[Box, ...]:
    """The operators `inside` as boxes, after those for what they read from outside."""
    made = _Boxes(graph, inside)
    for node in inside:
        made.add(node, _idea(graph, node.module, path, inner or {}))
    return tuple(made.found)


def _idea(graph: Graph, one: str, path: str, inner: Mapping[str, str]) -> tuple[str, str]:
    """The outermost module around an operator that is drawn as one box, and what it is called."""
    parts = one.split(".")
    for depth in range(path.count(".") + 2, len(parts) + 1):
        part = ".".join(parts[:depth])
        if words := {**inner, **WHOLE}.get(graph.modules.get(part, "")):
            return part, words
    return "", ""


class _Boxes:
    """Boxes as they come up, operator by operator."""

    def __init__(self, graph: Graph, inside: Sequence[Node]) -> None:
        indices = {node.index for node in inside}
        outer = sorted({i for node in inside for i in node.inputs if i not in indices})
        self.found = [_input(graph.nodes[i]) for i in outer]
        self.place = {index: at for at, index in enumerate(outer)}
        self.ideas: dict[str, int] = {}
        self.readers: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for index in node.inputs:
                self.readers.setdefault(index, []).append(node)

    def add(self, node: Node, idea: tuple[str, str]) -> None:
        """Put an operator into a box that there is, or into one of its own."""
        reads = tuple(dict.fromkeys(self.place[i] for i in node.inputs))
        if idea[0] in self.ideas:
            self.place[node.index] = self.ideas[idea[0]]
        elif idea[0]:
            self.place[node.index] = self.ideas[idea[0]] = self._idea(idea, node, reads)
        elif len(reads) == 1 and (node.operator in SILENT or self._follows(node, reads[0])):
            self.place[node.index] = reads[0]
            if node.operator in FOLLOWING:
                box = self.found[reads[0]]
                extras = (*box.extras, FOLLOWING[node.operator])
                self.found[reads[0]] = replace(box, extras=extras)
        else:
            self.place[node.index] = self._append(_box(node, reads))

    def _idea(self, idea: tuple[str, str], node: Node, reads: tuple[int, ...]) -> int:
        """A box for a module; where it alone reads another of its kind, it joins that one's box."""
        path, words = idea
        before = self.found[reads[0]]
        if len(reads) == 1 and (before.kind, before.what) == ("block", words):
            members = [index for index, at in self.place.items() if at == reads[0]]
            outside = [one for index in members for one in self.readers[index]]
            if all(one.index in members or within(one.module, path) for one in outside):
                self.found[reads[0]] = replace(before, times=before.times + 1)
                return reads[0]
        shape = node.output
        box = Box(kind="block", what=words, channels=shape[0], shape=shape, reads=reads)
        return self._append(box)

    def _follows(self, node: Node, read: int) -> bool:
        """Whether an operator belongs into the box of the only layer that it reads."""
        before = self.found[read]
        if node.operator == "slice":  # along the other axis
            return before.what == _named(node)[1]
        if node.operator not in FOLLOWING or len(node.inputs) != 1:
            return False
        return before.kind not in ("input", "block") and len(self.readers[node.inputs[0]]) == 1

    def _append(self, box: Box) -> int:
        self.found.append(box)
        return len(self.found) - 1


def _input(node: Node) -> Box:
    return Box(kind="input", what="input", channels=node.output[0], shape=node.output)


def _box(node: Node, reads: tuple[int, ...]) -> Box:
    shape = node.output
    kind, what, extras = _named(node)
    return Box(kind=kind, what=what, channels=shape[0], extras=extras, shape=shape, reads=reads)


def _named(node: Node) -> tuple[str, str, tuple[str, ...]]:
    """Kind, words and extras of an operator."""
    if node.operator in SIMPLE:
        return *SIMPLE[node.operator], ()
    kernel = node.attributes.get("kernel")
    stride = tuple(_strides(node.attributes.get("stride")))
    if node.operator == "convolution" and kernel:
        groups = node.attributes.get("groups", 1)
        if groups > 1 and groups == node.output[0]:
            return "depthwise", f"{by(kernel)} depthwise", stride
        grouped = (f"{groups} groups",) if groups > 1 else ()
        return "convolution", by(kernel), stride + grouped
    if node.operator in REDUCTIONS:
        everywhere = set(node.output[1:]) <= {1}
        return "pool", REDUCTIONS[node.operator][0 if everywhere else 1], ()
    if "pool" in node.operator and kernel:
        return "pool", f"{node.operator} {by(kernel)}", stride
    return "other", _moved(node), ()


def _moved(node: Node) -> str:
    """What an operator without weights does to its input."""
    if node.operator == "slice":
        step = node.attributes.get("step") or 1
        return f"every {ORDINALS.get(step, step)} position" if step > 1 else "half of the channels"
    if node.operator == "pad" and any(node.attributes.get("pads", ((), (0, 0)))[1]):
        return f"zeros to {node.output[0]}"
    if node.operator == "upsample":
        return f"upsampled to {by(node.output[1:])}"
    return node.operator


def _strides(stride: Sequence[int] | None) -> Iterator[str]:
    if stride and set(stride) != {1}:
        yield f"stride {stride[0]}"
