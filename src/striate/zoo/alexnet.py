"""AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep CNNs", NIPS 2012.

Five convolutional and three dense layers on two GPUs, 60 million parameters: rectified linear
units make it trainable, dropout and shifted, mirrored and recoloured images keep it from
memorising, local response normalisation and overlapping pooling take another percent off. 16.4 %
top-5 error on ImageNet's validation set with 5 networks, 18.2 % with one (10 crops); the next best
entry of ILSVRC 2012 had 26.2 %.

`alexnet` is the paper's network on one device: the two towers are two groups of conv2, conv4 and
conv5, which see only their own half. The text says 224×224 images, its arithmetic needs 227.

`alexnet_owt` is the single tower of "One weird trick for parallelizing convolutional neural
networks" (Krizhevsky 2014) as torchvision has it: other widths, no groups, no normalisation,
images of any size from 63 px (the 6×6 grid is pooled for). That paper gives no initialisation:
ours is He's with zero biases, which keeps the signal's size through the depth; dropout comes
before each hidden dense layer.

`alexnet_half` is one tower of the paper at half width without normalisation, in the form taught
with five classes of flowers: He initialisation by outputs for convolutions, N(0, 0.01²) for dense
layers.
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
    he_normal,
    set_zero,
)

# Sec. 3.5, Fig. 2: (layer, kernels, kernel size, stride, groups, output grid).
TABLE = (
    ("conv1", 96, 11, 4, 1, 55),
    ("pool1", 96, 3, 2, 1, 27),
    ("conv2", 256, 5, 1, 2, 27),
    ("pool2", 256, 3, 2, 1, 13),
    ("conv3", 384, 3, 1, 1, 13),
    ("conv4", 384, 3, 1, 2, 13),
    ("conv5", 256, 3, 1, 2, 13),
    ("pool5", 256, 3, 2, 1, 6),
    ("fc6", 4096, 1, 1, 1, 1),
    ("fc7", 4096, 1, 1, 1, 1),
    ("fc8", 1000, 1, 1, 1, 1),
)

# Channels of conv1 … conv5, then units of fc6 and fc7, of the two single towers.
OWT_WIDTHS = (64, 192, 384, 256, 256, 4096)
HALF_WIDTHS = (48, 128, 192, 192, 128, 2048)


class AlexNet(Network):
    """The paper's network: takes (N, in_channels, 227, 227), gives logits (N, classes)."""

    def __init__(self, classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.input_size = (in_channels, 227, 227)
        self.strides = (4, 8, 16, 32)
        self.channels = (96, 256, 256, 256)
        self.conv1 = Conv2d(in_channels, 96, 11, stride=4)
        self.norm1 = LocalResponseNorm(5, alpha=1e-4, k=2.0)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = Conv2d(96, 256, 5, padding=2, groups=2)
        self.norm2 = LocalResponseNorm(5, alpha=1e-4, k=2.0)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = Conv2d(256, 384, 3, padding=1)
        self.conv4 = Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = Conv2d(384, 256, 3, padding=1, groups=2)
        self.pool5 = nn.MaxPool2d(3, stride=2)
        self.fc6 = Linear(256 * 6 * 6, 4096)
        self.dropout6 = nn.Dropout(dropout)
        self.fc7 = Linear(4096, 4096)
        self.dropout7 = nn.Dropout(dropout)
        self.fc8 = Linear(4096, classes)
        self._initialise()

    def _initialise(self) -> None:
        """Sec. 5: N(0, 0.01²); biases 1 in conv2, conv4, conv5, fc6 and fc7, else 0."""
        for layer in self.children():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
                set_zero(layer.bias)
        for layer in (self.conv2, self.conv4, self.conv5, self.fc6, self.fc7):
            if layer.bias is not None:
                nn.init.ones_(layer.bias)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 256, 6, 6)."""
        check_input(x, "AlexNet", self.input_size[0], size=227)
        x = F.relu(self.conv1(x), inplace=True)  # 96×55×55
        x = self.norm1(x)  # 96×55×55
        x = self.pool1(collect(x, finer))  # 96×27×27
        x = F.relu(self.conv2(x), inplace=True)  # 256×27×27
        x = self.norm2(x)  # 256×27×27
        x = self.pool2(collect(x, finer))  # 256×13×13
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
        """Map (N, in_channels, 227, 227) to logits (N, classes)."""
        x = self.fc8(self.dropout7(self.embed(x)))  # 1000
        return x


class SingleTower(Network):
    """`alexnet_owt` and `alexnet_half`: `widths` of conv1 … conv5 and of the hidden layers."""

    def __init__(
        self,
        widths: tuple[int, int, int, int, int, int],
        *,
        classes: int,
        in_channels: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        c1, c2, c3, c4, c5, hidden = widths
        self.strides = (4, 8, 16, 32)
        self.channels = (c1, c2, c5, c5)
        self.conv1 = Conv2d(in_channels, c1, 11, stride=4, padding=2)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = Conv2d(c1, c2, 5, padding=2)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = Conv2d(c2, c3, 3, padding=1)
        self.conv4 = Conv2d(c3, c4, 3, padding=1)
        self.conv5 = Conv2d(c4, c5, 3, padding=1)
        self.pool5 = nn.MaxPool2d(3, stride=2)
        self.pool = nn.AdaptiveAvgPool2d((6, 6))
        self.dropout6 = nn.Dropout(dropout)
        self.fc6 = Linear(c5 * 6 * 6, hidden)
        self.dropout7 = nn.Dropout(dropout)
        self.fc7 = Linear(hidden, hidden)
        self.fc8 = Linear(hidden, classes)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map: owt (N, 256, 6, 6), half (N, 128, 6, 6) at 224 px."""
        check_input(x, "AlexNet on one tower", self.input_size[0], minimum=63)
        x = F.relu(self.conv1(x), inplace=True)  # owt 64×55×55, half 48×55×55
        x = self.pool1(collect(x, finer))  # owt 64×27×27, half 48×27×27
        x = F.relu(self.conv2(x), inplace=True)  # owt 192×27×27, half 128×27×27
        x = self.pool2(collect(x, finer))  # owt 192×13×13, half 128×13×13
        x = F.relu(self.conv3(x), inplace=True)  # owt 384×13×13, half 192×13×13
        x = F.relu(self.conv4(x), inplace=True)  # owt 256×13×13, half 192×13×13
        x = F.relu(self.conv5(x), inplace=True)  # owt 256×13×13, half 128×13×13
        x = self.pool5(collect(x, finer))  # owt 256×6×6, half 128×6×6
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees: owt (N, 4096), half (N, 2048)."""
        x = self.pool(self.features(x))  # owt 256×6×6, half 128×6×6
        x = self.dropout6(x.flatten(1))  # owt 9216, half 4608
        x = F.relu(self.fc6(x), inplace=True)  # owt 4096, half 2048
        x = self.dropout7(x)  # owt 4096, half 2048
        x = F.relu(self.fc7(x), inplace=True)  # owt 4096, half 2048
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc8(self.embed(x))  # owt 1000, half 5
        return x


def alexnet(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> AlexNet:
    """AlexNet as in the paper, for images of 227 px."""
    return AlexNet(classes, in_channels, dropout)


def alexnet_owt(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> SingleTower:
    """AlexNet on one tower, as in torchvision."""
    network = SingleTower(OWT_WIDTHS, classes=classes, in_channels=in_channels, dropout=dropout)
    for layer in network.children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            he_normal(layer.weight)
            set_zero(layer.bias)
    nn.init.normal_(network.fc8.weight, std=0.01)
    return network


def alexnet_half(classes: int = 5, in_channels: int = 3, dropout: float = 0.5) -> SingleTower:
    """AlexNet on one tower of half the paper's width, five classes."""
    network = SingleTower(HALF_WIDTHS, classes=classes, in_channels=in_channels, dropout=dropout)
    for layer in network.children():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            set_zero(layer.bias)
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
            set_zero(layer.bias)
    return network
