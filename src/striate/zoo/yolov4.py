"""YOLOv4: Bochkovskiy, Wang, Liao, "YOLOv4: Optimal Speed and Accuracy of Object Detection", 2020.

A detector in one look (Sec. 3.4): CSPDarknet-53 with Mish as its backbone; spatial pyramid pooling
(SPP), three max pools of different windows side by side, so that a position of the coarsest map
sees most of the image; a path aggregation network (PAN), which brings the coarse maps down to the
fine ones and the fine ones up again, joined by concatenation; and at the strides 8, 16 and 32 a
head of two convolutions that says for each of three anchors where a box is, whether there is one,
and of which class. 43.5 % AP and 65.7 % AP50 on COCO's test-dev at 608×608 (Table 10).

YOLOv4-tiny is the authors' small network, released with the code and without a paper of its own:
21 convolutions, in whose cross-stage partial blocks the second half of the channels goes through
two 3×3 convolutions, and heads at strides 32 and 16. 40.2 % AP50 on COCO's test-dev at 416×416, by
the authors' account.

The layer tables, anchors and scales are those of the authors' Darknet configurations, `yolov4.cfg`
and `yolov4-tiny.cfg`. A network gives the maps of its heads as the last convolutions compute them;
`heads` says how they are read, and `striate detect` reads them. The paper does not say how the
weights start: ours is He initialisation.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import NetworkError
from striate.zoo.cspdarknet import Activation, CSPTrunk
from striate.zoo.darknet import Unit
from striate.zoo.layers import (
    Conv2d,
    Network,
    check_input,
    collect,
    initialise,
    is_capturing,
    is_scripting,
)
from striate.zoo.yolo_head import YOLOHead

SLOPE = 0.1
"""Leaky ReLU's in Darknet, for all that is not backbone."""

COARSEST = 32
"""Pixels between two positions of the coarsest map: what height and width are multiples of."""

# yolov4.cfg: anchors in pixels of the input, three a head, and scale_x_y.
ANCHORS = (
    (12, 16), (19, 36), (40, 28),
    (36, 75), (76, 55), (72, 146),
    (142, 110), (192, 243), (459, 401),
)  # fmt: skip
HEADS = (
    YOLOHead(8, ANCHORS[:3], 1.2),
    YOLOHead(16, ANCHORS[3:6], 1.1),
    YOLOHead(32, ANCHORS[6:], 1.05),
)

# yolov4-tiny.cfg: the finer head has the anchors 1, 2 and 3, so that the fourth stands in both and
# the first in none.
TINY_ANCHORS = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))
TINY_HEADS = (YOLOHead(32, TINY_ANCHORS[3:], 1.05), YOLOHead(16, TINY_ANCHORS[1:4], 1.05))

#: SPP's windows, in the order in which their maps are joined; the map itself comes last.
WINDOWS = (13, 9, 5)


class Detector(Network):
    """A network whose output is the maps of its heads, for boxes instead of classes.

    Called with images (N, C, H, W), both sides multiples of 32, it gives a map for each of `heads`:
    (N, anchors · (5 + classes), H / stride, W / stride).

    Attributes:
        heads: how each map is read.
        classes: how many there are.
    """

    heads: tuple[YOLOHead, ...]
    classes: int

    def embed(self, x: Tensor) -> NoReturn:
        """Refuse: boxes are read from maps, and no vector stands for an image."""
        raise NetworkError(
            f"{type(self).__name__}.embed",
            "a detector has no vector that a classifier sees",
            "take `features` or `stages`, or a network that classifies",
        )

    def _check(self, x: Tensor) -> None:
        name = type(self).__name__
        check_input(x, name, self.input_size[0], minimum=COARSEST)
        if is_scripting() or is_capturing(x):
            return
        height, width = x.shape[2], x.shape[3]
        if height % COARSEST or width % COARSEST:
            raise NetworkError(
                f"input of shape {tuple(x.shape)}",
                f"{name} takes heights and widths that are multiples of {COARSEST}",
                f"for example {_near(height)}×{_near(width)}",
            )


def _near(side: int) -> int:
    return max(COARSEST, round(side / COARSEST) * COARSEST)


