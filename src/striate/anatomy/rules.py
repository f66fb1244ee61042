"""What a node costs: multiply-accumulates of convolution and linear layers, and all else apart.

The papers' convention: `macs` counts convolution and linear layers, biases and padding as if the
kernel lay wholly inside, for the batch of one that was recorded. Products of two activations
(attention) multiply and add as well, but belong to no layer: `products` counts them. Everything
else is `operations`, roughly what each output value takes: comparisons of a pool's window,
the multiplication and addition of a normalisation, one for an element-wise operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from striate.anatomy.operators import PLUMBING
from striate.anatomy.record import Graph, Node

# Element-wise operators are one operation a value; these take more, as usually written.
PER_VALUE = {
    "batch norm": 2,  # its constants fold into one multiplication and one addition
    "layer norm": 5,
    "group norm": 5,
    "rms norm": 4,
    "sigmoid": 4,
    "tanh": 5,
    "silu": 5,
    "gelu": 8,
    "softmax": 5,
    "log softmax": 5,
    "hard swish": 4,
    "hard sigmoid": 3,
    "clipped relu": 2,
    "upsample": 4,  # the four neighbours of bilinear interpolation
}
FREE = PLUMBING | {"input", "pad", "concatenate", "stack", "roll", "flip", "channel shuffle"}


def macs(node: Node, graph: Graph) -> int:
    """Count the multiply-accumulates of a convolution or linear layer; 0 for any other node."""
    a: Mapping[str, Any] = node.attributes
    count = 0
    if node.operator == "convolution":
        kernels = prod(node.shape[:2]) * a["fan_in"] - a.get("absent_kernels", 0)
        count = prod(node.shape[2:]) * prod(a["kernel"]) * kernels
    elif node.operator == "transposed convolution":  # each input value meets the whole kernel
        given = graph.nodes[node.inputs[0]].shape
        count = prod(given) * (node.shape[1] // a["groups"]) * prod(a["kernel"])
    elif node.operator == "linear":
        count = prod(node.shape) * a["contracted"]
    return count


def products(node: Node) -> int:
    """Count the multiply-accumulates between two activations; 0 for any other node."""
    a: Mapping[str, Any] = node.attributes
    count = 0
    if node.operator == "matrix product":
        count = prod(node.shape) * a["contracted"]
    elif node.operator == "attention":
        count = prod(node.shape[:-1]) * a["keys"] * (a["width"] + a["values"])
    return count


def operations(node: Node, graph: Graph) -> int:
    """Count what is not a layer's multiply-accumulate: estimates, see the module."""
    if node.operator in FREE or macs(node, graph):
        return 0
    a: Mapping[str, Any] = node.attributes
    values = prod(node.shape)
    if products(node):
        return 2 * products(node)
    if "kernel" in a:
        return values * int(prod(a["kernel"]))
    if "keepdim" in a or node.operator.endswith("pool"):
        return prod(graph.nodes[node.inputs[0]].shape)
    return values * PER_VALUE.get(node.operator, 1)
