"""What a network's first layers say of the images that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import nn

#: Of colour images: what is taken where no convolution says otherwise.
COLOURS = 3


def image_channels(network: nn.Module) -> int:
    """Channels of the images, by the first convolution.

    Where layers before it fold the pixels of squares into channels, as TResNet's first does with
    4×4 of them, an image has that many channels less.
    """
    folded = 1
    for module in network.modules():
        folded *= _folding(module)
        if isinstance(module, nn.Conv2d):
            channels, rest = divmod(module.in_channels, folded)
            return module.in_channels if rest else channels
    return COLOURS


def _folding(module: nn.Module) -> int:
    """How many pixels `module` puts into the channels of one; 1 for what does no such thing."""
    if isinstance(module, nn.PixelUnshuffle):
        return module.downscale_factor**2
    side = getattr(module, "bs", 1)  # timm's
    return side**2 if type(module).__name__ == "SpaceToDepth" and isinstance(side, int) else 1


def is_shape(value: object) -> TypeGuard[Sequence[int]]:
    """Whether `value` is a sequence of whole numbers above 0."""
    return (
        isinstance(value, (tuple, list, torch.Size))
        and len(value) > 0
        and all(isinstance(each, int) and each > 0 for each in value)
    )
