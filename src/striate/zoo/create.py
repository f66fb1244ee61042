"""From a name to a network: the one place that knows every constructor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from striate.errors import NetworkError, nearest
from striate.support.text import printable
from striate.zoo import (
    alexnet,
    cspdarknet,
    darknet,
    googlenet,
    hrnet,
    inception_resnet,
    inception_v2,
    inception_v3,
    inception_v4,
    lenet,
    mnist_example,
    nin,
    preact_resnet,
    resnet,
    resnet_cifar,
    variants,
    vgg,
    xception,
    yolov4,
    zfnet,
)
from striate.zoo.layers import Network

#: Networks that classify.
NETWORKS: dict[str, Callable[..., Network]] = {
    "lenet": lenet.lenet,
    "lenet5": lenet.lenet5,
    "alexnet": alexnet.alexnet,
    "alexnet_owt": alexnet.alexnet_owt,
    "alexnet_half": alexnet.alexnet_half,
    "zfnet": zfnet.zfnet,
    "nin": nin.nin,
    "nin_cifar": nin.nin_cifar,
    "vgg11": vgg.vgg11,
    "vgg11_lrn": vgg.vgg11_lrn,
    "vgg13": vgg.vgg13,
    "vgg16_c": vgg.vgg16_c,
    "vgg16": vgg.vgg16,
    "vgg19": vgg.vgg19,
    "vgg11_bn": vgg.vgg11_bn,
    "vgg13_bn": vgg.vgg13_bn,
    "vgg16_bn": vgg.vgg16_bn,
    "vgg19_bn": vgg.vgg19_bn,
    "googlenet": googlenet.googlenet,
    "googlenet_bn": googlenet.googlenet_bn,
    "googlenet_naive": googlenet.googlenet_naive,
    "inception_v2": inception_v2.inception_v2,
    "inception_v3": inception_v3.inception_v3,
    "plain18": resnet.plain18,
    "plain34": resnet.plain34,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
    "resnet50_v1_5": resnet.resnet50_v1_5,
    "resnet101_v1_5": resnet.resnet101_v1_5,
    "resnet152_v1_5": resnet.resnet152_v1_5,
    "plain20": resnet_cifar.plain20,
    "plain32": resnet_cifar.plain32,
    "plain44": resnet_cifar.plain44,
    "plain56": resnet_cifar.plain56,
    "plain110": resnet_cifar.plain110,
    "resnet20": resnet_cifar.resnet20,
    "resnet32": resnet_cifar.resnet32,
    "resnet44": resnet_cifar.resnet44,
    "resnet56": resnet_cifar.resnet56,
    "resnet110": resnet_cifar.resnet110,
    "resnet1202": resnet_cifar.resnet1202,
    "preact_resnet110": preact_resnet.preact_resnet110,
    "preact_resnet164": preact_resnet.preact_resnet164,
    "preact_resnet1001": preact_resnet.preact_resnet1001,
    "preact_resnet200": preact_resnet.preact_resnet200,
    "inception_v4": inception_v4.inception_v4,
    "inception_resnet_v1": inception_resnet.inception_resnet_v1,
    "inception_resnet_v2": inception_resnet.inception_resnet_v2,
    "inception_resnet_v2_figures": inception_resnet.inception_resnet_v2_figures,
    "xception": xception.xception,
    "xception_timm": xception.xception_timm,
    "se_inception": inception_v2.se_inception,
    "se_resnet50": resnet.se_resnet50,
    "se_resnet50_v1_5": resnet.se_resnet50_v1_5,
    "darknet53": darknet.darknet53,
    "darknet53_timm": darknet.darknet53_timm,
    "cbam_resnet50": resnet.cbam_resnet50,
    "hrnet_w18": hrnet.hrnet_w18,
    "hrnet_w32": hrnet.hrnet_w32,
    "hrnet_w48": hrnet.hrnet_w48,
    "cspdarknet53": cspdarknet.cspdarknet53,
    "cspdarknet53_timm": cspdarknet.cspdarknet53_timm,
    "mnist_example": mnist_example.mnist_example,
}

#: Networks that find boxes.
DETECTORS: dict[str, Callable[..., yolov4.Detector]] = {
    "yolov4": yolov4.yolov4,
    "yolov4_tiny": yolov4.yolov4_tiny,
}

#: All networks, in the catalogue's order.
CONSTRUCTORS: dict[str, Callable[..., Network]] = {**NETWORKS, **DETECTORS}


def create(
    name: str, classes: int | None = None, in_channels: int | None = None, **variant: Any
) -> Network:
    """Create the network called `name` with freshly initialised weights.

    Args:
        name: a name of the catalogue, for example ``resnet18``.
        classes: number of classes; None = the paper's (1000 for ImageNet networks).
        in_channels: channels of the images; None = the paper's (1 for digits, else 3).
        **variant: the network's own choices, the keywords of its constructor: ``auxiliary``
            (GoogLeNet, Inception v3), ``shortcut`` (residual networks), ``attention`` (every
            residual and Inception network; not the plain ones), ``dropout`` (networks that have it)
            and others.

    Returns:
        A module that maps float images (N, in_channels, H, W) to logits (N, classes), or a
        `striate.zoo.yolov4.Detector`, which maps them to the maps of its heads; its
        `input_size` is the paper's (channels, height, width). Weights follow `torch.manual_seed`.

    Raises:
        NetworkError: for an unknown name or variant, with the nearest one; for a variant's value
            that the constructor does not take; for sizes below 1.
    """
    return build(name, classes=classes, in_channels=in_channels, variant=variant)


def build(
    name: str,
    *,
    classes: int | None = None,
    in_channels: int | None = None,
    variant: Mapping[str, Any],
) -> Network:
    """`create` for choices that a file may have named: no key of `variant` is anything else."""
    options = canonical(name, variant)
    for key, value in (("classes", classes), ("in_channels", in_channels)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise NetworkError(f"{key} {value!r}", "not a whole number of 1 or more")
        options[key] = value
    return _constructor(name)(**options)


def canonical(name: str, variant: Mapping[str, Any]) -> dict[str, Any]:
    """`variant` as the network called `name` takes it and as a run keeps it: plain values alone.

    Raises:
        NetworkError: for an unknown name, choice or value.
    """
    return variants.checked(name, _constructor(name), variant)


def choices(name: str) -> dict[str, Any]:
    """Give the variants of the network called `name` with their defaults."""
    return variants.choices(CONSTRUCTORS[name])


def _constructor(name: str) -> Callable[..., Network]:
    if name in CONSTRUCTORS:
        return CONSTRUCTORS[name]
    what = f"network '{printable(name)}'"
    if ":" in name or name.endswith(".py"):
        place = printable(name.rpartition(":")[0] or name)
        raise NetworkError(what, "is not of the catalogue", f"import it from {place}")
    raise NetworkError(what, "not in the catalogue", nearest(name, CONSTRUCTORS))
