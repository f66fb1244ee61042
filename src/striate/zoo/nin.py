"""NiN: Lin, Chen, Yan, "Network In Network", ICLR 2014.

A convolution is a linear filter; the paper slides a small multi-layer perceptron over the image
instead, which is a convolution followed by two 1×1 convolutions, each with ReLU (an `mlpconv`
block; the authors call the 1×1 layers `cccp`, cascaded cross-channel parametric pooling). The last
block makes one map a class, and the mean of each map is that class's logit: global average pooling
replaces the dense layers, which held most of AlexNet's weights. 8.81 % error on CIFAR-10 with
augmentation, 10.41 % without (Table 1). Both ideas, 1×1 convolution and global average pooling,
are in nearly every network since.

`nin_cifar` is the paper's network in the layers that its authors published for CIFAR-10. `nin`,
for ImageNet, is not in the paper: it exists as the authors' Caffe model, 59.36 % top-1 on the
validation set (centre crop) with an eighth of AlexNet's weights.

Departures of others: the widely copied Caffe version of the CIFAR network has an average pool in
second place where the authors' own definition, and ours, has a maximum.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.layers import Conv2d, Network, check_input, collect, set_zero


def start(network: nn.Module, narrow: tuple[str, ...] = ()) -> None:
    """N(0, 0.05²), biases 0, as in the authors' files; N(0, 0.01²) for the layers in `narrow`."""
    for name, layer in network.named_children():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01 if name in narrow else 0.05)
            set_zero(layer.bias)


class NiNCifar(Network):
    """The paper's network for CIFAR-10; `cccp6` is the classifier.

    Takes (N, in_channels, H, W) of any size from 8 px (the paper: 32), gives logits (N, classes).
    """

    has_linear_outputs = False

    def __init__(self, classes: int = 10, in_channels: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.input_size = (in_channels, 32, 32)
        self.strides = (1, 2, 4)
        self.channels = (96, 192, 192)
        self.conv1 = Conv2d(in_channels, 192, 5, padding=2)
        self.cccp1 = Conv2d(192, 160, 1)
        self.cccp2 = Conv2d(160, 96, 1)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout1 = nn.Dropout(dropout)
        self.conv2 = Conv2d(96, 192, 5, padding=2)
        self.cccp3 = Conv2d(192, 192, 1)
        self.cccp4 = Conv2d(192, 192, 1)
        self.pool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout2 = nn.Dropout(dropout)
        self.conv3 = Conv2d(192, 192, 3, padding=1)
        self.cccp5 = Conv2d(192, 192, 1)
        self.cccp6 = Conv2d(192, classes, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        start(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last map before the maps of the classes, (N, 192, H / 4, W / 4)."""
        check_input(x, "NiN for CIFAR", self.input_size[0], minimum=8)
        x = F.relu(self.conv1(x), inplace=True)  # 192×32×32
        x = F.relu(self.cccp1(x), inplace=True)  # 160×32×32
        x = F.relu(self.cccp2(x), inplace=True)  # 96×32×32
        x = self.pool1(collect(x, finer))  # 96×16×16
        x = self.dropout1(x)  # 96×16×16
        x = F.relu(self.conv2(x), inplace=True)  # 192×16×16
        x = F.relu(self.cccp3(x), inplace=True)  # 192×16×16
        x = F.relu(self.cccp4(x), inplace=True)  # 192×16×16
        x = self.pool2(collect(x, finer))  # 192×8×8
        x = self.dropout2(x)  # 192×8×8
        x = F.relu(self.conv3(x), inplace=True)  # 192×8×8
        x = F.relu(self.cccp5(x), inplace=True)  # 192×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the mean over positions of the map that the classifier sees, (N, 192).

        The network itself classifies each position, rectifies, and averages last.
        """
        return self.features(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes), all of them 0 or more."""
        x = F.relu(self.cccp6(self.features(x)), inplace=True)  # 10×8×8
        x = self.pool(x)  # 10×1×1
        return x.flatten(1)


class NiN(Network):
    """The authors' network for ImageNet; `cccp8` is the classifier.

    Takes (N, in_channels, H, W) of any size from 39 px (theirs: 224), gives logits (N, classes).
    """

    has_linear_outputs = False

    def __init__(self, classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        self.strides = (4, 8, 16, 32)
        self.channels = (96, 256, 384, 1024)
        self.conv1 = Conv2d(in_channels, 96, 11, stride=4)
        self.cccp1 = Conv2d(96, 96, 1)
        self.cccp2 = Conv2d(96, 96, 1)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = Conv2d(96, 256, 5, padding=2)
        self.cccp3 = Conv2d(256, 256, 1)
        self.cccp4 = Conv2d(256, 256, 1)
        self.pool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv3 = Conv2d(256, 384, 3, padding=1)
        self.cccp5 = Conv2d(384, 384, 1)
        self.cccp6 = Conv2d(384, 384, 1)
        self.pool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout3 = nn.Dropout(dropout)
        self.conv4 = Conv2d(384, 1024, 3, padding=1)
        self.cccp7 = Conv2d(1024, 1024, 1)
        self.cccp8 = Conv2d(1024, classes, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        start(self, narrow=("conv1", "conv3", "cccp8"))

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last map before the maps of the classes, (N, 1024, H / 32 - 1, W / 32 - 1)."""
        check_input(x, "NiN", self.input_size[0], minimum=39)
        x = F.relu(self.conv1(x), inplace=True)  # 96×54×54
        x = F.relu(self.cccp1(x), inplace=True)  # 96×54×54
        x = F.relu(self.cccp2(x), inplace=True)  # 96×54×54
        x = self.pool1(collect(x, finer))  # 96×27×27
        x = F.relu(self.conv2(x), inplace=True)  # 256×27×27
        x = F.relu(self.cccp3(x), inplace=True)  # 256×27×27
        x = F.relu(self.cccp4(x), inplace=True)  # 256×27×27
        x = self.pool2(collect(x, finer))  # 256×13×13
        x = F.relu(self.conv3(x), inplace=True)  # 384×13×13
        x = F.relu(self.cccp5(x), inplace=True)  # 384×13×13
        x = F.relu(self.cccp6(x), inplace=True)  # 384×13×13
        x = self.pool3(collect(x, finer))  # 384×6×6
        x = self.dropout3(x)  # 384×6×6
        x = F.relu(self.conv4(x), inplace=True)  # 1024×6×6
        x = F.relu(self.cccp7(x), inplace=True)  # 1024×6×6
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the mean over positions of the map that the classifier sees, (N, 1024).

        The network itself classifies each position, rectifies, and averages last.
        """
        return self.features(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes), all of them 0 or more."""
        x = F.relu(self.cccp8(self.features(x)), inplace=True)  # 1000×6×6
        x = self.pool(x)  # 1000×1×1
        return x.flatten(1)


def nin(classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> NiN:
    """Network in Network for ImageNet, the authors' Caffe model."""
    return NiN(classes, in_channels, dropout)


def nin_cifar(classes: int = 10, in_channels: int = 3, dropout: float = 0.5) -> NiNCifar:
    """Network in Network for CIFAR-10, with dropout after the first two blocks."""
    return NiNCifar(classes, in_channels, dropout)
