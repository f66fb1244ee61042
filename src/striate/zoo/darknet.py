"""Darknet-53: Redmon, Farhadi, "YOLOv3: An Incremental Improvement", 2018, Sec. 2.4 and Table 1.

The feature extractor of YOLOv3: residual blocks of 1×1 and 3×3 convolutions as in ResNet, but no
pooling at all (convolutions with stride 2 halve the grid), leaky ReLU, and most of the arithmetic
in plain 3×3 convolutions that processors are good at. 77.2 % top-1 and 93.8 % top-5 accuracy on
ImageNet (256×256, single crop, Table 2): as accurate as ResNet-152 at twice its speed.

52 convolutions and the classifier make 53 layers. Leaky ReLU's slope is 0.1 in Darknet;
`darknet53_timm` has PyTorch's default, 0.01, which timm trained its weights with. The paper does
not say how the weights start: ours is He initialisation.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.layers import Conv2d, Linear, Network, check_input, collect, initialise

# Table 1: after a 3×3 convolution to 32 channels, each stage halves the grid by a 3×3 convolution
# to so many channels and has so many residual blocks. Output grids: 128, 64, 32, 16, 8.
TABLE_1 = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))


class Unit(nn.Module):
    """Convolution without bias, batch normalisation, leaky ReLU (or Mish with `slope` None)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, slope: float | None
    ) -> None:
        super().__init__()
        self.slope = slope
        self.conv = Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        x = self.bn(self.conv(x))
        slope = self.slope
        if slope is None:
            return F.mish(x, inplace=True)
        return F.leaky_relu(x, slope, inplace=True)


class Residual(nn.Module):
    """1×1 to `hidden` channels, 3×3 back to `channels`, plus the input."""

    def __init__(
        self, channels: int, hidden: int, *, slope: float | None, attention: Attention
    ) -> None:
        super().__init__()
        self.conv1 = Unit(channels, hidden, 1, slope=slope)
        self.conv2 = Unit(hidden, channels, 3, slope=slope)
        self.attention = make_attention(attention, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return x + self.attention(self.conv2(self.conv1(x)))  # type: ignore[no-any-return]


class Stage(nn.Module):
    """A 3×3 convolution with stride 2, then `count` residual blocks: inputs -> outputs."""

    def __init__(
        self, inputs: int, outputs: int, count: int, *, slope: float | None, attention: Attention
    ) -> None:
        super().__init__()
        self.down = Unit(inputs, outputs, 3, 2, slope=slope)
        self.blocks = nn.Sequential(
            *(
                Residual(outputs, outputs // 2, slope=slope, attention=attention)
                for _ in range(count)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
        return self.blocks(self.down(x))  # type: ignore[no-any-return]


class Darknet53(Network):
    """Table 1, from the first convolution to the classifier.

    Takes (N, in_channels, H, W) of any size (the paper: 256) and gives logits (N, classes).
    """

    def __init__(
        self,
        *,
        slope: float = 0.1,
        attention: Attention = None,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 256, 256)
        widths = (32, *(channels for channels, _ in TABLE_1))
        self.strides = (1, 2, 4, 8, 16, 32)
        self.channels = widths
        stages = [
            Stage(inputs, outputs, count, slope=slope, attention=attention)
            for inputs, (outputs, count) in zip(widths, TABLE_1, strict=False)
        ]
        self.conv0 = Unit(in_channels, 32, 3, slope=slope)
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = stages
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(1024, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 1024, H / 32, W / 32)."""
        check_input(x, "Darknet53", self.input_size[0])
        x = self.conv0(x)  # 32×256×256
        x = self.stage1(collect(x, finer))  # 64×128×128
        x = self.stage2(collect(x, finer))  # 128×64×64
        x = self.stage3(collect(x, finer))  # 256×32×32
        x = self.stage4(collect(x, finer))  # 512×16×16
        x = self.stage5(collect(x, finer))  # 1024×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 1024)."""
        x = self.pool(self.features(x))  # 1024×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 1000
        return x


def darknet53(classes: int = 1000, in_channels: int = 3, attention: Attention = None) -> Darknet53:
    """Darknet-53 with leaky ReLU's slope of 0.1."""
    return Darknet53(attention=attention, classes=classes, in_channels=in_channels)


def darknet53_timm(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None
) -> Darknet53:
    """Darknet-53 with leaky ReLU's slope of 0.01, as in timm."""
    return Darknet53(slope=0.01, attention=attention, classes=classes, in_channels=in_channels)
