"""What a network takes: the shapes of its inputs, as it states them itself wherever it does."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from striate.errors import NetworkError
from striate.hub.first_layer import COLOURS, image_channels, is_shape
from striate.hub.libraries import LIBRARIES

Shape = tuple[int, ...]
#: Of an image: height and width, or both as one number.
Size = int | tuple[int, int]

#: What a person's network takes if it does not say so: (channels, height, width).
USUAL = (COLOURS, 224, 224)

#: No image has a longer side, and no size of a tensor overflows.
LARGEST_SIDE = 65_536


def input_shapes(name: str, network: nn.Module, size: Size | None = None) -> tuple[Shape, ...]:
    """The shape of each input of `network`, (channels, height, width), whoever made it.

    Its attribute `input_size` first (one shape, or a tuple of them where it has several inputs),
    then what libraries note in their networks; else 224 pixels for each positional argument that
    `forward` demands, with the channels of the first convolution.

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
    package = type(network).__module__.partition(".")[0]
    foreign = package in {library.package for library in LIBRARIES.values()}
    stated: Any = None if foreign else getattr(network, "input_size", None)
    if stated is None or isinstance(stated, int):  # a number of one's own says no shape
        return _noted(network)
    shapes = (stated,) if is_shape(stated) else stated
    if isinstance(shapes, (tuple, list)) and shapes and all(map(is_shape, shapes)):
        return tuple(tuple(shape) for shape in shapes)
    raise NetworkError(
        f"network '{name}'",
        f"its input_size is {stated!r}",
        "make it (channels, height, width), or a tuple of such where it has several inputs",
    )


def _noted(network: nn.Module) -> tuple[Shape, ...]:
    """What the libraries' networks note, in their own ways."""
    for library in LIBRARIES.values():
        if shape := library.input_shape(network):
            return (shape,)
    return ()


def _guessed(network: nn.Module) -> tuple[Shape, ...]:
    try:
        parameters = inspect.signature(network.forward).parameters
    except (TypeError, ValueError):  # a forward that is no Python function
        return ((image_channels(network), *USUAL[1:]),)
    wanted = [
        each
        for each in parameters.values()
        if each.default is each.empty
        and each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ]
    return ((image_channels(network), *USUAL[1:]),) * max(len(wanted), 1)
