"""Residual networks: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

Plain networks get worse when they get deeper, on their own training set too: with 10 crops
`plain34` errs in 28.54 % of ImageNet's validation images, `plain18` in 27.94 % (Table 2). Here each
block computes only the difference to its input, ``y = F(x) + x``, so that doing nothing is easy and
depth can only help: 25.03 % for `resnet34` (option A), 27.88 % for `resnet18`. ResNet-152, 8 times
deeper than VGG-19 and yet cheaper, reached 5.71 % top-5 error (Table 3, 10 crops), an ensemble of
six 3.57 % on the test set (Table 5; first in ILSVRC 2015). `resnet_cifar.py` has the small ones.

Where dimensions change, the shortcut is (Sec. 3.3, 4.1) A: identity with zeros in the new
channels, B: a 1×1 projection there only, C: projections everywhere.

Departures: the paper recomputes batch-norm statistics over the training set after training; we
keep running averages (momentum 0.1). The authors' release (Caffe) does not pad the pool but rounds
its grid up; ours pads by 1, as torchvision's, which gives the same grid. `*_v1_5` moves a
bottleneck's stride from its first 1×1 to its 3×3 convolution, so that no position of the input is
skipped: 2 to 6 % more MACs (the most for 50 layers), and equal to torchvision's networks of the
same depth.

`se_resnet50` and `cbam_resnet50` put a block of `attention.py` before each addition, as every
residual network here does with ``attention="se"|"cbam"``; the plain ones have no addition.
SE-ResNet-50 extends the paper's form; `se_resnet50_v1_5` is timm's. The CBAM paper states the
arithmetic of the paper's form, its released code extends v1.5: ours has the released layers. They
start as ResNet's do; the release starts its convolutions by He initialisation over fan-out, and the
spatial gates' batch norm at weight 0.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import NetworkError
from striate.zoo.attention import Attention, make_attention
from striate.zoo.layers import Conv2d, Linear, Network, check_input, collect, initialise

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


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the blocks of a network are made of."""

    bottleneck: bool = False
    residual: bool = True  # False: the plain network of the same layers
    shortcut: Shortcut = "B"
    stride_in_3x3: bool = False  # of a bottleneck; the paper's is in its first 1×1
    attention: Attention = None  # a block before each addition

    def __post_init__(self) -> None:
        if self.shortcut not in ("A", "B", "C"):
            raise NetworkError(
                f"shortcut '{self.shortcut}'", "the paper has A, B and C", "choose one of them"
            )


class PaddedShortcut(nn.Module):
    """Option A: every `stride`-th position, zeros in the new channels (appended after the old)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = outputs - inputs, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride) without parameters."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def make_shortcut(
    inputs: int, outputs: int, stride: int, option: Shortcut, *, batch_norm: bool = True
) -> nn.Module:
    """Make the shortcut of one block: identity, option A's padding or a projection."""
    same = inputs == outputs and stride == 1
    if same and option != "C":
        return nn.Identity()
    if option == "A":
        return PaddedShortcut(inputs, outputs, stride)
    projection = Conv2d(inputs, outputs, 1, stride, bias=False)
    return nn.Sequential(projection, nn.BatchNorm2d(outputs)) if batch_norm else projection


