"""What the final classifier of a network sees, found on the graph.

The classifier is the last weight layer before the output: a linear layer, a functional one, or a
1×1 convolution that is averaged over the grid afterwards (Network in Network). Its input is the
embedding, averaged over the grid where it still has one: averaging before a 1×1 convolution gives
what averaging after it gives. Where what makes the classes has no weights (the distances to fixed
codes in LeNet-5), the embedding is the last vector before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.table import WEIGHT_LAYERS
from striate.errors import NetworkError


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """Where the embedding leaves the trunk, and what comes after it."""

    node: int  # whose output is the embedding, before any averaging
    classifier: int  # the node that reads it
    layer: str  # path of the module that owns the classifier's parameters; "" = the network itself
    size: int  # numbers an image
    averaged: bool  # over the positions of `node`, which has more than one


def find_embedding(graph: Graph) -> Embedding:
    """Find the classifier of the graph's first output, and what it reads.

    Raises:
        NetworkError: where no weight layer leads to the output.
    """
    path = _ancestors(graph)
    layers = [node for node in path if node.operator in WEIGHT_LAYERS and node.inputs]
    if not layers:
        raise NetworkError(
            f"network '{graph.network}'", "has no convolution or linear layer before its output"
        )
    last, output = layers[-1], graph.nodes[graph.outputs[0]]
    owner = _owner(last)
    classes = output.shape[-1] if len(output.shape) == 2 else prod(output.shape[1:])
    if _channels(last) != classes:
        after = [node for node in path if node.index >= last.index]
        computed = [node for node in after if node.operator not in PLUMBING]
        same = [node for node in computed if node.shape == last.shape]
        later = [node for node in computed if node.index > same[-1].index]
        if later and len(same[-1].shape) == 2:
            return _embedding(same[-1], later[0], _owner(later[0]), same[-1].shape[1])
    source = graph.nodes[last.inputs[0]]
    if last.operator == "linear":
        return _embedding(source, last, owner, last.attributes["contracted"])
    return _embedding(source, last, owner, source.shape[1])


def embed(network: nn.Module, graph: Graph, images: Tensor) -> Tensor:
    """Run `network` on real `images` (N, C, H, W) and give their embeddings, (N, size).

    For networks that have no `embed` of their own. The classifier is recognised by the parameters
    that it reads, wherever they are used. Gradients flow as autograd's mode says.

    Raises:
        NetworkError: where the classifier has no parameters, or its forward does not reach it.
    """
    found = find_embedding(graph)
    names = graph.nodes[found.classifier].parameters
    weights = [value for name, value in network.named_parameters() if name in names]
    weights = [value for value in weights if value.dim() > 1]
    with _Listener(weights) as listener:
        network(images)
    if listener.heard is None:
        raise NetworkError(
            f"network '{graph.network}'",
            "its classifier has no weights of its own to be recognised by",
            "give the network a method embed(x)",
        )
    return _vectors(listener.heard, len(images), found, graph.nodes[found.classifier])


class _Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps what meets one of `weights`, or a view of it, in a product or a convolution."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.places = {value.untyped_storage().data_ptr() for value in weights}
        self.heard: Tensor | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run the operator as it is."""
        tensors = [value for value in args if isinstance(value, Tensor) and value.dim() > 1]
        ours = [value.untyped_storage().data_ptr() in self.places for value in tensors]
        if len(tensors) == 2 and any(ours) and not all(ours):
            self.heard = tensors[ours.index(False)]
        return func(*args, **(kwargs or {}))


def _vectors(heard: Tensor, count: int, found: Embedding, classifier: Node) -> Tensor:
    if classifier.operator == "linear":
        side = classifier.attributes["activations"]
        rows = heard if side == "left" else heard.transpose(-1, -2)
        return rows.reshape(count, -1, found.size).mean(1)
    return heard.flatten(2).mean(2)


def _embedding(source: Node, classifier: Node, owner: str, size: int) -> Embedding:
    return Embedding(
        node=source.index,
        classifier=classifier.index,
        layer=owner,
        size=size,
        averaged=prod(source.shape) > size,
    )


def _channels(node: Node) -> int:
    return node.shape[-1] if node.operator == "linear" else node.shape[1]


def _owner(node: Node) -> str:
    """Name the module that holds the node's widest parameter, or that runs it."""
    weights = [name for name in node.parameters if name.endswith("weight")] or node.parameters
    return weights[0].rpartition(".")[0] if weights else node.module


def _ancestors(graph: Graph) -> list[Node]:
    """Give the nodes that lead to the first output, in order of execution."""
    if not graph.outputs:
        return []
    wanted = {graph.outputs[0]}
    found: list[Node] = []
    for node in reversed(graph.nodes[: graph.outputs[0] + 1]):
        if node.index in wanted:
            found.append(node)
            wanted.update(node.inputs)
    return found[::-1]
