"""What a node costs: multiply-accumulates of convolution and linear layers, and all else apart.

The papers' convention: `macs` counts convolution and linear layers (bilinear and deformable ones
too), without biases, and with padding as if the kernel lay wholly inside, for the batch of one that
was recorded. Products of two activations
(attention) multiply and add as well, but belong to no layer: `products` counts them. Everything
else is `operations`, roughly what each output value takes: comparisons of a pool's window,
the multiplication and addition of a normalisation, one for an element-wise operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import nn

from striate.anatomy.graph.operators import PLUMBING, pointwise
from striate.anatomy.graph.record import Graph, Node, record

#: Element-wise operators are one operation a value; these take more, as usually written: how many,
#: and which they are.
PER_VALUE: Mapping[str, tuple[int, str]] = {
    "batch norm": (2, "multiply and add, with all constants folded into two"),
    "layer norm": (5, "mean, variance, subtract, scale, shift"),
    "group norm": (5, "mean, variance, subtract, scale, shift"),
    "rms norm": (4, "square, mean, scale, weigh"),
    "sigmoid": (4, "negate, exponential, add, divide"),
    "tanh": (5, "two exponentials, subtract, add, divide"),
    "silu": (5, "a sigmoid and a product"),
    "gelu": (8, "an error function and a product"),
    "softmax": (5, "maximum, subtract, exponential, sum, divide"),
    "log softmax": (5, "maximum, subtract, exponential, sum, logarithm"),
    "hard swish": (4, "add, clip twice, multiply"),
    "hard sigmoid": (3, "add, clip twice"),
    "clipped relu": (2, "clip twice"),
    "upsample": (4, "the four neighbours of bilinear interpolation"),
}
FREE = PLUMBING | {"input", "pad", "concatenate", "stack", "roll", "flip", "channel shuffle"}
#: Operators that read parameters without multiplying by them, beside those that are element-wise.
LIGHT = frozenset(
    [
        *("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
        *("native_layer_norm", "_fused_rms_norm", "native_group_norm", "embedding", "gather"),
        *("_embedding_bag", "_embedding_bag_forward_only", "cat", "stack", "index", "index_select"),
        *("index_put", "index_copy", "slice_scatter", "select_scatter", "repeat", "roll", "flip"),
        *("constant_pad_nd", "clone", "_to_copy", "_softmax", "_safe_softmax", "_log_softmax"),
    ]
)


def count_macs(network: nn.Module, shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates of the convolutions and linear layers of `network`, for one image.

    The network may live anywhere and is left as it is; nothing is computed.

    Args:
        network: takes images (N, C, H, W).
        shape: (channels, height, width) of the image.

    Raises:
        NetworkError: its forward fails on such an image.
    """
    graph = record(network, torch.empty(1, *shape, device="meta"))
    return sum(macs(node, graph) for node in graph.nodes)


def macs(node: Node, graph: Graph) -> int:
    """Count the multiply-accumulates of a layer with weights; 0 for any other node."""
    a: Mapping[str, Any] = node.attributes
    count = 0
    if "output_padding" in a:  # a transposed convolution: each input value meets the whole kernel
        given = graph.nodes[node.inputs[0]].shape
        count = prod(given) * (node.shape[1] // a["groups"]) * prod(a["kernel"])
    elif "fan_in" in a:
        kernels = prod(node.shape[:2]) * a["fan_in"] - a.get("absent_kernels", 0)
        count = prod(node.shape[2:]) * prod(a["kernel"]) * kernels
    elif node.operator in {"linear", "bilinear"}:
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


def uncounted(node: Node, graph: Graph) -> bool:
    """Whether a node reads parameters and does with them what nothing here counts."""
    return bool(
        node.parameters
        and node.key not in LIGHT
        and node.operator not in FREE
        and not pointwise(node.aten)
        and not macs(node, graph)
        and not products(node)
    )


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
    return values * PER_VALUE.get(node.operator, (1, ""))[0]
