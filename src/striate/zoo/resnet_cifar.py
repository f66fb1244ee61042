"""Residual networks for CIFAR-10: He et al., "Deep Residual Learning …", CVPR 2016, Sec. 4.2.

A laboratory for depth: images of 32 px, three stages of 16, 32 and 64 channels, 6n + 2 layers, and
option A's shortcuts without parameters, so that a residual network has exactly the parameters of
its plain counterpart. Plain networks get worse from 20 layers on and do not train at 110 (more than
60 % error, Fig. 6 left); residual ones get better: 8.75 % error with 20 layers, 7.51 with 32, 7.17
with 44, 6.97 with 56, 6.43 with 110 (best of five). 1202 layers still train below 0.1 % training
error, but test worse (7.93 %): 19.4 million parameters are too many for so small a set (Table 6).

`checkpointing` trains the deep ones in little memory, with results that are the same to the bit.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.attention import Attention
from striate.zoo.checkpointing import Stage
from striate.zoo.layers import Conv2d, Linear, Network, check_input, collect, initialise
from striate.zoo.resnet import Form, Shortcut, make_blocks

# Sec. 4.2: a 3×3 convolution, then 2n layers for each of three feature map sizes: 6n + 2 layers.
# Table 6: the depths and their n.
TABLE_6 = {20: 3, 32: 5, 44: 7, 56: 9, 110: 18, 1202: 200}


class CifarResNet(Network):
    """The CIFAR networks of Sec. 4.2, 6n + 2 layers deep.

    Takes (N, in_channels, H, W) of any size (the paper: 32) and gives logits (N, classes).
    """

    def __init__(
        self,
        n: int,
        form: Form,
        *,
        checkpointing: bool = False,
        classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 32, 32)
        self.strides = (1, 2, 4)
        self.channels = (16, 32, 64)

        def stage(inputs: int, channels: int, stride: int) -> Stage:
            blocks = make_blocks(inputs, channels, stride, n, form)
            return Stage(*blocks, checkpointing=checkpointing)

        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.stage1 = stage(16, 16, 1)
        self.stage2 = stage(16, 32, 2)
        self.stage3 = stage(32, 64, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(64, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 64, H / 4, W / 4)."""
        check_input(x, "CifarResNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 16×32×32
        x = self.stage1(x)  # 16×32×32
        x = self.stage2(collect(x, finer))  # 32×16×16
        x = self.stage3(collect(x, finer))  # 64×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 64)."""
        x = self.pool(self.features(x))  # 64×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 10
        return x


def _network(
    depth: int, form: Form, checkpointing: bool, classes: int, in_channels: int
) -> CifarResNet:
    """The row of Table 6 with so many layers, or its plain counterpart."""
    return CifarResNet(
        TABLE_6[depth], form, checkpointing=checkpointing, classes=classes, in_channels=in_channels
    )


def plain20(classes: int = 10, in_channels: int = 3, checkpointing: bool = False) -> CifarResNet:
    """Plain-20 for CIFAR: ResNet-20 without its shortcuts."""
    return _network(20, Form(residual=False), checkpointing, classes, in_channels)


def plain32(classes: int = 10, in_channels: int = 3, checkpointing: bool = False) -> CifarResNet:
    """Plain-32 for CIFAR: ResNet-32 without its shortcuts."""
    return _network(32, Form(residual=False), checkpointing, classes, in_channels)


def plain44(classes: int = 10, in_channels: int = 3, checkpointing: bool = False) -> CifarResNet:
    """Plain-44 for CIFAR: ResNet-44 without its shortcuts."""
    return _network(44, Form(residual=False), checkpointing, classes, in_channels)


def plain56(classes: int = 10, in_channels: int = 3, checkpointing: bool = False) -> CifarResNet:
    """Plain-56 for CIFAR: ResNet-56 without its shortcuts."""
    return _network(56, Form(residual=False), checkpointing, classes, in_channels)


def plain110(classes: int = 10, in_channels: int = 3, checkpointing: bool = False) -> CifarResNet:
    """Plain-110 for CIFAR: ResNet-110 without its shortcuts."""
    return _network(110, Form(residual=False), checkpointing, classes, in_channels)


def resnet20(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarResNet:
    """ResNet-20 for CIFAR (n = 3)."""
    form = Form(shortcut=shortcut, attention=attention)
    return _network(20, form, checkpointing, classes, in_channels)


def resnet32(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarResNet:
    """ResNet-32 for CIFAR (n = 5)."""
    form = Form(shortcut=shortcut, attention=attention)
    return _network(32, form, checkpointing, classes, in_channels)


def resnet44(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarResNet:
    """ResNet-44 for CIFAR (n = 7)."""
    form = Form(shortcut=shortcut, attention=attention)
    return _network(44, form, checkpointing, classes, in_channels)


def resnet56(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarResNet:
    """ResNet-56 for CIFAR (n = 9)."""
    form = Form(shortcut=shortcut, attention=attention)
    return _network(56, form, checkpointing, classes, in_channels)


def resnet110(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarResNet:
    """ResNet-110 for CIFAR (n = 18)."""
    form = Form(shortcut=shortcut, attention=attention)
    return _network(110, form, checkpointing, classes, in_channels)


def resnet1202(
    classes: int = 10,
    in_channels: int = 3,
    shortcut: Shortcut = "A",
    attention: Attention = None,
    checkpointing: bool = False,
) -> CifarResNet:
    """ResNet-1202 for CIFAR (n = 200)."""
    form = Form(shortcut=shortcut, attention=attention)
    return _network(1202, form, checkpointing, classes, in_channels)
