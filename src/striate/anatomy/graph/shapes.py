"""Operators run on shapes alone: what every forward of a shadow on meta tensors goes through.

PyTorch's modes belong to one thread: nothing here is felt by other threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from striate.anatomy.graph.fast_shapes import shape_of_output
from striate.anatomy.graph.operators import Traits, traits_of


class Unrecordable(Exception):  # noqa: N818 - becomes a NetworkError that names the layer
    """The forward asks for a value where there are shapes alone."""


class Shapes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs each operator on meta tensors, constants that were made in the forward included.

    Nothing is drawn at random: that would move the generators of the process on, or the network's.
    With `values` it is a real forward that is listened to, on tensors that hold some.
    """

    def __init__(self, *, values: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values = values

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from loading its compiler, seconds of work, to say that it is not used."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Give what `func` would give, as far as shapes tell."""
        kwargs = kwargs or {}
        return self.run(func, traits_of(func), args, kwargs, tensors_of(args, kwargs))

    def run(self, func: Any, traits: Traits, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """Run one operator.

        Raises:
            Unrecordable: it would need values.
        """
        if not any(value.is_meta for value in tensors):
            if traits.random and not self.values:
                return _undrawn(func, traits, args, kwargs)
            return func(*args, **kwargs)
        if traits.value_wanted and tensors[0].is_meta:
            raise Unrecordable(traits.value_wanted)
        if traits.base == "index" and any(
            value.dtype == torch.bool and value.is_meta for value in tensors[1:]
        ):
            raise Unrecordable("positions are chosen by value")
        if not all(value.is_meta for value in tensors) or "device" in kwargs:
            # A constant made on the CPU inside the forward. What is written into it has no values:
            # the constant keeps its own, and its origin says that it holds something of the input.
            # A tensor that goes to a device stays where it is: there is nothing to move.
            if traits.in_place and not args[0].is_meta:
                return args[0]
            args, kwargs = _on_meta(args), {key: _on_meta(value) for key, value in kwargs.items()}
        elif not kwargs or traits.attention:
            quick = shape_of_output(traits, args)
            if quick is not None:
                return quick
        return func(*args, **kwargs)


def _undrawn(func: Any, traits: Traits, args: Any, kwargs: Any) -> Any:
    """Zeros where an operator would draw numbers, or the tensor that it would draw them into."""
    if traits.in_place:
        return args[0]
    plain = {key: None if key == "generator" else value for key, value in kwargs.items()}
    moved = {key: _on_meta(value) for key, value in plain.items()} | {"device": "meta"}
    takes_device = "device" in traits.arguments
    shapes = func(*_on_meta(args), **(moved if takes_device else plain))
    return tree_map_only(Tensor, lambda value: torch.zeros_like(value, device="cpu"), shapes)


def tensors_of(args: Sequence[Any], kwargs: Any) -> list[Tensor]:
    """All tensors among the arguments of an operator, those in lists included."""
    found: list[Tensor] = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(part for part in value if isinstance(part, Tensor))
    return found


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if value.is_meta else torch.empty_like(value, device="meta")
    if isinstance(value, list | tuple):
        return type(value)(_on_meta(part) for part in value)
    if isinstance(value, torch.device):
        return torch.device("meta")
    return value


class Functions(TorchFunctionMode):
    """Takes the functions that do on meta tensors something else than on any real device.

    Attention is one fused operator on processors and graphics cards, and a chain of products where
    there are shapes alone. Batch normalisation in training refuses a channel of one value, which a
    real batch has several times. Functions that ask whether all tensors are on one device find a
    constant that the forward made on the processor: they get its shape.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Call `func`, or what stands for it."""
        kwargs = kwargs or {}
        call = _INSTEAD.get(func, func)
        try:
            return call(*args, **kwargs)
        except RuntimeError as error:
            places = {value.is_meta for value in tensors_of(args, kwargs)}
            if "device" not in str(error).lower() or len(places) < 2:
                raise
        return call(*_on_meta(args), **{key: _on_meta(value) for key, value in kwargs.items()})


def _attention(  # noqa: PLR0917 - the function's own arguments
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Tensor:
    if query.is_meta and query.dim() == key.dim() == value.dim() == 3:  # as PyTorch does elsewhere
        heads = (query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0))
        return _attention(*heads, attn_mask, dropout_p, is_causal, **options).squeeze(0)
    mask = attn_mask
    fused = (
        query.is_meta
        and query.dim() == key.dim() == value.dim() == 4
        and query.shape[:2] == key.shape[:2] == value.shape[:2]
        and key.shape == value.shape
        and query.shape[3] == key.shape[3]
        and query.dtype == key.dtype == value.dtype
        and (mask is None or not mask.requires_grad)
    )
    if not fused:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, **options
        )
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill(mask.logical_not(), -torch.inf)
    found: Tensor = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, dropout_p, is_causal, attn_mask=mask, scale=options.get("scale")
    )[0]
    return found


def _batch_norm(  # noqa: PLR0917 - the function's own arguments
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    return torch.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, False
    )


#: The same code, which calls our attention.
_multi_head = FunctionType(
    F.multi_head_attention_forward.__code__,
    {**vars(F), "scaled_dot_product_attention": _attention},
    "multi_head_attention_forward",
    F.multi_head_attention_forward.__defaults__,
)

_INSTEAD: dict[Any, Any] = {
    F.scaled_dot_product_attention: _attention,
    F.multi_head_attention_forward: _multi_head,
    F.batch_norm: _batch_norm,
}
