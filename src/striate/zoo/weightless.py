"""Networks without weights: modules made on the meta device, where a tensor is a shape alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

# What fills a tensor. On the meta device there is nothing to fill, and PyTorch takes its time over
# it: a ResNet-152 is made in less than half the time without.
_FILLING = {
    nn.init.uniform_,
    nn.init.normal_,
    nn.init.constant_,
    nn.init.kaiming_uniform_,
    *(
        getattr(Tensor, name)
        for name in ("uniform_", "normal_", "fill_", "zero_", "mul_", "add_", "erfinv_", "clamp_")
    ),
}

#: Tensors of so many values may be constants that a constructor computes with; larger ones are
#: weights.
SMALL = 4096


class _Unfilled(TorchFunctionMode):
    """Leaves meta tensors as they are where they would be filled with first weights."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _FILLING:
            target = args[0] if args else (kwargs or {}).get("tensor")
            if isinstance(target, Tensor) and target.is_meta:
                return target
        return func(*args, **(kwargs or {}))


class _SmallValues(TorchFunctionMode):
    """Makes tensors on the meta device, but small ones in earnest."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func not in _device_constructors() or given.get("device") is not None:
            return func(*args, **given)
        shape = func(*args, **given | {"device": "meta"})
        return func(*args, **given) if shape.numel() <= SMALL else shape


@contextlib.contextmanager
def weightless() -> Iterator[None]:
    """Modules made in this block have shapes and no weights: no memory, hardly any time."""
    with torch.device("meta"), _Unfilled():
        yield


@contextlib.contextmanager
def small_values() -> Iterator[None]:
    """As `weightless`, for constructors that read the values of small tensors.

    Rates of stochastic depth from a `torch.linspace`, RegNet's widths: these are real, with the
    small weights. `only_shapes` takes the latter out again.
    """
    # First weights are drawn for what is small; nobody else's numbers may hang on that.
    with torch.random.fork_rng(devices=[]), _SmallValues(), _Unfilled():
        yield


def only_shapes(network: nn.Module) -> None:
    """Put the parameters of `network` on the meta device; buffers, which may be constants, stay."""
    for module in network.modules():
        for name, value in module._parameters.items():
            if value is not None and not value.is_meta:
                empty = torch.empty_like(value, device="meta")
                module._parameters[name] = nn.Parameter(empty, requires_grad=value.requires_grad)
