"""Inception-ResNet v1 and v2: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning", AAAI 2017 (`inception_v4.py` is of the same paper).

What do residual connections give a network that is good without them? Here cheaper Inception
modules compute a difference that is added to their input; a 1×1 convolution without non-linearity
brings it to the input's channels first, and a factor of 0.1 to 0.3 keeps wide networks from dying
early in training (Sec. 3.3). v1 costs what Inception v3 does, v2 what Inception v4 does. Both train
much faster; v2 ends slightly better than v4, v1 about where v3 does (21.3 % to 21.2 % top-1 error,
Table 2). Top-5 error on ImageNet's validation set with one crop 5.5 % and 4.9 % (Table 2), with 144
crops 4.3 % and 3.7 % (Table 4).

The network called Inception-ResNet v2 ever since is the one its authors released, which is not the
one that the figures show: `inception_resnet_v2` is the release (and equals timm's),
`inception_resnet_v2_figures` the figures read literally, with Inception v4's stem and half the
modules. The figures' two impossible numbers are slips: the linear layer of a block must give what
is added to it, 1152 for "1154" in Fig. 17 and 2144 for "2048" in Fig. 19.

The paper prints no factors: 0.17, 0.10 and 0.20 for blocks A, B and C are the release's, and that
its last block has 1 and no ReLU. Inception-ResNet v1 was never released for ImageNet. How weights
start is He initialisation, as in the release (where a normal's tails are cut).
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.inception_v3 import conv, valid
from striate.zoo.inception_v4 import Stem, pooled, reduction_a
from striate.zoo.layers import Branches, Conv2d, Linear, Network, check_input, collect, initialise


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the three networks differ in; a block's branches are tuples of output channels."""

    name: str
    table_1: str  # the row for Reduction-A
    blocks: tuple[int, int, int]  # of A (35×35), B (17×17), C (8×8)
    channels: tuple[int, int, int]  # of the map that each of them adds to
    a: tuple[tuple[int, ...], ...]  # 1×1; 1×1, 3×3; 1×1, 3×3, 3×3
    b: tuple[tuple[int, ...], ...]  # 1×1; 1×1, 1×7, 7×1
    c: tuple[tuple[int, ...], ...]  # 1×1; 1×1, 1×3, 3×1
    reduction_b: tuple[tuple[int, ...], ...]  # 1×1, 3×3/2; the same; 1×1, 3×3, 3×3/2
    last: int  # 0, or the channels of a last 1×1 after blocks C, the last of which is linear


# Fig. 15 with 10, 11, 12, 13.
V1 = Plan(
    name="Inception-ResNet v1",
    table_1="inception_resnet_v1",
    blocks=(5, 10, 5),
    channels=(256, 896, 1792),
    a=((32,), (32, 32), (32, 32, 32)),
    b=((128,), (128, 128, 128)),
    c=((192,), (192, 192, 192)),
    reduction_b=((256, 384), (256, 256), (256, 256, 256)),
    last=0,
)

# Fig. 15 with 3, 16, 17, 18, 19.
V2_FIGURES = Plan(
    name="Inception-ResNet v2 (figures)",
    table_1="inception_resnet_v2",
    blocks=(5, 10, 5),
    channels=(384, 1152, 2144),
    a=((32,), (32, 32), (32, 48, 64)),
    b=((192,), (128, 160, 192)),
    c=((192,), (192, 224, 256)),
    reduction_b=((256, 384), (256, 288), (256, 288, 320)),
    last=0,
)

# The release: the same blocks, twice as many, on another stem.
V2 = Plan(
    name="Inception-ResNet v2",
    table_1="inception_resnet_v2",
    blocks=(10, 20, 10),
    channels=(320, 1088, 2080),
    a=V2_FIGURES.a,
    b=V2_FIGURES.b,
    c=V2_FIGURES.c,
    reduction_b=V2_FIGURES.reduction_b,
    last=1536,
)

SCALES = (0.17, 0.10, 0.20)


