"""ZFNet: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

The authors projected feature maps back to pixels and saw what was wrong with AlexNet: its first
layer held filters of extreme frequencies and dead ones, its second aliasing from the stride of 4.
So the first layer became 7×7 with stride 2 (from 11×11 with 4) and the second took over a stride
of 2; one device makes the groups unnecessary. ImageNet's validation top-5 error fell from 18.1 %
(their AlexNet) to 16.5 % for one network and to 14.7 % for six (Table 2); with 512, 1024 and 512
maps in layers 3 to 5, one reaches 16.0 %. (The winner of ILSVRC 2013, 11.7 %, was an ensemble of
Zeiler's company, Clarifai, related to this network but not the same.)

Ours where the paper is silent: it prints no padding, and 224 → 110 → 55 → 26 → 13 → 6 needs one
pixel around the image and pools that round up; the contrast normalisation across maps has
AlexNet's constants; "all weights are initialised to 10⁻²" is read as N(0, 0.01²).

Departure: filters whose root mean square exceeds 0.1 are not scaled back to it during training.
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

# Fig. 3: (layer, maps, kernel size, stride, padding, output grid).
TABLE = (
    ("conv1", 96, 7, 2, 1, 110),
    ("pool1", 96, 3, 2, 0, 55),
    ("conv2", 256, 5, 2, 0, 26),
    ("pool2", 256, 3, 2, 0, 13),
    ("conv3", 384, 3, 1, 1, 13),
    ("conv4", 384, 3, 1, 1, 13),
    ("conv5", 256, 3, 1, 1, 13),
    ("pool5", 256, 3, 2, 0, 6),
    ("fc6", 4096, 1, 1, 0, 1),
    ("fc7", 4096, 1, 1, 0, 1),
    ("fc8", 1000, 1, 1, 0, 1),
)

# Maps of conv1 … conv5, then units of fc6 and of fc7.
WIDTHS = (96, 256, 384, 384, 256, 4096, 4096)


class ZFNet(Network):
    """Fig. 3: takes (N, in_channels, 224, 224), gives logits (N, classes)."""

    def __init__(
        self,
        widths: tuple[int, int, int, int, int, int, int] = WIDTHS,
        *,
        classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        c1, c2, c3, c4, c5, h6, h7 = widths
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (c1, c1, c2, c5, c5)
        self.conv1 = Conv2d(in_channels, c1, 7, stride=2, padding=1)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = LocalResponseNorm(5, alpha=1e-4, k=2.0)
        self.conv2 = Conv2d(c1, c2, 5, stride=2)
        self.pool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm2 = LocalResponseNorm(5, alpha=1e-4, k=2.0)
        self.conv3 = Conv2d(c2, c3, 3, padding=1)
        self.conv4 = Conv2d(c3, c4, 3, padding=1)
        self.conv5 = Conv2d(c4, c5, 3, padding=1)
        self.pool5 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.fc6 = Linear(c5 * 6 * 6, h6)
        self.dropout6 = nn.Dropout(dropout)
        self.fc7 = Linear(h6, h7)
        self.dropout7 = nn.Dropout(dropout)
        self.fc8 = Linear(h7, classes)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
                set_zero(layer.bias)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 256, 6, 6)."""
        check_input(x, "ZFNet", self.input_size[0], size=224)
        x = F.relu(self.conv1(x), inplace=True)  # 96×110×110
        x = self.pool1(collect(x, finer))  # 96×55×55
        x = self.norm1(x)  # 96×55×55
        x = F.relu(self.conv2(collect(x, finer)), inplace=True)  # 256×26×26
        x = self.pool2(collect(x, finer))  # 256×13×13
        x = self.norm2(x)  # 256×13×13
        x = F.relu(self.conv3(x), inplace=True)  # 384×13×13
        x = F.relu(self.conv4(x), inplace=True)  # 384×13×13
        x = F.relu(self.conv5(x), inplace=True)  # 256×13×13
        x = self.pool5(collect(x, finer))  # 256×6×6
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 4096)."""
        x = self.features(x).flatten(1)
        x = F.relu(self.fc6(x), inplace=True)  # 4096
        x = self.dropout6(x)  # 4096
        x = F.relu(self.fc7(x), inplace=True)  # 4096
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, 224, 224) to logits (N, classes)."""
        x = self.fc8(self.dropout7(self.embed(x)))  # 1000
        return x


def zfnet(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> ZFNet:
    """ZFNet, the paper's single network of Fig. 3."""
    return ZFNet(classes=classes, in_channels=in_channels, dropout=dropout)
