"""From a name to a network: the one place that knows every constructor."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from striate.errors import NetworkError, nearest
from striate.zoo import alexnet, googlenet, lenet, resnet, vgg

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "lenet": lenet.lenet,
    "lenet5": lenet.lenet5,
    "alexnet": alexnet.alexnet,
    "alexnet_owt": alexnet.alexnet_owt,
    "alexnet_half": alexnet.alexnet_half,
    "vgg11": vgg.vgg11,
    "vgg13": vgg.vgg13,
    "vgg16": vgg.vgg16,
    "vgg19": vgg.vgg19,
    "vgg11_bn": vgg.vgg11_bn,
    "vgg13_bn": vgg.vgg13_bn,
    "vgg16_bn": vgg.vgg16_bn,
    "vgg19_bn": vgg.vgg19_bn,
    "googlenet": googlenet.googlenet,
    "googlenet_bn": googlenet.googlenet_bn,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
    "resnet50_v1_5": resnet.resnet50_v1_5,
    "resnet101_v1_5": resnet.resnet101_v1_5,
    "resnet152_v1_5": resnet.resnet152_v1_5,
    "resnet20": resnet.resnet20,
    "resnet32": resnet.resnet32,
    "resnet44": resnet.resnet44,
    "resnet56": resnet.resnet56,
    "resnet110": resnet.resnet110,
}

# The keywords of every constructor; the others are its variants.
SIZES = ("classes", "in_channels")


def create(
    name: str, classes: int | None = None, in_channels: int | None = None, **variant: Any
) -> nn.Module:
    """Create the network called `name` with freshly initialised weights.

    Parameters
    ----------
    name: a name of the catalogue, for example ``resnet18``.
    classes: number of classes; None = the paper's (1000 for ImageNet networks).
    in_channels: channels of the images; None = the paper's (1 for digits, else 3).
    variant: the network's own choices, the keywords of its constructor: ``auxiliary`` (GoogLeNet),
        ``shortcut`` (ResNet), ``dropout`` (networks that have it).

    Returns
    -------
    A module that maps float images (N, in_channels, H, W) to logits (N, classes); its `input_size`
    is the paper's (channels, height, width). Weights follow `torch.manual_seed`.

    Raises
    ------
    NetworkError: for an unknown name or variant, with the nearest one; for sizes below 1.
    """
    if name not in NETWORKS:
        raise NetworkError(f"network '{name}'", "not in the catalogue", nearest(name, NETWORKS))
    build = NETWORKS[name]
    choices = [key for key in inspect.signature(build).parameters if key not in SIZES]
    for key in variant:
        if key not in choices:
            remedy = nearest(key, choices) if choices else "it has no variants"
            raise NetworkError(f"variant '{key}'", f"{name} does not have it", remedy)
    for key, value in (("classes", classes), ("in_channels", in_channels)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise NetworkError(f"{key} {value!r}", "not a whole number of 1 or more")
        variant[key] = value
    return build(**variant)
