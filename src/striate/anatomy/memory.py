"""How many bytes a forward and a step of training take, from shapes alone.

One forward: the sum of what all operators allocate for their outputs; views and operators in place
allocate nothing. (An engine that frees early needs less at any one time.)

A step of training, for a batch of one: weights, their gradients and SGD's momentum, each once the
size of the parameters in float32, and every tensor that the backward pass reads, each piece of
memory once: the inputs of layers, pools, normalisations and products, the outputs of ReLU, sigmoid
and softmax, and the int64 positions that max pooling keeps. Optimisers differ: plain SGD keeps no
momentum, Adam twice as much. Activations grow with the batch; the rest does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from striate.anatomy.record import Graph, Node

FLOAT32 = 4
INT64 = 8

READS_INPUTS = frozenset(
    (
        "convolution",
        "transposed convolution",
        "linear",
        "matrix product",
        "attention",
        "batch norm",
        "layer norm",
        "group norm",
        "max pool",
        "average pool",
        "adaptive average pool",
        "adaptive max pool",
        "global average pool",
        "global max pool",
        "multiply",
        "divide",
        "gelu",
        "silu",
        "mish",
        "hard swish",
        "hard sigmoid",
        "clipped relu",
        "leaky relu",
        "prelu",
        "pow",
        "square",
        "log",
    )
)
READS_OUTPUT = frozenset(
    ("relu", "sigmoid", "tanh", "softmax", "log softmax", "exp", "sqrt", "rsqrt", "elu")
)
FIXED = frozenset(("aten.mean.dim", "aten.sum.dim_IntList"))  # their gradients need shapes alone


@dataclass(frozen=True, kw_only=True)
class TrainingMemory:
    """Bytes of one training step with a batch of one."""

    weights: int
    gradients: int
    optimiser: int
    activations: int
    total: int


def forward_memory(graph: Graph) -> int:
    """Add up the bytes that one forward allocates for activations."""
    return sum(node.bytes for node in graph.nodes if node.operator != "input")


def training_memory(graph: Graph) -> TrainingMemory:
    """Estimate one step of SGD with momentum; see the module for what counts."""
    weights = FLOAT32 * sum(graph.parameters.values())
    activations = kept_for_backward(graph)
    return TrainingMemory(
        weights=weights,
        gradients=weights,
        optimiser=weights,
        activations=activations,
        total=3 * weights + activations,
    )


def kept_for_backward(graph: Graph) -> int:
    """Add up the memory that the backward pass reads, each piece once."""
    owners = _owners(graph)
    differentiable = _differentiable(graph)
    kept: set[int] = set()
    positions = 0
    for node in graph.nodes:
        if not differentiable[node.index]:
            continue
        if node.operator in READS_INPUTS and node.aten not in FIXED:
            kept.update(owners[index] for index in _read(node, differentiable))
        if node.operator in READS_OUTPUT:
            kept.add(owners[node.index])
        if "max_pool" in node.aten:
            positions += INT64 * prod(node.shape)
    return positions + sum(graph.nodes[index].bytes for index in kept)


def _read(node: Node, differentiable: list[bool]) -> tuple[int, ...]:
    """Leave out a factor whose partner needs no gradient."""
    if node.operator == "multiply" and len(node.inputs) == 2:
        first, second = node.inputs
        return tuple(
            index
            for index, partner in ((first, second), (second, first))
            if differentiable[partner]
        )
    if node.operator == "multiply" and not node.parameters:
        return ()  # by a constant
    return node.inputs


def _differentiable(graph: Graph) -> list[bool]:
    """Tell which nodes a gradient flows into: those that a parameter has touched."""
    found: list[bool] = []
    for node in graph.nodes:
        found.append(bool(node.parameters) or any(found[index] for index in node.inputs))
    return found


def _owners(graph: Graph) -> list[int]:
    """Give for each node the node that allocated the memory of its output."""
    found: list[int] = []
    for node in graph.nodes:
        shares = node.bytes == 0 and bool(node.inputs)
        found.append(found[node.inputs[0]] if shares else node.index)
    return found
