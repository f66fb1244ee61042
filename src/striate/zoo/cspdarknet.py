"""CSPDarknet-53: Wang et al., "CSPNet: A New Backbone that can Enhance Learning Capability of CNN".

The gradient of a residual stage passes through the same channels again and again. A cross-stage
partial stage splits the channels in two: one half goes through the residual blocks, the other past
them, and a 1×1 convolution joins both (Fig. 2b, 3b). A third of Darknet-53's parameters and
arithmetic goes, the accuracy stays: 77.2 % top-1, 93.6 % top-5 on ImageNet (256×256, the authors'
release). With Mish and stronger training it is the backbone of YOLOv4 (Bochkovskiy et al. 2020,
Table 3: 78.7 % top-1, 94.8 % top-5): ``activation="mish"``.

The layer table is the authors' Darknet configuration. The two 1×1 convolutions that make the halves
of a stage stand side by side on the same map: here they are one convolution whose output is split,
which computes the same. Leaky ReLU's slope is 0.1 in Darknet; `cspdarknet53_timm` has PyTorch's
default, 0.01, which timm trained its weights with. The paper does not say how the weights start:
ours is He initialisation.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from striate.errors import NetworkError
from striate.zoo.attention import Attention
from striate.zoo.darknet import Residual, Unit
from striate.zoo.layers import Linear, Network, check_input, collect, initialise

Activation = Literal["leaky", "mish"]

# The configuration's stages: output channels, channels of each half, channels between the two
# convolutions of a block, residual blocks. Output grids: 128, 64, 32, 16, 8. The first stage does
# not halve its channels, but its blocks' inner ones.
TABLE = (
    (64, 64, 32, 1),
    (128, 64, 64, 2),
    (256, 128, 128, 8),
    (512, 256, 256, 8),
    (1024, 512, 512, 4),
)


class CSPStage(nn.Module):
    """A 3×3 convolution with stride 2, then the split, the blocks on one half, and the union."""

    def __init__(
        self,
        inputs: int,
        row: tuple[int, int, int, int],
        *,
        slope: float | None,
        attention: Attention,
    ) -> None:
        super().__init__()
        outputs, half, hidden, count = row
        self.down = Unit(inputs, outputs, 3, 2, slope=slope)
        self.split = Unit(outputs, 2 * half, 1, slope=slope)
        self.blocks = nn.Sequential(
            *(Residual(half, hidden, slope=slope, attention=attention) for _ in range(count))
        )
        self.transition = Unit(half, half, 1, slope=slope)
        self.union = Unit(2 * half, outputs, 1, slope=slope)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
        past, through = self.split(self.down(x)).chunk(2, 1)
        through = self.transition(self.blocks(through))
        return self.union(torch.cat([past, through], 1))  # type: ignore[no-any-return]


class CSPTrunk(Network):
    """The configuration's table without the classifier: what YOLOv4 stands on.

    Takes (N, in_channels, H, W) of any size (the paper: 256).
    """

    def __init__(
        self,
        *,
        activation: Activation = "leaky",
        slope: float = 0.1,
        attention: Attention = None,
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if activation not in ("leaky", "mish"):
            raise NetworkError(
                f"activation '{activation}'", "there are 'leaky' and 'mish'", "choose one of them"
            )
        self.input_size = (in_channels, 256, 256)
        bend = None if activation == "mish" else slope
        rows = [
            (round(outputs * width), round(half * width), round(hidden * width), count)
            for outputs, half, hidden, count in TABLE
        ]
        widths = (round(32 * width), *(row[0] for row in rows))
        self.strides = (1, 2, 4, 8, 16, 32)
        self.channels = widths
        stages = [
            CSPStage(inputs, row, slope=bend, attention=attention)
            for inputs, row in zip(widths, rows, strict=False)
        ]
        self.conv0 = Unit(in_channels, widths[0], 3, slope=bend)
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = stages

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 1024, H / 32, W / 32)."""
        check_input(x, "CSPDarknet53", self.input_size[0])
        x = self.conv0(x)  # 32×256×256
        x = self.stage1(collect(x, finer))  # 64×128×128
        x = self.stage2(collect(x, finer))  # 128×64×64
        x = self.stage3(collect(x, finer))  # 256×32×32
        x = self.stage4(collect(x, finer))  # 512×16×16
        x = self.stage5(collect(x, finer))  # 1024×8×8
        return x


class CSPDarknet53(CSPTrunk):
    """The configuration's table, from the first convolution to the classifier.

    Takes (N, in_channels, H, W) of any size (the paper: 256) and gives logits (N, classes).
    """

    def __init__(
        self,
        *,
        activation: Activation = "leaky",
        slope: float = 0.1,
        attention: Attention = None,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__(
            activation=activation, slope=slope, attention=attention, in_channels=in_channels
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(1024, classes)
        initialise(self)

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 1024)."""
        x = self.pool(self.features(x))  # 1024×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 1000
        return x


def cspdarknet53(
    classes: int = 1000,
    in_channels: int = 3,
    activation: Activation = "leaky",
    attention: Attention = None,
) -> CSPDarknet53:
    """CSPDarknet-53 with leaky ReLU's slope of 0.1, or with Mish as in YOLOv4."""
    return CSPDarknet53(
        activation=activation, attention=attention, classes=classes, in_channels=in_channels
    )


def cspdarknet53_timm(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None
) -> CSPDarknet53:
    """CSPDarknet-53 with leaky ReLU's slope of 0.01, as in timm."""
    return CSPDarknet53(slope=0.01, attention=attention, classes=classes, in_channels=in_channels)
