"""ATen operators under readable names, with the attributes that say what they do."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from striate.anatomy.graph.arguments import READERS, Arguments

# Moves, renames or copies values and computes none: left out of tables unless wanted.
PLUMBING = frozenset(
    [
        "view",
        "reshape",
        "permute",
        "transpose",
        "expand",
        "squeeze",
        "unsqueeze",
        "flatten",
        "slice",
        "select",
        "copy",
        "clone",
        "detach",
        "cast",
        "assemble",
        "alias",
        "part",
        "unfold",
        "sliding windows",
    ]
)

NAMES = {
    "convolution": "convolution",
    "addmm": "linear",
    "linear": "linear",
    "max_pool2d_with_indices": "max pool",
    "max_pool3d_with_indices": "max pool",
    "max_pool2d": "max pool",
    "avg_pool1d": "average pool",
    "avg_pool2d": "average pool",
    "avg_pool3d": "average pool",
    "_adaptive_avg_pool2d": "adaptive average pool",
    "_adaptive_avg_pool3d": "adaptive average pool",
    "adaptive_avg_pool1d": "adaptive average pool",
    "adaptive_max_pool2d": "adaptive max pool",
    "adaptive_max_pool3d": "adaptive max pool",
    "native_batch_norm": "batch norm",
    "_native_batch_norm_legit": "batch norm",
    "_native_batch_norm_legit_no_training": "batch norm",
    "native_layer_norm": "layer norm",
    "_fused_rms_norm": "rms norm",
    "native_group_norm": "group norm",
    "hardtanh": "clipped relu",
    "hardswish": "hard swish",
    "hardsigmoid": "hard sigmoid",
    "leaky_relu": "leaky relu",
    "_prelu_kernel": "prelu",
    "_softmax": "softmax",
    "_safe_softmax": "softmax",
    "_log_softmax": "log softmax",
    "mul": "multiply",
    "sub": "subtract",
    "rsub": "subtract",
    "div": "divide",
    "cat": "concatenate",
    "constant_pad_nd": "pad",
    **{f"{kind}_pad{n}d": "pad" for kind in ("reflection", "replication") for n in (1, 2, 3)},
    "native_dropout": "dropout",
    "_trilinear": "bilinear",
    "torchvision.deform_conv2d": "deformable convolution",
    **dict.fromkeys(("_embedding_bag", "_embedding_bag_forward_only"), "embedding bag"),
    "pixel_shuffle": "pixel shuffle",
    "pixel_unshuffle": "pixel unshuffle",
    "im2col": "unfold",
    "unfold": "sliding windows",
    "col2im": "fold",
    "view": "view",
    "_unsafe_view": "view",
    "_reshape_alias": "view",
    "reshape": "view",
    "t": "transpose",
    "_to_copy": "cast",
    "clone": "copy",
    "copy": "copy",
    "lift_fresh": "alias",
    "amax": "maximum over axes",
    "amin": "minimum over axes",
    "channel_shuffle": "channel shuffle",
    "native_channel_shuffle": "channel shuffle",
}
#: Products of two tensors, by the place of the first factor among the tensors.
PRODUCTS = {
    **dict.fromkeys(("mm", "bmm", "linear", "matmul", "mv", "dot", "vdot"), 0),
    **dict.fromkeys(("addmm", "baddbmm", "addmv", "addbmm", "addr", "_addmm_activation"), 1),
}
#: Other layers whose cost is that of their weights.
LAYERS = frozenset(("convolution", "_trilinear", "torchvision.deform_conv2d"))
ATTENTION = "_scaled_dot_product"
VALUES = {
    "_local_scalar_dense": "a tensor is turned into a number",
    "item": "a tensor is turned into a number",
    "is_nonzero": "a tensor decides a branch",
    "equal": "two tensors are compared",
    "nonzero": "positions are chosen by value",
    "masked_select": "positions are chosen by value",
    "_unique2": "distinct values are counted",
    "unique_dim": "distinct values are counted",
}


@dataclass(frozen=True, slots=True)
class Traits:
    """What is the same for every call of one operator."""

    name: str  # "aten.relu_.default"
    base: str  # "relu"
    key: str  # what rules are looked up by: the base, with its library where that is not ATen
    overload: str
    arguments: tuple[str, ...]
    in_place: bool
    view: bool
    splits: bool  # gives several views
    attention: bool
    costly: bool  # kept even where it reads parameters alone: it counts as MACs
    shape_alone: bool  # reads the shape of its argument and none of its values
    random: bool
    value_wanted: str  # why it cannot run on shapes; "" = it can


@functools.cache
def traits_of(func: Any) -> Traits:
    """Read the traits of an operator from its schema."""
    schema = func._schema
    library, _, base = schema.name.partition("::")
    written = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    returned = [r.alias_info for r in schema.returns if r.alias_info is not None]
    in_place = bool(written) and any(alias.is_write for alias in returned)
    plain = base[:-1] if base.endswith("_") and in_place else base
    key = plain if library == "aten" else f"{library}.{plain}"
    attention = key.startswith(ATTENTION)
    return Traits(
        name=str(func),
        base=plain,
        key=key,
        overload=func._overloadname,
        arguments=tuple(argument.name for argument in schema.arguments),
        in_place=in_place,
        view=(bool(returned) and not in_place) or base in ("_unsafe_view", "lift_fresh"),
        splits=base in ("split", "split_with_sizes", "unbind", "chunk", "unsafe_split"),
        attention=attention,
        costly=key in PRODUCTS or key in LAYERS or attention,
        shape_alone=base.endswith("_like") or base.startswith("new_"),
        random=torch.Tag.nondeterministic_seeded in func.tags,
        value_wanted=VALUES.get(base, ""),
    )


#: Element-wise operators that PyTorch does not call so.
UNTAGGED = frozenset({"hardswish", "prelu", "_prelu_kernel"})


@functools.cache
def pointwise(aten: str) -> bool:
    """Tell whether an operator, ``aten.relu.default``, is element-wise."""
    library, _, rest = aten.partition(".")
    packet, _, overload = rest.partition(".")
    if library != "aten":
        return False
    if packet.removesuffix("_") in UNTAGGED:
        return True
    # PyTorch forgot some operators in place, `mish_` for one: what computes the same is tagged.
    packets = (getattr(torch.ops.aten, each, None) for each in {packet, packet.removesuffix("_")})
    operators = (getattr(each, overload or "default", None) for each in packets)
    return any(each is not None and torch.Tag.pointwise in each.tags for each in operators)


def bind(traits: Traits, args: Sequence[Any], kwargs: Arguments) -> dict[str, Any]:
    """Give the arguments of a call by name; those left at their defaults are absent."""
    return {**dict(zip(traits.arguments, args, strict=False)), **kwargs}


def describe(
    traits: Traits, args: Sequence[Any], kwargs: Arguments, output: Any, known: Sequence[bool]
) -> tuple[str, dict[str, Any]]:
    """Give the readable operator and its attributes.

    `known` says of each tensor argument whether it descends from the network's inputs.
    """
    if traits.key in PRODUCTS:
        return _product(traits, args, kwargs, known)
    if traits.attention:
        query, key, value = args[:3]
        sizes = {"keys": key.shape[-2], "width": query.shape[-1], "values": value.shape[-1]}
        return "attention", sizes
    name = NAMES.get(traits.key) or traits.key.strip("_").replace("_", " ")
    reader = READERS.get(traits.key)
    if reader is None:
        return name, {}
    try:
        given = reader(bind(traits, args, kwargs), output)
    except (LookupError, TypeError, ValueError, AttributeError):
        return name, {}  # an overload that the reader does not know: no rule will follow it
    return given.pop("operator", name), given


def _product(
    traits: Traits, args: Sequence[Any], kwargs: Arguments, known: Sequence[bool]
) -> tuple[str, dict[str, Any]]:
    """Tell a linear layer, which has one factor of parameters, from a product of activations.

    `contracted` is the length of the sums: each value of the output takes as many products.
    `activations` says on which side of the product they stand.
    """
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    first = PRODUCTS[traits.key]
    size = tensors[first].shape
    length = {"addbmm": size[0] * size[-1], "addr": 1}.get(traits.key, size[-1])
    if known[first] and known[first + 1]:
        return "matrix product", {"contracted": length}
    side = "right" if known[first + 1] else "left"
    return "linear", {"contracted": length, "activations": side}
