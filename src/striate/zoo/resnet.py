"""Residual networks: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

Plain networks get worse when they get deeper, on their own training set too. Here each block
computes only the difference to its input, ``y = F(x) + x``, so that doing nothing is easy and
depth can only help. ResNet-152, 8 times deeper than VGG-19 and yet cheaper, reached 5.71 % top-5
error on ImageNet's validation set (10 crops), an ensemble of six 3.57 % on the test set (first in
ILSVRC 2015); the 110-layer network for CIFAR-10 reached 6.43 % error.

Where dimensions change, the shortcut is (Sec. 3.3, 4.1) A: identity with zeros in the new
channels, B: a 1×1 projection there only, C: projections everywhere.

Departures: the paper recomputes batch-norm statistics over the training set after training; we
keep running averages (momentum 0.1). `*_v1_5` moves a bottleneck's stride from its first 1×1 to
its 3×3 convolution, so that no position of the input is skipped: 0.5 % more accurate, 6 % more
MACs, and equal to torchvision's networks of the same depth.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import NetworkError
from striate.zoo.layers import Conv2d, Linear, check_input, he_normal

Shortcut = Literal["A", "B", "C"]

# Table 1: number of blocks in conv2_x, conv3_x, conv4_x, conv5_x (64, 128, 256, 512 channels; a
# bottleneck's output has four times as many). Output grids: 56, 28, 14, 7; conv1 is 7×7, 64,
# stride 2, then a 3×3 max pool with stride 2.
TABLE_1 = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}

# Sec. 4.2, CIFAR-10: a 3×3 convolution, then 2n layers for each feature map size: 6n + 2 layers.
CIFAR_TABLE = {
    "output map size": (32, 16, 8),
    "# layers": ("1 + 2n", "2n", "2n"),
    "# filters": (16, 32, 64),
}


class PaddedShortcut(nn.Module):
    """Option A: every `stride`-th position, zeros in the new channels (appended after the old)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = outputs - inputs, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride) without parameters."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def make_shortcut(inputs: int, outputs: int, stride: int, option: Shortcut) -> nn.Module:
    """Make the shortcut of one block: identity, option A's padding or a projection."""
    same = inputs == outputs and stride == 1
    if same and option != "C":
        return nn.Identity()
    if option == "A":
        return PaddedShortcut(inputs, outputs, stride)
    return nn.Sequential(
        Conv2d(inputs, outputs, 1, stride, bias=False),
        nn.BatchNorm2d(outputs),
    )


