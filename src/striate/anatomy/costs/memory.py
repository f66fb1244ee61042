"""How many bytes a forward and a step of training take, from shapes alone.

One forward: the sum of what all operators allocate for their outputs; views and operators in place
allocate nothing. (An engine that frees early needs less at any one time.)

A step of training, for a batch of one: weights, their gradients and SGD's momentum, each once the
size of the parameters in float32, and every tensor that the backward pass reads, each piece of
memory once, as autograd itself keeps them in the mode that was recorded (see `backward`).
Optimisers differ: plain SGD keeps no momentum, Adam twice as much. Activations grow with the batch;
the rest does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.anatomy.graph.record import Graph

FLOAT32 = 4


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
    return sum(node.bytes for node in graph.nodes if node.key != "input")


def training_memory(graph: Graph) -> TrainingMemory:
    """Reckon one step of SGD with momentum; see the module for what counts."""
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
    """The bytes that the backward pass reads; all feature maps where autograd cannot say."""
    return forward_memory(graph) if graph.saved is None else graph.saved
