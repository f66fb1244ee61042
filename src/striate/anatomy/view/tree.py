"""A graph's operators as a tree of groups: the network's modules, as far as they hold several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from striate.anatomy.graph.record import Graph, Node


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """An operator; `label` is its name within its group."""

    node: Node
    label: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """One run of a module that holds several operators, in order of execution."""

    path: str
    name: str  # unique: the path, with a number where the module runs several times
    label: str
    kind: str
    items: tuple[Item, ...]

    def leaves(self) -> Iterator[Leaf]:
        """Every operator inside, in order of execution."""
        for item in self.items:
            if isinstance(item, Leaf):
                yield item
            else:
                yield from item.leaves()


Item = Leaf | Group


def tree(graph: Graph) -> Group:
    """The whole network as a group whose path is empty.

    A module that holds one operator alone is that operator. A module that runs again later gives a
    group for each run. What holds modules whose parts do not run one after another (the list of
    HRNet's branches) is no group: its parts belong to the module that runs them.
    """
    return Group(
        path="",
        name="",
        label=graph.network,
        kind=graph.modules.get("", ""),
        items=tuple(_Builder(graph).items(graph.nodes, "")),
    )


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.modules = graph.modules
        self.seen: Counter[str] = Counter()

    def items(self, nodes: Sequence[Node], prefix: str) -> list[Item]:
        """The operators of one run of the module `prefix`, grouped by its children."""
        runs = list(_runs(nodes, prefix))
        scattered = _scattered(runs)
        found: list[Item] = []
        for path, members in runs:
            if path == prefix:
                found += [Leaf(node=node, label=_within(node.name, prefix)) for node in members]
                continue
            inner = self.items(members, path)
            if len(inner) == 1 or path in scattered:
                found += [_relabelled(item, path, prefix) for item in inner]
            else:
                found.append(self._group(path, prefix, inner))
        return found

    def _group(self, path: str, prefix: str, items: Sequence[Item]) -> Group:
        self.seen[path] += 1
        again = f"#{self.seen[path]}" if self.seen[path] > 1 else ""
        return Group(
            path=path,
            name=path + again,
            label=_within(path, prefix) + again,
            kind=self.modules.get(path, ""),
            items=tuple(items),
        )


def _runs(nodes: Sequence[Node], prefix: str) -> Iterator[tuple[str, list[Node]]]:
    """Operators that follow each other in one child of module `prefix`, or in the module itself.

    Two calls of a child without children, one right after the other, are two runs.
    """
    for path, members in groupby(nodes, key=lambda node: _child(node, prefix)):
        run = list(members)
        if path != prefix and all(node.module == path for node in run):
            for _, call in groupby(run, key=lambda node: node.call):
                yield path, list(call)
        else:
            yield path, run


def _scattered(runs: Sequence[tuple[str, list[Node]]]) -> set[str]:
    """Modules whose parts run at different times: other parts each time, so not they themselves.

    A list of modules, or a network of which somebody else calls the parts.
    """
    parts: dict[str, list[frozenset[str]]] = {}
    for path, members in runs:
        parts.setdefault(path, []).append(frozenset(node.module for node in members))
    return {path for path, sets in parts.items() if 1 < len(sets) == len(set(sets))}


def _child(node: Node, prefix: str) -> str:
    """Path of the child of module `prefix` that runs `node`; the module itself, if none does."""
    if node.module == prefix:
        return prefix
    inner = node.module[len(prefix) + 1 :] if prefix else node.module
    first = inner.split(".", 1)[0]
    return f"{prefix}.{first}" if prefix else first


def _within(name: str, prefix: str) -> str:
    return name.removeprefix(f"{prefix}.") if prefix else name


def _relabelled(item: Item, path: str, prefix: str) -> Item:
    """An item of module `path`, named for module `prefix` that takes it in."""
    if isinstance(item, Leaf):
        return Leaf(node=item.node, label=_within(item.node.name, prefix))
    label = f"{_within(path, prefix)}.{item.label}"
    return Group(path=item.path, name=item.name, label=label, kind=item.kind, items=item.items)