class BasicBlock(nn.Module):
    """Two 3×3 convolutions (Fig. 5 left): inputs -> channels, the stride in the first."""

    def __init__(self, inputs: int, channels: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = make_shortcut(inputs, channels, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, channels, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += self.shortcut(x)
        return F.relu(y, inplace=True)


class Bottleneck(nn.Module):
    """1×1 to reduce, 3×3, 1×1 to restore (Fig. 5 right): inputs -> 4 * channels.

    The paper's stride is in the first 1×1; `stride_in_3x3` moves it (v1.5).
    """

    def __init__(
        self, inputs: int, channels: int, stride: int, shortcut: Shortcut, stride_in_3x3: bool
    ) -> None:
        super().__init__()
        first, second = (1, stride) if stride_in_3x3 else (stride, 1)
        self.conv1 = Conv2d(inputs, channels, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.shortcut = make_shortcut(inputs, 4 * channels, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 4 * channels, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        y += self.shortcut(x)
        return F.relu(y, inplace=True)


def initialise(network: nn.Module) -> None:
    """He initialisation (the paper's reference [13]) for convolutions; batch norm starts as 1x + 0.

    The paper does not say how the classifier starts: ours is N(0, 0.01²), whose first loss is
    ln(classes).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            he_normal(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def check_shortcut(shortcut: str) -> None:
    """Refuse an option that the paper does not have."""
    if shortcut not in ("A", "B", "C"):
        raise NetworkError(
            f"shortcut '{shortcut}'", "the paper has A, B and C", "choose one of them"
        )


class ResNet(nn.Module):
    """The ImageNet networks of Table 1; `blocks` counts them for each stage.

    Takes (N, in_channels, H, W) of any size (the paper: 224) and gives logits (N, classes).
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        *,
        bottleneck: bool,
        stride_in_3x3: bool = False,
        shortcut: Shortcut = "B",
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_shortcut(shortcut)
        self.input_size = (in_channels, 224, 224)

        def stage(inputs: int, channels: int, stride: int, count: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for index in range(count):
                step = stride if index == 0 else 1
                if bottleneck:
                    layers.append(Bottleneck(inputs, channels, step, shortcut, stride_in_3x3))
                    inputs = 4 * channels
                else:
                    layers.append(BasicBlock(inputs, channels, step, shortcut))
                    inputs = channels
            return nn.Sequential(*layers)

        wide = 4 if bottleneck else 1
        self.conv1 = Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2_x = stage(64, 64, 1, blocks[0])
        self.conv3_x = stage(64 * wide, 128, 2, blocks[1])
        self.conv4_x = stage(128 * wide, 256, 2, blocks[2])
        self.conv5_x = stage(256 * wide, 512, 2, blocks[3])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(512 * wide, classes)
        initialise(self)

    def features(self, x: Tensor) -> Tensor:
        """Give the last feature map, (N, 512 or 2048, H / 32, W / 32)."""
        check_input(x, "ResNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 64×112×112
        x = self.pool1(x)  # 64×56×56
        x = self.conv2_x(x)  # 64×56×56, bottleneck 256×56×56
        x = self.conv3_x(x)  # 128×28×28, bottleneck 512×28×28
        x = self.conv4_x(x)  # 256×14×14, bottleneck 1024×14×14
        x = self.conv5_x(x)  # 512×7×7, bottleneck 2048×7×7
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 512 or 2048)."""
        x = self.pool(self.features(x))  # 512×1×1, bottleneck 2048×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 1000
        return x


class CifarResNet(nn.Module):
    """The CIFAR networks of Sec. 4.2, 6n + 2 layers deep; the paper's shortcuts are option A.

    Takes (N, in_channels, H, W) of any size (the paper: 32) and gives logits (N, classes).
    """

    def __init__(
        self, n: int, shortcut: Shortcut = "A", classes: int = 10, in_channels: int = 3
    ) -> None:
        super().__init__()
        check_shortcut(shortcut)
        self.input_size = (in_channels, 32, 32)

        def stage(inputs: int, channels: int, stride: int) -> nn.Sequential:
            first = BasicBlock(inputs, channels, stride, shortcut)
            rest = (BasicBlock(channels, channels, 1, shortcut) for _ in range(n - 1))
            return nn.Sequential(first, *rest)

        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.stage1 = stage(16, 16, 1)
        self.stage2 = stage(16, 32, 2)
        self.stage3 = stage(32, 64, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(64, classes)
        initialise(self)

    def features(self, x: Tensor) -> Tensor:
        """Give the last feature map, (N, 64, H / 4, W / 4)."""
        check_input(x, "CifarResNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 16×32×32
        x = self.stage1(x)  # 16×32×32
        x = self.stage2(x)  # 32×16×16
        x = self.stage3(x)  # 64×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 64)."""
        x = self.pool(self.features(x))  # 64×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 10
        return x


def resnet18(classes: int = 1000, in_channels: int = 3, shortcut: Shortcut = "B") -> ResNet:
    """ResNet-18; the paper's headline result for 18 and 34 layers has shortcut A, ours is its B."""
    return ResNet(
        TABLE_1[18], bottleneck=False, shortcut=shortcut, classes=classes, in_channels=in_channels
    )


def resnet34(classes: int = 1000, in_channels: int = 3, shortcut: Shortcut = "B") -> ResNet:
    """ResNet-34."""
    return ResNet(
        TABLE_1[34], bottleneck=False, shortcut=shortcut, classes=classes, in_channels=in_channels
    )


def resnet50(classes: int = 1000, in_channels: int = 3, shortcut: Shortcut = "B") -> ResNet:
    """ResNet-50, the stride in each stage's first 1×1 convolution."""
    return ResNet(
        TABLE_1[50], bottleneck=True, shortcut=shortcut, classes=classes, in_channels=in_channels
    )


def resnet101(classes: int = 1000, in_channels: int = 3, shortcut: Shortcut = "B") -> ResNet:
    """ResNet-101, the stride in each stage's first 1×1 convolution."""
    return ResNet(
        TABLE_1[101], bottleneck=True, shortcut=shortcut, classes=classes, in_channels=in_channels
    )


def resnet152(classes: int = 1000, in_channels: int = 3, shortcut: Shortcut = "B") -> ResNet:
    """ResNet-152, the stride in each stage's first 1×1 convolution."""
    return ResNet(
        TABLE_1[152], bottleneck=True, shortcut=shortcut, classes=classes, in_channels=in_channels
    )


def resnet50_v1_5(classes: int = 1000, in_channels: int = 3) -> ResNet:
    """ResNet-50 with the stride in the 3×3 convolution, as in torchvision."""
    return ResNet(
        TABLE_1[50], bottleneck=True, stride_in_3x3=True, classes=classes, in_channels=in_channels
    )


def resnet101_v1_5(classes: int = 1000, in_channels: int = 3) -> ResNet:
    """ResNet-101 with the stride in the 3×3 convolution, as in torchvision."""
    return ResNet(
        TABLE_1[101], bottleneck=True, stride_in_3x3=True, classes=classes, in_channels=in_channels
    )


def resnet152_v1_5(classes: int = 1000, in_channels: int = 3) -> ResNet:
    """ResNet-152 with the stride in the 3×3 convolution, as in torchvision."""
    return ResNet(
        TABLE_1[152], bottleneck=True, stride_in_3x3=True, classes=classes, in_channels=in_channels
    )


def resnet20(classes: int = 10, in_channels: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-20 for CIFAR (n = 3)."""
    return CifarResNet(3, shortcut, classes, in_channels)


def resnet32(classes: int = 10, in_channels: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-32 for CIFAR (n = 5)."""
    return CifarResNet(5, shortcut, classes, in_channels)


def resnet44(classes: int = 10, in_channels: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-44 for CIFAR (n = 7)."""
    return CifarResNet(7, shortcut, classes, in_channels)


def resnet56(classes: int = 10, in_channels: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-56 for CIFAR (n = 9)."""
    return CifarResNet(9, shortcut, classes, in_channels)


def resnet110(classes: int = 10, in_channels: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-110 for CIFAR (n = 18)."""
    return CifarResNet(18, shortcut, classes, in_channels)