class StemV1(nn.Module):
    """Fig. 14: an image to 256×35×35."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = valid(inputs, 32, stride=2)
        self.conv2 = valid(32, 32)
        self.conv3 = conv(32, 64, 3, 3)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.conv4 = conv(64, 80, 1, 1)
        self.conv5 = valid(80, 192)
        self.conv6 = valid(192, 256, stride=2)

    def forward(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Map (N, inputs, H, W) to (N, 256, about H / 8, W / 8)."""
        x = self.conv1(x)  # 32×149×149
        x = self.conv2(x)  # 32×147×147
        x = self.conv3(x)  # 64×147×147
        x = self.pool(collect(x, finer))  # 64×73×73
        x = self.conv4(x)  # 80×73×73
        x = self.conv5(x)  # 192×71×71
        x = self.conv6(collect(x, finer))  # 256×35×35
        return x


class StemV2(nn.Module):
    """The release's: Inception v3's stem and a first module of its kind; an image to 320×35×35."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = valid(inputs, 32, stride=2)
        self.conv2 = valid(32, 32)
        self.conv3 = conv(32, 64, 3, 3)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv4 = conv(64, 80, 1, 1)
        self.conv5 = valid(80, 192)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.mixed = Branches(
            {
                "1x1": conv(192, 96, 1, 1),
                "5x5": nn.Sequential(conv(192, 48, 1, 1), conv(48, 64, 5, 5)),
                "double3x3": nn.Sequential(
                    conv(192, 64, 1, 1), conv(64, 96, 3, 3), conv(96, 96, 3, 3)
                ),
                "pool": pooled(192, 64),
            }
        )

    def forward(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Map (N, inputs, H, W) to (N, 320, about H / 8, W / 8)."""
        x = self.conv1(x)  # 32×149×149
        x = self.conv2(x)  # 32×147×147
        x = self.conv3(x)  # 64×147×147
        x = self.pool1(collect(x, finer))  # 64×73×73
        x = self.conv4(x)  # 80×73×73
        x = self.conv5(x)  # 192×71×71
        x = self.pool2(collect(x, finer))  # 192×35×35
        x = self.mixed(x)  # 320×35×35
        return x


