"""A copy of a network to run in its stead, so that nothing of the network itself can change.

Recording runs a network with other tensors, in another mode and with listeners on its modules. All
of that happens to a shadow: the same modules with the same settings in the same places, whose
parameters and buffers are whatever the caller puts there. The network may be used by other threads
meanwhile, and is afterwards what it was, whatever the forward did to its own attributes.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from striate.anatomy.graph.wrappers import unwrapped
from striate.errors import NetworkError

Convert = Callable[[Tensor], Tensor]

#: What nobody can change, and what is as good as new.
_ATOMS = (bool, int, float, complex, str, bytes, type(None), type, torch.dtype, torch.device)
_EMPTY = (OrderedDict, dict, list, set)
#: They alter gradients, never what a forward gives.
_BACKWARD = {"_backward_hooks", "_backward_pre_hooks"}


def shadow(network: nn.Module, convert: Convert, *, training: bool, title: str = "") -> nn.Module:
    """Copy `network`, with ``convert`` applied to each parameter and buffer, and in one mode.

    Attributes are copied as `copy.deepcopy` does, so that lists of modules and bound methods lead
    to the copies; what cannot be copied is shared. Wrappers of modules (torch.compile,
    DataParallel) are left out.

    Raises:
        NetworkError: a module is TorchScript, or has no shapes before its first batch.
    """
    name = title or type(network).__name__
    network = unwrapped(network, name)
    memo: dict[int, Any] = {}
    pairs: list[tuple[nn.Module, nn.Module]] = []
    for path, module in network.named_modules():
        inner = unwrapped(module, f"{name}, '{path}'" if path else name)
        if id(inner) not in memo:
            memo[id(inner)] = object.__new__(type(inner))
            pairs.append((inner, memo[id(inner)]))
        memo[id(module)] = memo[id(inner)]
        for key, value in (*inner._parameters.items(), *inner._buffers.items()):
            if value is not None and id(value) not in memo:
                full = f"{path}.{key}" if path else key
                memo[id(value)] = _converted(value, convert, f"{name}, '{full}'")
    for module, made in pairs:
        _fill(module, made, memo, training)
    found = memo[id(network)]
    assert isinstance(found, nn.Module)
    return found


def to_meta(value: Tensor) -> Tensor:
    """A tensor of the same shape and type that holds no values; a parameter stays one."""
    if value.is_contiguous():  # faster by far than asking for the like of it
        moved = torch.empty(value.shape, dtype=value.dtype, device="meta")
    else:
        moved = torch.empty_like(value, device="meta", requires_grad=False)
    if not isinstance(value, nn.Parameter):
        return moved
    return nn.Parameter(moved, requires_grad=moved.is_floating_point() or moved.is_complex())


def shared(value: Tensor) -> Tensor:
    """Parameters as they are, since no forward alters them; buffers copied, since it may."""
    return value if isinstance(value, nn.Parameter) else value.detach().clone()


def _converted(value: Tensor, convert: Convert, where: str) -> Tensor:
    if isinstance(value, UninitializedParameter | UninitializedBuffer):
        raise NetworkError(
            where,
            "has no shape before the first batch",
            "run the network once on an image, then look at it",
        )
    return convert(value)


def _fill(module: nn.Module, made: nn.Module, memo: dict[int, Any], training: bool) -> None:
    """Give `made` all attributes of `module`, with what `memo` has copied already in its place."""
    given = made.__dict__
    for key, value in vars(module).items():
        if key in {"_parameters", "_buffers", "_modules"}:
            given[key] = {k: None if v is None else memo[id(v)] for k, v in value.items()}
        elif key in _BACKWARD:
            given[key] = OrderedDict()
        elif key == "_compiled_call_impl":
            given[key] = None
        else:
            given[key] = _copied(value, memo)
    given["training"] = training


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, _ATOMS) or (
        type(value) is tuple and all(isinstance(each, _ATOMS) for each in value)
    ):
        return value
    if type(value) in _EMPTY and not value:
        return type(value)()
    if isinstance(value, Tensor) and not value.is_leaf:  # which deepcopy refuses
        return memo.setdefault(id(value), value.detach().clone())
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # a lock, a file, a generator: whatever its own copying says
        return value
