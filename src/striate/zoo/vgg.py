"""VGG: Simonyan, Zisserman, "Very Deep Convolutional Networks for Image Recognition", ICLR 2015.

Nothing but 3×3 convolutions, 2×2 max pools and three dense layers: two 3×3 layers see what one 5×5
sees, three what a 7×7 sees, with fewer weights and more non-linearities between. Depth alone, from
11 to 19 layers, takes ImageNet's top-5 error from 10.4 % to 8.0 % at a single scale; second in
ILSVRC 2014 with 7.3 %.

`vgg11_lrn` (A-LRN) adds AlexNet's local response normalisation after the first layer, which helped
nothing (29.7 % top-1 error against 29.6 %, Table 3) and was dropped; `vgg16_c` (C) makes the last
convolution of the later stages 1×1: better than the 13 layers of B for its extra non-linearity,
worse than D (28.1 % against 27.0 %) for seeing less around each position.

Departures: the paper starts the deeper networks from a trained A; its footnote found that Glorot's
initialisation (2010) does without, and that is what all of ours start from, with zero biases. (Its
N(0, 0.1²) for A makes the first outputs larger by orders of magnitude.) For images other than 224
px the last map is pooled to 7×7, as in torchvision. The `_bn` networks, with batch normalisation
after every convolution (biases kept), are torchvision's addition; all eight equal torchvision's.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.layers import (
    Conv2d,
    Linear,
    LocalResponseNorm,
    Network,
    check_input,
    collect,
    set_zero,
)

# Table 1, columns A, B, D and E: number of 3×3 convolutions in each of the five stages, which have
# 64, 128, 256, 512 and 512 channels and end in a 2×2 max pool; then FC-4096, FC-4096, FC-1000.
# A-LRN is A with one normalisation after the first layer; C is D with a 1×1 convolution in place of
# the last 3×3 of the third, fourth and fifth stage.
TABLE_1 = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


class Stage(nn.Sequential):
    """Layers one after another, the last of which halves the grid."""

    def forward(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / 2, W / 2); the map before the pool goes to `finer`."""
        for layer in self:
            if isinstance(layer, nn.MaxPool2d):
                x = collect(x, finer)
            x = layer(x)
        return x


def stage(
    inputs: int,
    channels: int,
    count: int,
    batch_norm: bool,
    *,
    last: int = 3,
    response_norm: bool = False,
) -> Stage:
    """Make one stage: `count` 3×3 convolutions with ReLU, then the pool that halves the grid.

    `last` is the kernel size of the last convolution; `response_norm` normalises after it.
    """
    layers: list[nn.Module] = []
    for index in range(count):
        kernel = last if index == count - 1 else 3
        layers.append(Conv2d(inputs, channels, kernel, padding=kernel // 2))
        if batch_norm:
            layers.append(nn.BatchNorm2d(channels))
        layers.append(nn.ReLU(inplace=True))
        inputs = channels
    if response_norm:
        layers.append(LocalResponseNorm(5, alpha=1e-4, k=2.0))
    return Stage(*layers, nn.MaxPool2d(2))


class VGG(Network):
    """The networks of Table 1; `convolutions` counts them for each stage.

    `response_norm` normalises after the first stage's convolutions (A-LRN); `last` is the kernel
    size of the last convolution in the last three stages (C: 1).

    Takes (N, in_channels, H, W) from 32 px up (the paper: 224) and gives logits (N, classes).
    """

    def __init__(
        self,
        convolutions: tuple[int, int, int, int, int],
        *,
        batch_norm: bool = False,
        response_norm: bool = False,
        last: int = 3,
        classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        self.strides = (1, 2, 4, 8, 16, 32)
        self.channels = (64, 128, 256, 512, 512, 512)
        self.conv1 = stage(
            in_channels, 64, convolutions[0], batch_norm, response_norm=response_norm
        )
        self.conv2 = stage(64, 128, convolutions[1], batch_norm)
        self.conv3 = stage(128, 256, convolutions[2], batch_norm, last=last)
        self.conv4 = stage(256, 512, convolutions[3], batch_norm, last=last)
        self.conv5 = stage(512, 512, convolutions[4], batch_norm, last=last)
        self.pool = nn.AdaptiveAvgPool2d((7, 7))
        self.fc6 = Linear(512 * 7 * 7, 4096)
        self.dropout6 = nn.Dropout(dropout)
        self.fc7 = Linear(4096, 4096)
        self.dropout7 = nn.Dropout(dropout)
        self.fc8 = Linear(4096, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                set_zero(layer.bias)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 512, H / 32, W / 32)."""
        check_input(x, "VGG", self.input_size[0], minimum=32)
        x = self.conv1(x, finer)  # 64×112×112
        x = self.conv2(x, finer)  # 128×56×56
        x = self.conv3(x, finer)  # 256×28×28
        x = self.conv4(x, finer)  # 512×14×14
        x = self.conv5(x, finer)  # 512×7×7
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 4096)."""
        x = self.pool(self.features(x))  # 512×7×7
        x = F.relu(self.fc6(x.flatten(1)), inplace=True)  # 4096
        x = self.dropout6(x)  # 4096
        x = F.relu(self.fc7(x), inplace=True)  # 4096
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc8(self.dropout7(self.embed(x)))  # 1000
        return x


def vgg11(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-11, the paper's A."""
    return VGG(TABLE_1[11], classes=classes, in_channels=in_channels, dropout=dropout)


def vgg11_bn(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-11 with batch normalisation."""
    return VGG(
        TABLE_1[11], batch_norm=True, classes=classes, in_channels=in_channels, dropout=dropout
    )


def vgg11_lrn(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-11 with local response normalisation, the paper's A-LRN."""
    return VGG(
        TABLE_1[11], response_norm=True, classes=classes, in_channels=in_channels, dropout=dropout
    )


def vgg13(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-13, the paper's B."""
    return VGG(TABLE_1[13], classes=classes, in_channels=in_channels, dropout=dropout)


def vgg13_bn(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-13 with batch normalisation."""
    return VGG(
        TABLE_1[13], batch_norm=True, classes=classes, in_channels=in_channels, dropout=dropout
    )


def vgg16(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-16, the paper's D."""
    return VGG(TABLE_1[16], classes=classes, in_channels=in_channels, dropout=dropout)


def vgg16_bn(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-16 with batch normalisation."""
    return VGG(
        TABLE_1[16], batch_norm=True, classes=classes, in_channels=in_channels, dropout=dropout
    )


def vgg16_c(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-16 with three 1×1 convolutions, the paper's C."""
    return VGG(TABLE_1[16], last=1, classes=classes, in_channels=in_channels, dropout=dropout)


def vgg19(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-19, the paper's E."""
    return VGG(TABLE_1[19], classes=classes, in_channels=in_channels, dropout=dropout)


def vgg19_bn(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG-19 with batch normalisation."""
    return VGG(
        TABLE_1[19], batch_norm=True, classes=classes, in_channels=in_channels, dropout=dropout
    )