def units(*table: int) -> nn.Sequential:
    """1×1 and 3×3 convolutions in turn, between the channels in `table`."""
    return nn.Sequential(
        *(
            Unit(inputs, outputs, 3 if index % 2 else 1, slope=SLOPE)
            for index, (inputs, outputs) in enumerate(pairwise(table))
        )
    )


class SpatialPyramid(nn.Module):
    """SPP (He et al. 2015, here with stride 1): the map beside its maxima over three windows."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.before = units(inputs, channels, wide, channels)
        self.pools = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in WINDOWS)
        self.after = units(4 * channels, channels, wide, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, channels, H, W)."""
        x = self.before(x)
        x = torch.cat([*(pool(x) for pool in self.pools), x], 1)
        return self.after(x)  # type: ignore[no-any-return]


class Upward(nn.Module):
    """A coarse map, brought to twice its grid, joined with the backbone's map of that grid."""

    def __init__(self, coarse: int, side: int, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.reduce = Unit(coarse, channels, 1, slope=SLOPE)
        self.lateral = Unit(side, channels, 1, slope=SLOPE)
        self.merge = units(wide, channels, wide, channels, wide, channels)

    def forward(self, coarse: Tensor, side: Tensor) -> Tensor:
        """Map (N, coarse, H, W) and (N, side, 2H, 2W) to (N, channels, 2H, 2W)."""
        up = F.interpolate(self.reduce(coarse), scale_factor=2.0, mode="nearest")
        return self.merge(torch.cat([self.lateral(side), up], 1))  # type: ignore[no-any-return]


class Downward(nn.Module):
    """A fine map, brought to half its grid, joined with the map of that grid on the way there."""

    def __init__(self, fine: int, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.down = Unit(fine, channels, 3, 2, slope=SLOPE)
        self.merge = units(wide, channels, wide, channels, wide, channels)

    def forward(self, fine: Tensor, before: Tensor) -> Tensor:
        """Map (N, fine, 2H, 2W) and (N, channels, H, W) to (N, channels, H, W)."""
        return self.merge(torch.cat([self.down(fine), before], 1))  # type: ignore[no-any-return]


class HeadConvolutions(nn.Module):
    """3×3 to `hidden` channels, then 1×1 with bias to three anchors' numbers."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.conv = Unit(inputs, hidden, 3, slope=SLOPE)
        self.out = Conv2d(hidden, 3 * (5 + classes), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 3 · (5 + classes), H, W)."""
        return self.out(self.conv(x))  # type: ignore[no-any-return]


class YOLOv4(Detector):
    """`yolov4.cfg`. `width` multiplies all channels but the heads' outputs, for tests."""

    def __init__(
        self,
        *,
        activation: Activation = "mish",
        classes: int = 80,
        in_channels: int = 3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 608, 608)
        self.classes = classes
        self.heads = HEADS
        self.backbone = CSPTrunk(activation=activation, in_channels=in_channels, width=width)
        self.strides, self.channels = self.backbone.strides, self.backbone.channels
        *_, c3, c4, c5 = self.channels
        self.spp = SpatialPyramid(c5, c5 // 2)
        self.up4 = Upward(c5 // 2, c4, c4 // 2)
        self.up3 = Upward(c4 // 2, c3, c3 // 2)
        self.head3 = HeadConvolutions(c3 // 2, c3, classes)
        self.down4 = Downward(c3 // 2, c4 // 2)
        self.head4 = HeadConvolutions(c4 // 2, c4, classes)
        self.down5 = Downward(c4 // 2, c5 // 2)
        self.head5 = HeadConvolutions(c5 // 2, c5, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the backbone's last feature map, (N, 1024, H / 32, W / 32)."""
        self._check(x)
        return self.backbone.features(x, finer)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (N, in_channels, H, W) to the maps of strides 8, 16 and 32."""
        finer: list[Tensor] = []
        c5 = self.features(x, finer)  # 1024×19×19
        c3, c4 = finer[3], finer[4]
        p5 = self.spp(c5)  # 512×19×19
        p4 = self.up4(p5, c4)  # 256×38×38
        p3 = self.up3(p4, c3)  # 128×76×76
        fine = self.head3(p3)  # 255×76×76
        n4 = self.down4(p3, p4)  # 256×38×38
        middle = self.head4(n4)  # 255×38×38
        n5 = self.down5(n4, p5)  # 512×19×19
        coarse = self.head5(n5)  # 255×19×19
        return fine, middle, coarse


class TinyBlock(nn.Module):
    """A cross-stage partial block: half of the channels go through two convolutions.

    (N, inputs, H, W) -> (N, 2 · channels, H, W), and what the block's own 1×1 convolution gave,
    (N, channels, H, W).
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = Unit(inputs, channels, 3, slope=SLOPE)
        self.conv2 = Unit(half, half, 3, slope=SLOPE)
        self.conv3 = Unit(half, half, 3, slope=SLOPE)
        self.conv4 = Unit(channels, channels, 1, slope=SLOPE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give all channels, and those of the last convolution."""
        x = self.conv1(x)
        second = self.conv2(x.chunk(2, 1)[1])
        joined = self.conv4(torch.cat([self.conv3(second), second], 1))
        return torch.cat([x, joined], 1), joined


class YOLOv4Tiny(Detector):
    """`yolov4-tiny.cfg`. `width` multiplies all channels but the heads' outputs, for tests."""

    def __init__(self, *, classes: int = 80, in_channels: int = 3, width: float = 1.0) -> None:
        super().__init__()
        self.input_size = (in_channels, 416, 416)
        self.classes = classes
        self.heads = TINY_HEADS
        c0, c1, c2, c3, c4 = (round(each * width) for each in (32, 64, 128, 256, 512))
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (c0, 2 * c1, 2 * c2, 2 * c3, c4)
        self.conv0 = Unit(in_channels, c0, 3, 2, slope=SLOPE)
        self.conv1 = Unit(c0, c1, 3, 2, slope=SLOPE)
        self.block1 = TinyBlock(c1, c1)
        self.block2 = TinyBlock(2 * c1, c2)
        self.block3 = TinyBlock(2 * c2, c3)
        self.conv2 = Unit(2 * c3, c4, 3, slope=SLOPE)
        self.conv3 = Unit(c4, c4 // 2, 1, slope=SLOPE)
        self.head5 = HeadConvolutions(c4 // 2, c4, classes)
        self.reduce = Unit(c4 // 2, c4 // 4, 1, slope=SLOPE)
        self.head4 = HeadConvolutions(c4 // 4 + c3, c3, classes)
        self.pool = nn.MaxPool2d(2)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last map before the neck, (N, 512, H / 32, W / 32)."""
        self._check(x)
        return self._features(x, finer)[0]

    def _features(self, x: Tensor, finer: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        x = self.conv0(x)  # 32×208×208
        x = self.conv1(collect(x, finer))  # 64×104×104
        x, _ = self.block1(x)  # 128×104×104
        x = self.pool(collect(x, finer))  # 128×52×52
        x, _ = self.block2(x)  # 256×52×52
        x = self.pool(collect(x, finer))  # 256×26×26
        x, joined = self.block3(x)  # 512×26×26
        x = self.pool(collect(x, finer))  # 512×13×13
        x = self.conv2(x)  # 512×13×13
        return x, joined

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, in_channels, H, W) to the maps of strides 32 and 16."""
        self._check(x)
        x, joined = self._features(x)
        x = self.conv3(x)  # 256×13×13
        coarse = self.head5(x)  # 255×13×13
        x = self.reduce(x)  # 128×13×13
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")  # 128×26×26
        x = torch.cat([x, joined], 1)  # 384×26×26
        fine = self.head4(x)  # 255×26×26
        return coarse, fine


def yolov4(classes: int = 80, in_channels: int = 3, activation: Activation = "mish") -> YOLOv4:
    """YOLOv4 with Mish in its backbone, or with leaky ReLU as in the authors' `yolov4-leaky`."""
    return YOLOv4(activation=activation, classes=classes, in_channels=in_channels)


def yolov4_tiny(classes: int = 80, in_channels: int = 3) -> YOLOv4Tiny:
    """YOLOv4-tiny: 21 convolutions and two heads."""
    return YOLOv4Tiny(classes=classes, in_channels=in_channels)
