"""Height and width through each kind of operator: one function a kind, see `links.py`.

Rules are looked up by ATen names, which mean one thing each, and name the attributes they take; an
operator without a rule, or without its attributes, is not followed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from striate.anatomy.graph.operators import PRODUCTS
from striate.anatomy.graph.record import Node
from striate.anatomy.receptive_field.axis import (
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
from striate.anatomy.receptive_field.links import EVEN, PLAIN, Place, Sketch, axes_of


@dataclass(frozen=True)
class Operand:
    """A tensor that an operator reads and that sees something of the image."""

    at: int  # which of the operator's tensors
    sketch: Sketch
    shape: tuple[int, ...]


Operands = Sequence[Operand]
Rule = Callable[[Node, Operands], None]


def lose(node: Node, operands: Operands) -> None:
    """Follow nothing: each value may come from anywhere."""
    for each in operands:
        each.sketch.lose(node.shape)


def _first(rule: Callable[[Node, Sketch, tuple[int, ...]], None]) -> Rule:
    """Make a rule of one for the first tensor; whatever else the operator reads is everywhere."""

    @functools.wraps(rule)
    def apply(node: Node, operands: Operands) -> None:
        for each in operands:
            if each.at == 0:
                rule(node, each.sketch, each.shape)
            else:
                each.sketch.lose(node.shape)

    return apply


def _nothing(node: Node, operands: Operands) -> None:
    """Keep every value where it is; `join` does what is left."""


@_first
def _window(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    a = node.attributes
    kind = Transposed if "output_padding" in a else Window
    axes = len(a["kernel"])
    for i in range(axes):
        dim = len(shape) - axes + i
        given, made = shape[dim], node.shape[dim]
        reach = kind(given, made, a["kernel"][i], a["stride"][i], a["padding"][i], a["dilation"][i])
        sketch.through(dim, reach)
    if "fan_in" in a:  # a convolution sums over channels
        sketch.mix(1)
        sketch.dims[1] = ((PLAIN, node.shape[1]),)


@_first
def _unfold(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    a = node.attributes
    if len(shape) != 4:
        return sketch.lose(node.shape)
    for i, dim in enumerate((2, 3)):
        spread = a["dilation"][i] * (a["kernel"][i] - 1) + 1
        given = shape[dim]
        made = (given + 2 * a["padding"][i] - spread) // a["stride"][i] + 1
        reach = Window(
            given, made, a["kernel"][i], a["stride"][i], a["padding"][i], a["dilation"][i]
        )
        sketch.through(dim, reach)
    sketch.mix(1)
    sketch.dims = [sketch.dims[0], ((PLAIN, node.shape[1]),), (*sketch.dims[2], *sketch.dims[3])]
    return None


@_first
def _windows(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    """Sliding windows along one axis, each laid along a new last axis."""
    dim, size = node.attributes["dim"], node.attributes["size"]
    if dim >= len(shape):
        return sketch.lose(node.shape)
    reach = Window(shape[dim], node.shape[dim], kernel=size, stride=node.attributes["step"])
    sketch.through(dim, reach)
    sketch.dims.append(((PLAIN, size),))
    return None


@_first
def _adaptive(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    size = node.attributes["size"]
    for dim in range(len(node.shape) - len(size), len(node.shape)):
        given, made = shape[dim], node.shape[dim]
        if made == 1:
            sketch.mix(dim)
            sketch.dims[dim] = ((PLAIN, 1),)
        else:
            sketch.through(dim, adaptive(given, made))


def reduce(node: Node, operands: Operands) -> None:
    """Mix all positions along the axes that a sum, mean or maximum is taken over."""
    dims = set(node.attributes["dims"])
    for each in operands:
        sketch = each.sketch
        if each.at:
            sketch.lose(node.shape)
            continue
        for dim in dims:
            sketch.mix(dim)
            sketch.dims[dim] = ((PLAIN, 1),)
        if not node.attributes["keepdim"]:
            sketch.dims = [dim for i, dim in enumerate(sketch.dims) if i not in dims]


@_first
def _mixed(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    """Each value may come from anywhere along some axes, and keeps its place along the others."""
    sketch.dims = [((PLAIN, 1),)] * (len(node.shape) - len(shape)) + sketch.dims
    for dim in node.attributes["dims"]:
        sketch.mix(dim)
        sketch.dims[dim] = ((PLAIN, node.shape[dim]),)


def weigh(node: Node, operands: Operands, gates: bool) -> list[Sketch]:
    """Each value is scaled by what all positions along some axes give together."""
    found = []
    for each in operands:
        sketch = each.sketch
        found.append(sketch)
        if each.at:
            sketch.lose(node.shape)
            continue
        tangled = [d for d in node.attributes["dims"] if axes_of(sketch.dims[d])]
        if tangled and gates:
            place = Place(tuple(sketch.dims), ((), ()), (sketch.counts[0], sketch.counts[1]))
            other = Sketch(sketch.source, place)
            for dim in tangled:
                other.mix(dim)
                other.dims[dim] = ((EVEN, node.shape[dim]),)
            found.append(other)
    return found


def _product(node: Node, operands: Operands) -> None:
    """Rows by columns: each value sees its row's position on the left, its column's on the right.

    Where one factor sees no image, its own axis is as good as any other; where both do, the rows
    lead and the columns are mixed.
    """
    first = PRODUCTS[node.key]
    wide = node.key != "linear"  # whose right factor is written with its outputs first
    factors = {each.at - first: each for each in operands if each.at - first in {0, 1}}
    flat = any(len(each.shape) != len(node.shape) for each in operands) or len(node.shape) < 2
    if flat or len(factors) < len(operands) or (1 in factors and not wide):
        return lose(node, operands)
    if 0 in factors:
        left = factors[0].sketch
        left.mix(len(left.dims) - 1)
        left.dims[-1] = ((PLAIN, node.shape[-1]),)
    if 1 in factors:
        right = factors[1].sketch
        right.mix(len(right.dims) - 2)
        for axis in axes_of(factors[0].sketch.dims[-2]) if 0 in factors else ():
            right.collapse(axis)
        right.dims[-2] = ((PLAIN, node.shape[-2]),)
    return None


def attend(node: Node, operands: Operands) -> None:
    """Queries keep their positions; keys, values and a mask are seen from all of them."""
    for each in operands:
        sketch = each.sketch
        if each.at > 2 or len(sketch.dims) != len(node.shape):
            sketch.lose(node.shape)
            continue
        sketch.mix(len(sketch.dims) - 1)
        if each.at:
            sketch.mix(len(sketch.dims) - 2)
            sketch.dims[-2] = ((PLAIN, node.shape[-2]),)
        sketch.dims[-1] = ((PLAIN, node.shape[-1]),)


def _concatenate(node: Node, operands: Operands) -> None:
    dim = node.attributes["dim"]
    for each in operands:
        if len(each.shape) != len(node.shape):  # an empty tensor of one axis may be among them
            each.sketch.lose(node.shape)
            continue
        each.sketch.mix(dim)
        each.sketch.dims[dim] = ((PLAIN, node.shape[dim]),)


def _stack(node: Node, operands: Operands) -> None:
    dim = node.attributes["dim"]
    for each in operands:
        each.sketch.dims.insert(dim, ((PLAIN, node.shape[dim]),))


@_first
def _pad(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    for dim, (before, after) in enumerate(node.attributes["pads"]):
        given, made = shape[dim], node.shape[dim]
        if (before, after) == (0, 0):
            continue
        reach: Reach = Window(given, made, padding=before)
        if node.key != "constant_pad_nd":
            mode = "reflect" if "reflection" in node.key else "replicate"
            reach = reflected(given, made, before, mode)
        sketch.through(dim, reach)


@_first
def _upsample(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    mode = next((m for m in ("exact", "nearest", "cubic") if m in node.key), "linear")
    a = node.attributes
    for axis, dim in enumerate(range(2, len(node.shape))):
        given, made = shape[dim], node.shape[dim]
        reach = resize(given, made, mode, a["align_corners"], a["asked"][axis])
        if given == 1 and not axes_of(sketch.dims[dim]):
            sketch.dims[dim] = ((EVEN, made),)
        elif node.key.endswith("_aa") and made < given:  # smoothing widens the kernel
            sketch.mix(dim)
            sketch.dims[dim] = ((PLAIN, made),)
        else:
            sketch.through(dim, reach)


@_first
def _shuffle(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    times = node.attributes["factor"]
    for dim in (len(node.shape) - 2, len(node.shape) - 1):
        given, made = shape[dim], node.shape[dim]
        if made > given:
            sketch.through(dim, Repeat(given, made, times))
        else:
            sketch.through(dim, Window(given, made, kernel=times, stride=times))
    sketch.mix(len(node.shape) - 3)
    sketch.dims[-3] = ((PLAIN, node.shape[-3]),)


@_first
def _slice(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    a = node.attributes
    dim, given, made = a["dim"], shape[a["dim"]], node.shape[a["dim"]]
    if given != made:
        sketch.through(dim, Window(given, made, stride=a["step"], padding=-a["start"]))


@_first
def _select(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    dim = node.attributes["dim"]
    axis = sketch.alone(dim)
    if axis != PLAIN:
        sketch.read(axis, Single(sketch.counts[axis], 1, node.attributes["position"]))
    del sketch.dims[dim]


@_first
def _roll(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    for shift, dim in zip(node.attributes["shifts"], node.attributes["dims"], strict=False):
        size = node.shape[dim]
        at = tuple((q - shift) % size for q in range(size))
        sketch.through(dim, Listed(size, size, 1, at, at))


@_first
def _flip(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    for dim in node.attributes["dims"]:
        at = tuple(range(node.shape[dim]))[::-1]
        sketch.through(dim, Listed(len(at), len(at), -1, at, at))


@_first
def _order(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    sketch.dims = [sketch.dims[i] for i in node.attributes["order"]]


@_first
def _squeeze(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    gone = node.attributes["dims"]
    sketch.dims = [dim for i, dim in enumerate(sketch.dims) if i not in gone]


@_first
def _unsqueeze(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    sketch.dims.insert(node.attributes["dim"], ((PLAIN, 1),))


@_first
def _view(node: Node, sketch: Sketch, shape: tuple[int, ...]) -> None:
    if node.aten.endswith(".dtype") and shape != node.shape:  # the same bytes as other numbers
        sketch.lose(node.shape)
    else:
        sketch.reshape(node.shape)


def _assemble(node: Node, operands: Operands) -> None:
    for each in operands:
        sketch, shape = each.sketch, each.shape
        if len(shape) != len(node.shape):
            sketch.lose(node.shape)
            continue
        for dim, (given, made) in enumerate(zip(shape, node.shape, strict=True)):
            if given != made:
                sketch.mix(dim)
                sketch.dims[dim] = ((PLAIN, made),)


#: Normalisations over axes of the tensor; without ``dims`` they scale by constants.
STATISTICS = frozenset(
    [
        *("native_layer_norm", "_fused_rms_norm", "native_group_norm"),
        *("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
        *("_softmax", "_safe_softmax", "_log_softmax"),
    ]
)
_POOLS = ("max_pool2d_with_indices", "max_pool3d_with_indices", "max_pool2d")
_AVERAGES = ("avg_pool1d", "avg_pool2d", "avg_pool3d")
_WINDOW = ("kernel", "stride", "padding", "dilation")
#: What each operator does to places, by its ATen name, and the attributes that this takes.
RULES: dict[str, tuple[tuple[str, ...], Rule]] = {
    **dict.fromkeys(("convolution", *_POOLS, *_AVERAGES), (_WINDOW, _window)),
    **dict.fromkeys(
        [
            *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d"),
            *("adaptive_max_pool2d", "adaptive_max_pool3d"),
        ],
        (("size",), _adaptive),
    ),
    "im2col": (_WINDOW, _unfold),
    "unfold": (("dim", "size", "step"), _windows),
    **dict.fromkeys(PRODUCTS, (("contracted",), _product)),
    "cat": (("dim",), _concatenate),
    "stack": (("dim",), _stack),
    "constant_pad_nd": (("pads",), _pad),
    **{
        f"{kind}_pad{n}d": (("pads",), _pad)
        for kind in ("reflection", "replication")
        for n in (1, 2, 3)
    },
    **{
        f"{prefix}{kind}": (("align_corners", "asked"), _upsample)
        for prefix, kinds in (
            ("upsample_", ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d")),
            ("upsample_", ("bicubic2d", "trilinear3d")),
            ("_upsample_", ("nearest_exact1d", "nearest_exact2d", "nearest_exact3d")),
            ("_upsample_", ("bilinear2d_aa", "bicubic2d_aa")),
        )
        for kind in kinds
    },
    "pixel_shuffle": (("factor",), _shuffle),
    "pixel_unshuffle": (("factor",), _shuffle),
    "slice": (("dim", "start", "step"), _slice),
    "select": (("dim", "position"), _select),
    "roll": (("shifts", "dims"), _roll),
    "flip": (("dims",), _flip),
    **dict.fromkeys(("permute", "transpose", "t"), (("order",), _order)),
    "squeeze": (("dims",), _squeeze),
    "unsqueeze": (("dim",), _unsqueeze),
    "assemble": ((), _assemble),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias"), ((), _view)),
    **dict.fromkeys(
        [
            *("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "topk"),
            *("glu", "index_select", "repeat", "_fft_c2c", "_fft_r2c", "_fft_c2r"),
        ],
        (("dims",), _mixed),
    ),
    **dict.fromkeys(
        [
            *("copy", "clone", "_to_copy", "alias", "detach", "lift_fresh", "expand"),
            *("native_dropout", "native_channel_shuffle", "channel_shuffle", "triu", "tril"),
        ],
        ((), _nothing),
    ),
}
