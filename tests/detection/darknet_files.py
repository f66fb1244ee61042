"""Darknet's configurations, written from the shape of its networks, and files of weights for them.

Nothing here reads the networks of the package: OpenCV builds its own from these texts.
"""

from __future__ import annotations

import torch
from torch import nn

from striate.zoo.darknet import Unit
from striate.zoo.yolov4 import Detector

YOLOV4_ANCHORS = "12,16, 19,36, 40,28, 36,75, 76,55, 72,146, 142,110, 192,243, 459,401"
TINY_ANCHORS = "10,14, 23,27, 37,58, 81,82, 135,169, 344,319"


class Text:
    """A configuration as it grows."""

    def __init__(self, size: tuple[int, int], *, raw: bool) -> None:
        self.parts = [f"[net]\nheight={size[0]}\nwidth={size[1]}\nchannels=3\n"]
        # OpenCV suppresses within its layer; with these it gives every row.
        self.raw = "thresh=0\nnms_threshold=0\n" if raw else ""

    def conv(self, filters: int, size: int, activation: str, stride: int = 1) -> None:
        norm = "batch_normalize=1\n" if activation in ("mish", "leaky") else ""
        self.parts.append(
            f"[convolutional]\n{norm}filters={filters}\nsize={size}\nstride={stride}\npad=1\n"
            f"activation={activation}\n"
        )

    def route(self, *layers: int, half: bool = False) -> None:
        group = "groups=2\ngroup_id=1\n" if half else ""
        self.parts.append(f"[route]\nlayers={','.join(map(str, layers))}\n{group}")

    def add(self, text: str) -> None:
        self.parts.append(text)

    def yolo(self, mask: str, anchors: str, classes: int, scale: float, extra: str = "") -> None:
        self.parts.append(
            f"[yolo]\nmask={mask}\nanchors={anchors}\nclasses={classes}\n"
            f"num={anchors.count(', ') + 1}\nscale_x_y={scale}\nnms_kind=greedynms\nbeta_nms=0.6\n"
            f"{extra}{self.raw}"
        )

    def __str__(self) -> str:
        return "\n".join(self.parts)


def yolov4_cfg(
    size: tuple[int, int],
    *,
    width: int = 1,
    classes: int = 80,
    new_coords: bool = False,
    backbone: str = "mish",
    raw: bool = True,
) -> str:
    """The 162 layers, all channels but the heads' divided by `width`."""
    text = Text(size, raw=raw)

    def conv(filters: int, kernel: int, activation: str = "leaky", stride: int = 1) -> None:
        text.conv(filters // width, kernel, activation, stride)

    def five(filters: int) -> None:
        for at in range(5):
            conv(filters * (1 + at % 2), 1 + 2 * (at % 2))

    def head(filters: int, mask: str, scale: float) -> None:
        conv(filters, 3)
        text.conv(3 * (5 + classes), 1, "logistic" if new_coords else "linear")
        extra = "new_coords=1\n" if new_coords else ""
        text.yolo(mask, YOLOV4_ANCHORS, classes, 2.0 if new_coords else scale, extra)

    conv(32, 3, backbone)
    for out, half, hidden, count in (
        (64, 64, 32, 1), (128, 64, 64, 2), (256, 128, 128, 8), (512, 256, 256, 8),
        (1024, 512, 512, 4),
    ):  # fmt: skip
        conv(out, 3, backbone, 2)
        conv(half, 1, backbone)
        text.route(-2)
        conv(half, 1, backbone)
        for _ in range(count):
            conv(hidden, 1, backbone)
            conv(half, 3, backbone)
            text.add("[shortcut]\nfrom=-3\nactivation=linear\n")
        conv(half, 1, backbone)
        text.route(-1, -(3 * count + 4))
        conv(out, 1, backbone)
    conv(512, 1)
    conv(1024, 3)
    conv(512, 1)
    for window, back in ((5, -2), (9, -4), (13, 0)):
        text.add(f"[maxpool]\nstride=1\nsize={window}\n")
        if back:
            text.route(back)
    text.route(-1, -3, -5, -6)
    conv(512, 1)
    conv(1024, 3)
    conv(512, 1)  # 116
    for filters, lateral in ((256, 85), (128, 54)):
        conv(filters, 1)
        text.add("[upsample]\nstride=2\n")
        text.route(lateral)
        conv(filters, 1)
        text.route(-1, -3)
        five(filters)
    head(256, "0,1,2", 1.2)
    text.route(-4)
    conv(256, 3, stride=2)
    text.route(-1, -16)
    five(256)
    head(512, "3,4,5", 1.1)
    text.route(-4)
    conv(512, 3, stride=2)
    text.route(-1, -37)
    five(512)
    head(1024, "6,7,8", 1.05)
    return str(text)


def tiny_cfg(size: tuple[int, int], *, width: int = 1, classes: int = 80, raw: bool = True) -> str:
    """The 38 layers, all channels but the heads' divided by `width`."""
    text = Text(size, raw=raw)

    def conv(filters: int, kernel: int, stride: int = 1) -> None:
        text.conv(filters // width, kernel, "leaky", stride)

    def head(filters: int, mask: str) -> None:
        conv(filters, 3)
        text.conv(3 * (5 + classes), 1, "linear")
        text.yolo(mask, TINY_ANCHORS, classes, 1.05)

    conv(32, 3, 2)
    conv(64, 3, 2)
    for filters in (64, 128, 256):
        conv(filters, 3)
        text.route(-1, half=True)
        conv(filters // 2, 3)
        conv(filters // 2, 3)
        text.route(-1, -2)
        conv(filters, 1)
        text.route(-6, -1)
        text.add("[maxpool]\nsize=2\nstride=2\n")
    conv(512, 3)
    conv(256, 1)
    head(512, "3,4,5")
    text.route(-4)
    conv(128, 1)
    text.add("[upsample]\nstride=2\n")
    text.route(-1, 23)
    head(256, "1,2,3")
    return str(text)


def images(count: int, size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """Smooth colours with edges, (count, 3, height, width) from 0 to 1."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 6, generator=draw)
    smooth = nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
    blocks = nn.functional.interpolate(torch.rand(count, 3, 9, 9, generator=draw), size)
    return (0.7 * smooth + 0.3 * blocks).clamp(0, 1)


def conditioned(network: Detector, *, eps: float, seed: int = 0) -> Detector:
    """Random weights under which an error does not grow: every batch norm's statistics are true.

    A network as it starts multiplies a small difference by thousands on its way.
    """
    torch.manual_seed(seed)
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    for each in norms:
        each.momentum = None  # the average over all that it sees
        each.eps = eps
        nn.init.uniform_(each.weight, 0.7, 1.1)
        nn.init.normal_(each.bias, std=0.1)
    for name, each in network.named_parameters():
        if name.endswith("out.weight"):
            nn.init.normal_(each, std=0.15 * each[0].numel() ** -0.5)
        if name.endswith("conv2.bn.weight") and ".blocks." in name:
            nn.init.uniform_(each, 0.2, 0.4)
    with torch.no_grad():
        network.train()(images(16, (128, 192), seed))
        for unit in [each for each in network.modules() if isinstance(each, Unit)]:
            # A variance of about 1, beside which no epsilon counts.
            scale = unit.bn.running_var.mean().sqrt()
            unit.conv.weight /= scale
            unit.bn.running_mean /= scale
            unit.bn.running_var /= scale**2
    return network.eval()
