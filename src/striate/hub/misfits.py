"""What to do about weights that do not fit a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate.hub.found import Found
from striate.hub.state_dicts import few
from striate.zoo.catalogue import entries
from striate.zoo.create import create
from striate.zoo.weightless import weightless

#: Names of auxiliary heads, here and in other libraries.
_HEADS = re.compile(r"aux", re.IGNORECASE)


def remedy_for(found: Found, network: nn.Module) -> str:
    """What to do about `found`, which does not fit `network`."""
    advice = _other_channels(found.state, network) or _suggestion(found)
    return advice or (f"give weights of {found.network}" if found.network else "")


def _other_channels(state: Mapping[str, Tensor], network: nn.Module) -> str:
    """Whether the first kernel in `state` is for images of other channels than the network's."""
    kernels = ((n, v.shape) for n, v in network.state_dict().items() if v.dim() == 4)
    name, ours = next(kernels, ("", torch.Size()))
    theirs = state[name].shape if name in state else ours
    if len(theirs) != 4 or theirs[1] == ours[1]:
        return ""
    if (theirs[:1], theirs[2:]) != (ours[:1], ours[2:]):
        return ""
    return (
        f"they are for images of {theirs[1]} channels, not of {ours[1]}: "
        "give such images, or start without weights"
    )


def _suggestion(found: Found) -> str:
    """What to do about tensors that do not fit: which networks of the catalogue have their shapes.

    Where those of the network that was asked for are the same, it is the names that differ.
    """
    state = found.state
    trained = {n: v.numel() for n, v in state.items() if "running_" not in n and v.dim()}
    sizes = (sum(trained.values()), sum(n for name, n in trained.items() if not _HEADS.match(name)))
    shapes, fitting = _shapes(state), []
    for one in entries():
        if all(abs(one.parameters - size) > 0.1 * size for size in sizes):
            continue
        with weightless():
            network = create(one.name).state_dict()
        if _shapes(network) != shapes:
            continue
        if one.name == found.network:
            theirs = next((key for key in state if key not in network), "")
            ours = next((key for key in network if key not in state), "")
            named = f"they say '{few([theirs])}', it '{ours}': " if theirs and ours else ""
            return f"their shapes are its own, their names are not ({named}rename them)"
        fitting.append(one.name)
    return f"their shapes are those of {' or '.join(fitting[:3])}" if fitting else ""


def _shapes(state: Mapping[str, Tensor]) -> Counter[tuple[int, ...]]:
    """How often each shape of a kernel occurs, without the outputs: classes may differ.

    Auxiliary heads, which a network may be created without, do not count.
    """
    kernels = (v for name, v in state.items() if v.dim() > 1 and not _HEADS.match(name))
    return Counter(tuple(kernel.shape[1:]) for kernel in kernels)
