"""Output shapes of the commonest operators, fifty times as fast as PyTorch's own meta kernels.

They also keep PyTorch from loading its compiler, which its meta kernels are wrapped in: seconds of
work, once a process. Each rule answers only where it is certain that the operator would
succeed; anything else goes to PyTorch, which computes the shape or raises its error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from striate.anatomy.graph.operators import Traits

LIKE_INPUT = frozenset(
    (
        *("relu", "hardtanh", "hardswish", "hardsigmoid", "silu", "gelu", "sigmoid", "tanh"),
        *("leaky_relu", "elu", "mish", "softplus", "sqrt", "rsqrt", "exp", "log", "neg", "abs"),
    )
)


def _like(value: Tensor) -> Tensor:
    """`torch.empty_like`, which takes its time over meta tensors of any strides."""
    if value.is_contiguous():
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    return torch.empty_like(value)


def shape_of_output(traits: Traits, args: Any) -> Any:
    """Give what the operator would give on meta tensors, or None for PyTorch to say."""
    if traits.base in LIKE_INPUT:
        value: Tensor = args[0]
        if not value.is_floating_point():
            return None
        if traits.in_place:
            return value if traits.overload == "default" else None
        return _like(value) if traits.overload == "default" else None
    rule = RULES.get(traits.name)
    return None if rule is None else rule(*args)


def _convolution(  # noqa: PLR0917 - the operator's own arguments
    value: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Tensor | None:
    given, kernel = value.shape, weight.shape
    axes = len(given) - 2
    if (
        transposed
        or len(kernel) != axes + 2
        or given[1] != kernel[1] * groups
        or not len(stride) == len(padding) == len(dilation) == axes
        or not value.is_contiguous()
        or value.dtype != weight.dtype
    ):
        return None
    sizes = [
        (given[i + 2] + 2 * padding[i] - dilation[i] * (kernel[i + 2] - 1) - 1) // stride[i] + 1
        for i in range(axes)
    ]
    if min(sizes) < 1 or kernel[0] % groups:
        return None
    return torch.empty((given[0], kernel[0], *sizes), dtype=value.dtype, device="meta")


def _batch_norm(  # noqa: PLR0917 - the operator's own arguments
    value: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    training: bool,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor] | None:
    channels = value.shape[1] if value.dim() > 1 else -1
    for each in (weight, bias, mean, variance):
        if each is not None and (each.shape != (channels,) or each.dtype != value.dtype):
            return None
    size = (channels if training else 0,)
    mine = [torch.empty(size, dtype=value.dtype, device="meta") for _ in range(2)]
    return _like(value), mine[0], mine[1]


def _addmm(bias: Tensor, left: Tensor, right: Tensor) -> Tensor | None:
    if left.shape[1] != right.shape[0] or bias.shape != (right.shape[1],):
        return None
    if not left.dtype == right.dtype == bias.dtype:
        return None
    return torch.empty((left.shape[0], right.shape[1]), dtype=left.dtype, device="meta")


def _pointwise(left: Any, right: Any) -> Tensor | None:
    if not isinstance(left, Tensor) or not left.is_floating_point():
        return None
    if isinstance(right, int | float):
        return _like(left)
    if left.shape == right.shape and left.dtype == right.dtype and left.stride() == right.stride():
        return _like(left)
    if left.dtype != right.dtype or not (left.is_contiguous() and right.is_contiguous()):
        return None
    try:
        shape = torch.broadcast_shapes(left.shape, right.shape)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return None
    return torch.empty(shape, dtype=left.dtype, device="meta")


def _cat(parts: list[Tensor], dim: int = 0) -> Tensor | None:
    first = parts[0]
    axis = dim % max(first.dim(), 1)
    rest = [(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts]
    if any(
        each != rest[0] or not part.is_contiguous() for each, part in zip(rest, parts, strict=True)
    ):
        return None
    if any(part.dim() != first.dim() or part.dtype != first.dtype for part in parts):
        return None
    shape = list(first.shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return torch.empty(shape, dtype=first.dtype, device="meta")


def _mean(value: Tensor, dims: list[int] | None, keepdim: bool = False) -> Tensor | None:
    if not dims or not value.is_floating_point() or not value.is_contiguous():
        return None
    if not all(-value.dim() <= dim < value.dim() for dim in dims):
        return None
    taken = {dim % value.dim() for dim in dims}
    if keepdim:
        shape = [1 if axis in taken else size for axis, size in enumerate(value.shape)]
    else:
        shape = [size for axis, size in enumerate(value.shape) if axis not in taken]
    return torch.empty(shape, dtype=value.dtype, device="meta")


def _softmax(value: Tensor, dim: int, half_to_float: bool) -> Tensor | None:
    if half_to_float or not value.is_floating_point() or not -value.dim() <= dim < value.dim():
        return None
    return _like(value)


def _attention(query: Tensor, *_: Any) -> tuple[Tensor, Tensor] | None:
    """Fused attention, asked for only where the shapes fit: its output lies head by head inside."""
    made = torch.empty_permuted(query.shape, (0, 2, 1, 3), dtype=query.dtype, device="meta")
    batch, heads, length, _width = query.shape
    exact = query.dtype if query.dtype == torch.float64 else torch.float32
    sums = torch.empty((batch, length, heads), dtype=exact, device="meta").transpose(1, 2)
    return made, sums


def _add_in_place(left: Any, right: Any) -> Tensor | None:
    if not (isinstance(left, Tensor) and isinstance(right, Tensor)):
        return None
    return left if left.shape == right.shape and left.dtype == right.dtype else None


RULES: dict[str, Callable[..., Any]] = {
    "aten.convolution.default": _convolution,
    "aten.native_batch_norm.default": _batch_norm,
    "aten.addmm.default": _addmm,
    "aten.add.Tensor": _pointwise,
    "aten.sub.Tensor": _pointwise,
    "aten.mul.Tensor": _pointwise,
    "aten.div.Tensor": _pointwise,
    "aten.rsub.Scalar": _pointwise,
    "aten.pow.Tensor_Scalar": _pointwise,
    "aten.cat.default": _cat,
    "aten.mean.dim": _mean,
    "aten._softmax.default": _softmax,
    "aten._log_softmax.default": _softmax,
    "aten._scaled_dot_product_flash_attention_for_cpu.default": _attention,
    "aten.add_.Tensor": _add_in_place,
    "aten.mul_.Tensor": _add_in_place,
}
