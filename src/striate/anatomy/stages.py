"""The stages of any network: what is frozen and unfrozen as one.

A stage is a module at the top of the network that holds layers with weights, in the order in which
they run. A module that holds more than three quarters of these layers (``features`` of VGG,
``blocks`` of EfficientNet) is no stage itself: the modules within it are. What has no such layer of
its own, such as a batch norm beside its convolution, belongs to the stage before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.anatomy.graph.record import Graph

_WEIGHTED = ("convolution", "transposed convolution", "linear", "matrix product")
#: A module with a greater share of the network's layers than this is taken apart.
_TOO_LARGE = 0.75


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Modules that belong together.

    Attributes:
        name: path of the first.
        modules: paths of all, in the order in which they run.
        layers: convolutions and linear layers in them.
    """

    name: str
    modules: tuple[str, ...]
    layers: int

    def holds(self, path: str) -> bool:
        """Whether the module or parameter at `path` is part of the stage."""
        return any(path == each or path.startswith(f"{each}.") for each in self.modules)


def stages(graph: Graph) -> tuple[Stage, ...]:
    """The stages of the recorded network, from its input to its output."""
    layers: dict[str, int] = {}
    for node in graph.nodes:
        if node.operator in _WEIGHTED and node.parameters:
            layers[node.module] = layers.get(node.module, 0) + 1
    tops: dict[str, int] = {}
    for node in graph.nodes:
        if node.module:
            top = _top(node.module, graph, layers)
            within = [count for path, count in layers.items() if _inside(path, top)]
            tops.setdefault(top, sum(within))
    found: list[Stage] = []
    for top, count in tops.items():
        if count or not found:
            found.append(Stage(name=top, modules=(top,), layers=count))
        else:
            last = found.pop()
            modules = (*last.modules, top)
            found.append(Stage(name=last.name, modules=modules, layers=last.layers))
    return tuple(found)


def _top(path: str, graph: Graph, layers: dict[str, int]) -> str:
    """The outermost module around `path` that is not too large for a stage."""
    total = sum(layers.values())
    parts = path.split(".")
    for depth in range(1, len(parts)):
        top = ".".join(parts[:depth])
        held = sum(count for each, count in layers.items() if _inside(each, top))
        # What runs at all is below a child; a layer by itself cannot be taken apart.
        if held <= _TOO_LARGE * total and top in graph.modules:
            return top
    return path


def _inside(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}.")
