"""The network within what makes it faster, copies it or spreads it over devices."""

from __future__ import annotations

import torch
from torch import nn

from striate.errors import NetworkError


def unwrapped(network: nn.Module, name: str) -> nn.Module:
    """The network within what makes it faster, copies it or spreads it over devices.

    Raises:
        NetworkError: it is a TorchScript program, whose layers cannot be followed.
    """
    while True:
        if isinstance(network, torch.jit.ScriptModule):
            raise NetworkError(
                f"network '{name}'",
                "is a TorchScript program, whose layers cannot be followed",
                "give the module that it was made from",
            )
        inner = getattr(network, "_orig_mod", None)  # torch.compile
        if inner is None and _wraps(network):
            inner = getattr(network, "module", None)
        if not isinstance(inner, nn.Module):
            return network
        network = inner


#: Classes that compute what their ``module`` computes, and nothing else, by where they come from.
_WRAPPERS = {
    "torch": {
        "DataParallel",
        "DistributedDataParallel",
        "FullyShardedDataParallel",
        "AveragedModel",
    },
    "timm": {"ModelEma", "ModelEmaV2", "ModelEmaV3"},
    "apex": {"DistributedDataParallel"},
    "fairscale": {"FullyShardedDataParallel", "ShardedDataParallel"},
    "deepspeed": {"DeepSpeedEngine"},
}


def _wraps(network: nn.Module) -> bool:
    return any(
        kind.__name__ in _WRAPPERS.get(kind.__module__.partition(".")[0], ())
        for kind in type(network).__mro__
    )
