"""Count every network and write `catalogue.json`: run ``python -m striate.zoo.generate``.

Parameters are what training changes, auxiliary heads included; multiply-accumulates (MACs) are
those of convolutions and linear layers for one image of the paper's size at prediction time,
without auxiliary heads. Nothing is computed: the networks live on the meta device.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from striate.zoo.catalogue import FILE
from striate.zoo.create import NETWORKS, create
from striate.zoo.lenet import TableConv2d

# The paper of each family and the year when it appeared.
PAPERS = {
    "lenet": (
        "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition",
        1998,
    ),
    "alexnet": (
        "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional "
        "Neural Networks",
        2012,
    ),
    "alexnet_owt": (
        "Krizhevsky: One weird trick for parallelizing convolutional neural networks",
        2014,
    ),
    "vgg": (
        "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition",
        2014,
    ),
    "googlenet": ("Szegedy et al.: Going Deeper with Convolutions", 2014),
    "resnet": ("He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition", 2015),
}

# The family, which shares a recipe, and the title of each network.
TITLES = {
    "lenet": ("lenet", "LeNet, the textbook form: sigmoid, average pooling"),
    "lenet5": ("lenet", "LeNet-5 of 1998: C3 table, trainable sub-sampling, RBF output"),
    "alexnet": ("alexnet", "AlexNet: two groups, local response normalisation"),
    "alexnet_owt": ("alexnet", "AlexNet on one tower, as in torchvision"),
    "alexnet_half": ("alexnet", "AlexNet at half width, five classes"),
    "vgg11": ("vgg", "VGG-11 (A)"),
    "vgg13": ("vgg", "VGG-13 (B)"),
    "vgg16": ("vgg", "VGG-16 (D)"),
    "vgg19": ("vgg", "VGG-19 (E)"),
    "vgg11_bn": ("vgg", "VGG-11 with batch normalisation"),
    "vgg13_bn": ("vgg", "VGG-13 with batch normalisation"),
    "vgg16_bn": ("vgg", "VGG-16 with batch normalisation"),
    "vgg19_bn": ("vgg", "VGG-19 with batch normalisation"),
    "googlenet": ("googlenet", "GoogLeNet: local response normalisation, two auxiliary heads"),
    "googlenet_bn": ("googlenet", "GoogLeNet with batch normalisation, as in torchvision"),
    "resnet18": ("resnet", "ResNet-18"),
    "resnet34": ("resnet", "ResNet-34"),
    "resnet50": ("resnet", "ResNet-50, stride in the first 1×1"),
    "resnet101": ("resnet", "ResNet-101, stride in the first 1×1"),
    "resnet152": ("resnet", "ResNet-152, stride in the first 1×1"),
    "resnet50_v1_5": ("resnet_v1_5", "ResNet-50 v1.5: stride in the 3×3, as in torchvision"),
    "resnet101_v1_5": ("resnet_v1_5", "ResNet-101 v1.5: stride in the 3×3, as in torchvision"),
    "resnet152_v1_5": ("resnet_v1_5", "ResNet-152 v1.5: stride in the 3×3, as in torchvision"),
    "resnet20": ("resnet_cifar", "ResNet-20 for CIFAR"),
    "resnet32": ("resnet_cifar", "ResNet-32 for CIFAR"),
    "resnet44": ("resnet_cifar", "ResNet-44 for CIFAR"),
    "resnet56": ("resnet_cifar", "ResNet-56 for CIFAR"),
    "resnet110": ("resnet_cifar", "ResNet-110 for CIFAR"),
}


def count_parameters(network: nn.Module) -> int:
    """Count what training changes."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: nn.Module, image: torch.Tensor) -> int:
    """Count multiply-accumulates of convolution and linear layers for `image` (1, C, H, W)."""
    absent = 0

    def leave_out(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        # C3 of LeNet-5 runs as a dense convolution; kernels that are not in its table do not count.
        nonlocal absent
        if isinstance(layer, TableConv2d):
            absent += layer.absent_kernels * 25 * output.shape[2] * output.shape[3]

    hooks = [layer.register_forward_hook(leave_out) for layer in network.modules()]
    try:
        with FlopCounterMode(display=False) as counter:
            network.eval()(image)
    finally:
        for hook in hooks:
            hook.remove()
    flops: int = counter.get_total_flops()
    return flops // 2 - absent


def describe(name: str) -> dict[str, Any]:
    """Give the catalogue's entry of one network, freshly counted."""
    family, title = TITLES[name]
    paper, year = PAPERS[name if name in PAPERS else family.partition("_")[0]]
    with torch.device("meta"):
        network = create(name)
        size: tuple[int, int, int] = network.input_size  # type: ignore[assignment]
        image = torch.empty(1, *size)
        macs = count_macs(network, image)
    return {
        "name": name,
        "family": family,
        "title": title,
        "paper": paper,
        "year": year,
        "input": list(size),
        "classes": inspect.signature(NETWORKS[name]).parameters["classes"].default,
        "parameters": count_parameters(network),
        "macs": macs,
    }


def generate() -> str:
    """Give the whole catalogue as JSON, in the order of `NETWORKS`."""
    return json.dumps([describe(name) for name in NETWORKS], indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(generate(), encoding="utf-8")
