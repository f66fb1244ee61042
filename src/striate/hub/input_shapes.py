"""What a network takes: the shapes of its inputs, as it states them itself wherever it does."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import torch
from torch import nn

from striate.errors import NetworkError
from striate.hub.names import PREFIXES

Shape = tuple[int, ...]
#: Of an image: height and width, or both as one number.
Size = int | tuple[int, int]

#: What a person's network takes if it does not say so: (channels, height, width).
USUAL = (3, 224, 224)

#: No image has a longer side, and no size of a tensor overflows.
LARGEST_SIDE = 65_536


def input_shapes(name: str, network: nn.Module, size: Size | None = None) -> tuple[Shape, ...]:
    """The shape of each input of `network`, (channels, height, width), whoever made it.

    Its own `input_size` first (one shape, or a tuple of them where it has several inputs), then
    what timm and torchvision note in their networks (``patch_embed.img_size``,
    ``pretrained_cfg``, ``image_size``; 299 pixels for torchvision's Inception v3); else 224 pixels
    for each positional argument that `forward` demands, with the channels of the first convolution.

    Raises:
        NetworkError: the network called `name` states what is no shape, or `size` is none.
    """
    shapes = _stated(name, network) or _guessed(network)
    if size is None:
        return shapes
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise NetworkError(f"size {height}×{width}", "must be at least 1×1 pixels", "")
    if max(height, width) > LARGEST_SIDE:
        raise NetworkError(
            f"size {height}×{width}", f"no image has a side over {LARGEST_SIDE:,} pixels", ""
        )
    return tuple((*shape[:-2], height, width) if len(shape) > 2 else shape for shape in shapes)


def _stated(name: str, network: nn.Module) -> tuple[Shape, ...]:
    # The libraries' networks mean other things by names that are ours.
    library = type(network).__module__.partition(".")[0]
    stated: Any = None if library in PREFIXES else getattr(network, "input_size", None)
    if stated is None or isinstance(stated, int):  # a number of one's own says no shape
        return _noted(network)
    shapes = (stated,) if _is_shape(stated) else stated
    if isinstance(shapes, (tuple, list)) and shapes and all(map(_is_shape, shapes)):
        return tuple(tuple(shape) for shape in shapes)
    raise NetworkError(
        f"network '{name}'",
        f"its input_size is {stated!r}",
        "make it (channels, height, width), or a tuple of such where it has several inputs",
    )


def _noted(network: nn.Module) -> tuple[Shape, ...]:
    """What the libraries' networks note, in their own ways."""
    channels = _channels(network)
    # What a patch embedding was made for outdoes what the weights of that name were trained on.
    side = getattr(getattr(network, "patch_embed", None), "img_size", None)
    if _is_shape(side) and len(side) == 2:
        return ((channels, *side),)
    for attribute in ("pretrained_cfg", "default_cfg"):
        noted = getattr(network, attribute, None)
        given = noted.get("input_size") if isinstance(noted, Mapping) else None
        if _is_shape(given):
            if len(given) == 3 and not _folded(channels, given[0]):
                given = (channels, *given[1:])
            return (tuple(given),)
    if type(network).__module__.startswith("torchvision.models"):
        side = getattr(network, "image_size", None)  # of vision transformers
        if type(network).__name__ == "Inception3":
            side = 299
        if isinstance(side, int):
            return ((channels, side, side),)
    return ()


def _folded(taken: int, noted: int) -> bool:
    """Whether a convolution takes the pixels of squares as channels: 48 for 4×4 of 3 colours."""
    squares, rest = divmod(taken, noted)
    return rest == 0 and squares > 1 and math.isqrt(squares) ** 2 == squares


def _is_shape(value: object) -> TypeGuard[Sequence[int]]:
    return (
        isinstance(value, (tuple, list, torch.Size))
        and len(value) > 0
        and all(isinstance(each, int) and each > 0 for each in value)
    )


def _channels(network: nn.Module) -> int:
    """Of the images, by the first convolution."""
    first = next((each for each in network.modules() if isinstance(each, nn.Conv2d)), None)
    return USUAL[0] if first is None else first.in_channels


def _guessed(network: nn.Module) -> tuple[Shape, ...]:
    try:
        parameters = inspect.signature(network.forward).parameters
    except (TypeError, ValueError):  # a forward that is no Python function
        return ((_channels(network), *USUAL[1:]),)
    wanted = [
        each
        for each in parameters.values()
        if each.default is each.empty
        and each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ]
    return ((_channels(network), *USUAL[1:]),) * max(len(wanted), 1)