class PlainBlock(nn.Module):
    """Two 3×3 convolutions without a shortcut, for the plain networks."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, channels, H / stride, W / stride)."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)), inplace=True)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions (Fig. 5 left): inputs -> channels, the stride in the first."""

    def __init__(self, inputs: int, channels: int, stride: int, form: Form) -> None:
        super().__init__()
        self.conv1 = Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.attention = make_attention(form.attention, channels)
        self.shortcut = make_shortcut(inputs, channels, stride, form.shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, channels, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.attention(self.bn2(self.conv2(y)))
        y += self.shortcut(x)
        return F.relu(y, inplace=True)


class Bottleneck(nn.Module):
    """1×1 to reduce, 3×3, 1×1 to restore (Fig. 5 right): inputs -> 4 * channels.

    The paper's stride is in the first 1×1; `stride_in_3x3` moves it (v1.5).
    """

    def __init__(self, inputs: int, channels: int, stride: int, form: Form) -> None:
        super().__init__()
        first, second = (1, stride) if form.stride_in_3x3 else (stride, 1)
        self.conv1 = Conv2d(inputs, channels, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.attention = make_attention(form.attention, 4 * channels)
        self.shortcut = make_shortcut(inputs, 4 * channels, stride, form.shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 4 * channels, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.attention(self.bn3(self.conv3(y)))
        y += self.shortcut(x)
        return F.relu(y, inplace=True)


def make_blocks(inputs: int, channels: int, stride: int, count: int, form: Form) -> list[nn.Module]:
    """Make the blocks of one stage, the stride in the first."""
    blocks: list[nn.Module] = []
    for index in range(count):
        step = stride if index == 0 else 1
        if form.bottleneck:
            blocks.append(Bottleneck(inputs, channels, step, form))
            inputs = 4 * channels
        elif form.residual:
            blocks.append(BasicBlock(inputs, channels, step, form))
            inputs = channels
        else:
            blocks.append(PlainBlock(inputs, channels, step))
            inputs = channels
    return blocks


class ResNet(Network):
    """The ImageNet networks of Table 1; `blocks` counts them for each stage.

    Takes (N, in_channels, H, W) of any size (the paper: 224) and gives logits (N, classes).
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        form: Form,
        *,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)

        def stage(inputs: int, channels: int, stride: int, count: int) -> nn.Sequential:
            return nn.Sequential(*make_blocks(inputs, channels, stride, count, form))

        wide = 4 if form.bottleneck else 1
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 64 * wide, 128 * wide, 256 * wide, 512 * wide)
        self.conv1 = Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2_x = stage(64, 64, 1, blocks[0])
        self.conv3_x = stage(64 * wide, 128, 2, blocks[1])
        self.conv4_x = stage(128 * wide, 256, 2, blocks[2])
        self.conv5_x = stage(256 * wide, 512, 2, blocks[3])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(512 * wide, classes)
        initialise(self)  # the paper's reference [13]; how its classifier starts it does not say

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 512 or 2048, H / 32, W / 32)."""
        check_input(x, "ResNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 64×112×112
        x = self.pool1(collect(x, finer))  # 64×56×56
        x = self.conv2_x(x)  # 64×56×56, bottleneck 256×56×56
        x = self.conv3_x(collect(x, finer))  # 128×28×28, bottleneck 512×28×28
        x = self.conv4_x(collect(x, finer))  # 256×14×14, bottleneck 1024×14×14
        x = self.conv5_x(collect(x, finer))  # 512×7×7, bottleneck 2048×7×7
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 512 or 2048)."""
        x = self.pool(self.features(x))  # 512×1×1, bottleneck 2048×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 1000
        return x


def plain18(classes: int = 1000, in_channels: int = 3) -> ResNet:
    """Plain-18: ResNet-18 without its shortcuts (Fig. 3 middle shows 34 layers)."""
    form = Form(residual=False)
    return ResNet(TABLE_1[18], form, classes=classes, in_channels=in_channels)


def plain34(classes: int = 1000, in_channels: int = 3) -> ResNet:
    """Plain-34: ResNet-34 without its shortcuts (Fig. 3 middle)."""
    form = Form(residual=False)
    return ResNet(TABLE_1[34], form, classes=classes, in_channels=in_channels)


def _basic(
    depth: int, classes: int, in_channels: int, shortcut: Shortcut, attention: Attention
) -> ResNet:
    """The row of Table 1 with so many layers, in blocks of two 3×3."""
    form = Form(shortcut=shortcut, attention=attention)
    return ResNet(TABLE_1[depth], form, classes=classes, in_channels=in_channels)


def _bottleneck(
    depth: int,
    classes: int,
    in_channels: int,
    shortcut: Shortcut,
    attention: Attention,
    *,
    stride_in_3x3: bool = False,
) -> ResNet:
    """The row of Table 1 with so many layers, in bottlenecks."""
    form = Form(
        bottleneck=True, shortcut=shortcut, stride_in_3x3=stride_in_3x3, attention=attention
    )
    return ResNet(TABLE_1[depth], form, classes=classes, in_channels=in_channels)


def resnet18(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-18; the paper's headline result for 18 and 34 layers has shortcut A, ours is its B."""
    return _basic(18, classes, in_channels, shortcut, attention)


def resnet34(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-34."""
    return _basic(34, classes, in_channels, shortcut, attention)


def resnet50(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-50, the stride in each stage's first 1×1 convolution."""
    return _bottleneck(50, classes, in_channels, shortcut, attention)


def resnet101(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-101, the stride in each stage's first 1×1 convolution."""
    return _bottleneck(101, classes, in_channels, shortcut, attention)


def resnet152(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-152, the stride in each stage's first 1×1 convolution."""
    return _bottleneck(152, classes, in_channels, shortcut, attention)


def resnet50_v1_5(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-50 with the stride in the 3×3 convolution, as in torchvision."""
    return _bottleneck(50, classes, in_channels, shortcut, attention, stride_in_3x3=True)


def resnet101_v1_5(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-101 with the stride in the 3×3 convolution, as in torchvision."""
    return _bottleneck(101, classes, in_channels, shortcut, attention, stride_in_3x3=True)


def resnet152_v1_5(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
    attention: Attention = None,
) -> ResNet:
    """ResNet-152 with the stride in the 3×3 convolution, as in torchvision."""
    return _bottleneck(152, classes, in_channels, shortcut, attention, stride_in_3x3=True)


def se_resnet50(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
) -> ResNet:
    """SE-ResNet-50: squeeze-and-excitation in every block of ResNet-50 (Hu et al., Table 1)."""
    return _bottleneck(50, classes, in_channels, shortcut, "se")


def se_resnet50_v1_5(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
) -> ResNet:
    """SE-ResNet-50 with the stride in the 3×3 convolution, as in timm."""
    return _bottleneck(50, classes, in_channels, shortcut, "se", stride_in_3x3=True)


def cbam_resnet50(
    classes: int = 1000,
    in_channels: int = 3,
    shortcut: Shortcut = "B",
) -> ResNet:
    """CBAM-ResNet-50 of the released layers: the stride in the 3×3 (Woo et al., Table 4)."""
    return _bottleneck(50, classes, in_channels, shortcut, "cbam", stride_in_3x3=True)