class Residual(Branches):
    """Branches, a linear 1×1 back to the input's channels, times `scale`, added to the input."""

    def __init__(
        self,
        channels: int,
        branches: dict[str, nn.Module],
        *,
        width: int,
        scale: float,
        attention: Attention,
        linear: bool,
    ) -> None:
        super().__init__(branches, make_attention(attention, channels))
        self.conv = Conv2d(width, channels, 1)
        self.scale, self.linear = scale, linear

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape; `linear` leaves the last ReLU out."""
        y = self.conv(torch.cat([branch(x) for branch in self.branches.values()], 1))
        x = x + self.scale * self.attention(y)
        return x if self.linear else F.relu(x, inplace=True)

    def extra_repr(self) -> str:
        """Show the factor in the printed network."""
        return f"scale={self.scale}" + (", linear" if self.linear else "")


def chain(inputs: int, outputs: tuple[int, ...], *kernels: tuple[int, int]) -> nn.Sequential:
    """Put convolutions that keep the grid in a row."""
    layers = []
    for channels, (height, width) in zip(outputs, kernels, strict=True):
        layers.append(conv(inputs, channels, height, width))
        inputs = channels
    return nn.Sequential(*layers)


def block_a(inputs: int, rows: tuple[tuple[int, ...], ...]) -> dict[str, nn.Module]:
    """Fig. 10 and 16, at 35×35."""
    return {
        "1x1": conv(inputs, rows[0][0], 1, 1),
        "3x3": chain(inputs, rows[1], (1, 1), (3, 3)),
        "double3x3": chain(inputs, rows[2], (1, 1), (3, 3), (3, 3)),
    }


def block_b(inputs: int, rows: tuple[tuple[int, ...], ...]) -> dict[str, nn.Module]:
    """Fig. 11 and 17, at 17×17."""
    return {
        "1x1": conv(inputs, rows[0][0], 1, 1),
        "7x7": chain(inputs, rows[1], (1, 1), (1, 7), (7, 1)),
    }


def block_c(inputs: int, rows: tuple[tuple[int, ...], ...]) -> dict[str, nn.Module]:
    """Fig. 13 and 19, at 8×8."""
    return {
        "1x1": conv(inputs, rows[0][0], 1, 1),
        "3x3": chain(inputs, rows[1], (1, 1), (1, 3), (3, 1)),
    }


def reduction_b(inputs: int, rows: tuple[tuple[int, ...], ...]) -> dict[str, nn.Module]:
    """Fig. 12 and 18, 17×17 to 8×8."""
    (first, a), (second, b), (third, c, d) = rows
    return {
        "3x3": nn.Sequential(conv(inputs, first, 1, 1), valid(first, a, stride=2)),
        "3x3b": nn.Sequential(conv(inputs, second, 1, 1), valid(second, b, stride=2)),
        "double3x3": nn.Sequential(
            conv(inputs, third, 1, 1), conv(third, c, 3, 3), valid(c, d, stride=2)
        ),
        "pool": nn.MaxPool2d(3, stride=2),
    }


class InceptionResNet(Network):
    """Fig. 15, from the stem to the classifier; `plan` says which of the three networks.

    Takes (N, in_channels, H, W) from 75 px up (the paper: 299) and gives logits (N, classes).
    """

    def __init__(
        self,
        plan: Plan,
        stem: nn.Module,
        *,
        attention: Attention = None,
        dropout: float = 0.2,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 299, 299)
        self.name = plan.name
        a, b, c = plan.channels
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 192, a, b, plan.last or c)

        def block(stage: int, branches: dict[str, nn.Module], linear: bool = False) -> Residual:
            return Residual(
                plan.channels[stage],
                branches,
                width=sum(row[-1] for row in (plan.a, plan.b, plan.c)[stage]),
                scale=1.0 if linear else SCALES[stage],
                attention=attention,
                linear=linear,
            )

        def module(branches: dict[str, nn.Module], outputs: int) -> Branches:
            return Branches(branches, make_attention(attention, outputs))

        blocks = plan.blocks
        self.stem = stem
        self.inception_a = nn.Sequential(
            *(block(0, block_a(a, plan.a)) for _ in range(blocks[0])),
        )
        self.reduction_a = module(reduction_a(a, plan.table_1), b)
        self.inception_b = nn.Sequential(
            *(block(1, block_b(b, plan.b)) for _ in range(blocks[1])),
        )
        self.reduction_b = module(reduction_b(b, plan.reduction_b), c)
        self.inception_c = nn.Sequential(
            *(block(2, block_c(c, plan.c)) for _ in range(blocks[2] - 1)),
            block(2, block_c(c, plan.c), linear=plan.last > 0),
        )
        self.conv: nn.Module = conv(c, plan.last, 1, 1) if plan.last else nn.Identity()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(plan.last or c, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 1792, 8, 8) of 299 px; v2's has 1536 channels."""
        check_input(x, self.name, self.input_size[0], minimum=75)
        x = self.stem(x, finer)  # 256×35×35, v2 320×35×35, figures 384×35×35
        x = self.inception_a(x)  # 256×35×35, v2 320×35×35, figures 384×35×35
        x = self.reduction_a(collect(x, finer))  # 896×17×17, v2 1088×17×17, figures 1152×17×17
        x = self.inception_b(x)  # 896×17×17, v2 1088×17×17, figures 1152×17×17
        x = self.reduction_b(collect(x, finer))  # 1792×8×8, v2 2080×8×8, figures 2144×8×8
        x = self.inception_c(x)  # 1792×8×8, v2 2080×8×8, figures 2144×8×8
        x = self.conv(x)  # 1792×8×8, v2 1536×8×8, figures 2144×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 1792); v2's has 1536 numbers."""
        x = self.pool(self.features(x))  # 1792×1×1, v2 1536×1×1, figures 2144×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.dropout(self.embed(x)))  # 1000
        return x


def inception_resnet_v1(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None, dropout: float = 0.2
) -> InceptionResNet:
    """Inception-ResNet v1."""
    return InceptionResNet(
        V1,
        StemV1(in_channels),
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )


def inception_resnet_v2(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None, dropout: float = 0.2
) -> InceptionResNet:
    """Inception-ResNet v2 as its authors released it, which equals timm's."""
    return InceptionResNet(
        V2,
        StemV2(in_channels),
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )


def inception_resnet_v2_figures(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None, dropout: float = 0.2
) -> InceptionResNet:
    """Inception-ResNet v2 as the paper's figures show it."""
    return InceptionResNet(
        V2_FIGURES,
        Stem(in_channels),
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )
