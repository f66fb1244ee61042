"""Inception v3: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016.

Four rules for growing a network, above all: shrink no grid abruptly, and factorise. A 7×7 becomes
1×7 then 7×1 (Fig. 6), a 3×3 on the coarsest grid 1×3 beside 3×1 (Fig. 7), and a grid is halved by
convolutions and a pool side by side (Fig. 10). Smoothed labels, RMSProp and batch normalisation in
the auxiliary head, which here only regularises, add the rest: 21.2 % top-1 and 5.6 % top-5 error on
ImageNet's validation set with one crop (Table 3); 3.58 % top-5 on the test set for four networks
with 144 crops each (Table 5), second in ILSVRC 2015.

The paper prints no numbers of channels for its modules, and the stem of its Table 1 is not the one
that its authors released (TF-slim). The network here is the released one; its modules keep the
release's names. "Inception v2" of the paper's Table 3 was never released: `inception_v2.py` is
BN-Inception, which is also called so.

Departures: batch norm has learned scales, 17,216 numbers that the release leaves out. The paper
does not say whether an average at the border counts the padding: ours does, as torchvision's and
timm's networks, which this equals; with `count_padding=False` it does not, as in the release. The
paper names no weight for the auxiliary loss: 0.4 is that of its authors' training code, like the
dropout of 0.2.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.layers import (
    Branches,
    ConvBNReLU,
    Linear,
    Network,
    Output,
    TrainingOutput,
    check_input,
    collect,
    initialise,
    is_scripting,
)

# What the figures leave open, as released. Fig. 5: channels of the pool's projection in each module
# at 35×35. Fig. 6: channels of all but the last 1×7 and 7×1 in each module at 17×17.
PROJECTIONS = {"5b": 32, "5c": 64, "5d": 64}
FACTORISED = {"6b": 128, "6c": 160, "6d": 160, "6e": 192}


def conv(inputs: int, outputs: int, height: int, width: int) -> ConvBNReLU:
    """Convolution that keeps the grid, with batch norm and ReLU."""
    padding = (height // 2, width // 2)
    return ConvBNReLU(inputs, outputs, (height, width), padding=padding, eps=1e-3)


def valid(inputs: int, outputs: int, stride: int = 1) -> ConvBNReLU:
    """3×3 convolution without padding, with batch norm and ReLU."""
    return ConvBNReLU(inputs, outputs, 3, stride, eps=1e-3)


def pooled(inputs: int, outputs: int, count_padding: bool) -> nn.Sequential:
    """3×3 average pool that keeps the grid, then 1×1."""
    return nn.Sequential(
        nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=count_padding),
        conv(inputs, outputs, 1, 1),
    )


def figure_5(inputs: int, projection: int, count_padding: bool) -> dict[str, nn.Module]:
    """35×35: GoogLeNet's module with two 3×3 in a row (5×5 stays in the other branch)."""
    return {
        "1x1": conv(inputs, 64, 1, 1),
        "5x5": nn.Sequential(conv(inputs, 48, 1, 1), conv(48, 64, 5, 5)),
        "double3x3": nn.Sequential(conv(inputs, 64, 1, 1), conv(64, 96, 3, 3), conv(96, 96, 3, 3)),
        "pool": pooled(inputs, projection, count_padding),
    }


def figure_6(inputs: int, n: int, count_padding: bool) -> dict[str, nn.Module]:
    """17×17: n×n factorised into 1×7 and 7×1, once and twice."""
    return {
        "1x1": conv(inputs, 192, 1, 1),
        "7x7": nn.Sequential(conv(inputs, n, 1, 1), conv(n, n, 1, 7), conv(n, 192, 7, 1)),
        "double7x7": nn.Sequential(
            conv(inputs, n, 1, 1),
            conv(n, n, 7, 1),
            conv(n, n, 1, 7),
            conv(n, n, 7, 1),
            conv(n, 192, 1, 7),
        ),
        "pool": pooled(inputs, 192, count_padding),
    }


def figure_7(inputs: int, count_padding: bool) -> dict[str, nn.Module]:
    """8×8: 1×3 and 3×1 side by side, for features of many dimensions."""

    def expanded() -> Branches:
        return Branches({"1x3": conv(384, 384, 1, 3), "3x1": conv(384, 384, 3, 1)})

    return {
        "1x1": conv(inputs, 320, 1, 1),
        "3x3": nn.Sequential(conv(inputs, 384, 1, 1), expanded()),
        "double3x3": nn.Sequential(conv(inputs, 448, 1, 1), conv(448, 384, 3, 3), expanded()),
        "pool": pooled(inputs, 192, count_padding),
    }


def reduction_17(inputs: int) -> dict[str, nn.Module]:
    """Fig. 10: 35×35 to 17×17 by convolutions and a pool side by side."""
    return {
        "3x3": valid(inputs, 384, stride=2),
        "double3x3": nn.Sequential(
            conv(inputs, 64, 1, 1), conv(64, 96, 3, 3), valid(96, 96, stride=2)
        ),
        "pool": nn.MaxPool2d(3, stride=2),
    }


def reduction_8(inputs: int) -> dict[str, nn.Module]:
    """17×17 to 8×8, likewise, with a factorised 7×7 before one of the 3×3."""
    return {
        "3x3": nn.Sequential(conv(inputs, 192, 1, 1), valid(192, 320, stride=2)),
        "7x7": nn.Sequential(
            conv(inputs, 192, 1, 1),
            conv(192, 192, 1, 7),
            conv(192, 192, 7, 1),
            valid(192, 192, stride=2),
        ),
        "pool": nn.MaxPool2d(3, stride=2),
    }


@torch.fx.wrap  # one step of a traced graph, which decides by the size of what it is given
def to_five_by_five(x: Tensor) -> Tensor:
    """Pool a map of 17×17 or finer as the paper does, a coarser one adaptively to 5×5."""
    if min(x.shape[2], x.shape[3]) >= 17:
        return F.avg_pool2d(x, 5, stride=3)
    return F.adaptive_avg_pool2d(x, (5, 5))


class AuxiliaryHead(nn.Module):
    """Fig. 8, on the last 17×17 map: 5×5/3 average pool, 1×1 to 128, 5×5 to 768, classes.

    The 5×5 convolution is unpadded: it sees the whole 5×5 grid that the pool leaves of a 17×17 map
    (images of 299 px). A coarser map is pooled adaptively to 5×5 instead, so that smaller images
    train too; of a finer one the positions are averaged.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv1 = conv(inputs, 128, 1, 1)
        self.conv2 = ConvBNReLU(128, 768, 5, eps=1e-3)
        self.fc = Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to logits (N, classes)."""
        x = to_five_by_five(x)  # 768×5×5
        x = self.conv1(x)  # 128×5×5
        x = self.conv2(x)  # 768×1×1
        x = self.fc(x.mean((2, 3)))  # 1000
        return x


class InceptionV3(Network):
    """The released network, from the stem to the classifier.

    Takes (N, in_channels, H, W) from 75 px up (the paper: 299) and gives logits (N, classes); with
    the `auxiliary` head in training mode `TrainingOutput(logits, (the head's,))`. A scripted
    network is for inference: it gives logits alone.
    """

    def __init__(
        self,
        *,
        auxiliary: bool = True,
        count_padding: bool = True,
        attention: Attention = None,
        dropout: float = 0.2,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 299, 299)
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 192, 288, 768, 2048)
        self.auxiliary_weights = (0.4,) if auxiliary else ()

        def module(branches: dict[str, nn.Module], outputs: int) -> Branches:
            return Branches(branches, make_attention(attention, outputs))

        def fig_5(inputs: int, name: str, outputs: int) -> Branches:
            return module(figure_5(inputs, PROJECTIONS[name], count_padding), outputs)

        def fig_6(name: str) -> Branches:
            return module(figure_6(768, FACTORISED[name], count_padding), 768)

        def fig_7(inputs: int) -> Branches:
            return module(figure_7(inputs, count_padding), 2048)

        self.conv_1a = valid(in_channels, 32, stride=2)
        self.conv_2a = valid(32, 32)
        self.conv_2b = conv(32, 64, 3, 3)
        self.pool_3a = nn.MaxPool2d(3, stride=2)
        self.conv_3b = conv(64, 80, 1, 1)
        self.conv_4a = valid(80, 192)
        self.pool_5a = nn.MaxPool2d(3, stride=2)
        self.mixed_5b = fig_5(192, "5b", 256)
        self.mixed_5c = fig_5(256, "5c", 288)
        self.mixed_5d = fig_5(288, "5d", 288)
        self.mixed_6a = module(reduction_17(288), 768)
        self.mixed_6b = fig_6("6b")
        self.mixed_6c = fig_6("6c")
        self.mixed_6d = fig_6("6d")
        self.mixed_6e = fig_6("6e")
        self.mixed_7a = module(reduction_8(768), 1280)
        self.mixed_7b = fig_7(1280)
        self.mixed_7c = fig_7(2048)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(2048, classes)
        self.aux = AuxiliaryHead(768, classes) if auxiliary else None
        # As in the release (where a normal's tails are cut), but for the classifier, which is ours.
        initialise(self, {"aux.conv2.conv": 0.01, "aux.fc": 0.001})

    def trunk(self, x: Tensor, finer: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Give the last 17×17 map, where the auxiliary head sits, and the last map."""
        check_input(x, "Inception v3", self.input_size[0], minimum=75)
        x = self.conv_1a(x)  # 32×149×149
        x = self.conv_2a(x)  # 32×147×147
        x = self.conv_2b(x)  # 64×147×147
        x = self.pool_3a(collect(x, finer))  # 64×73×73
        x = self.conv_3b(x)  # 80×73×73
        x = self.conv_4a(x)  # 192×71×71
        x = self.pool_5a(collect(x, finer))  # 192×35×35
        x = self.mixed_5b(x)  # 256×35×35
        x = self.mixed_5c(x)  # 288×35×35
        x = self.mixed_5d(x)  # 288×35×35
        x = self.mixed_6a(collect(x, finer))  # 768×17×17
        x = self.mixed_6b(x)  # 768×17×17
        x = self.mixed_6c(x)  # 768×17×17
        x = self.mixed_6d(x)  # 768×17×17
        x = after_6e = self.mixed_6e(x)  # 768×17×17
        x = self.mixed_7a(collect(x, finer))  # 1280×8×8
        x = self.mixed_7b(x)  # 2048×8×8
        x = self.mixed_7c(x)  # 2048×8×8
        return after_6e, x

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 2048, 8, 8) of 299 px."""
        return self.trunk(x, finer)[1]

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 2048)."""
        x = self.pool(self.features(x))  # 2048×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Output:
        """Map (N, in_channels, H, W) to logits (N, classes), with the head's logits in training."""
        after_6e, x = self.trunk(x)
        x = self.pool(x)  # 2048×1×1
        logits: Tensor = self.fc(self.dropout(x.flatten(1)))  # 1000
        if not is_scripting():  # noqa: SIM102 - the compiler takes this condition alone
            if self.training and self.aux is not None:
                return TrainingOutput(logits, (self.aux(after_6e),))
        return logits


def inception_v3(
    classes: int = 1000,
    in_channels: int = 3,
    *,
    auxiliary: bool = True,
    count_padding: bool = True,
    attention: Attention = None,
    dropout: float = 0.2,
) -> InceptionV3:
    """Inception v3 with its auxiliary head (`auxiliary=False`: without)."""
    return InceptionV3(
        auxiliary=auxiliary,
        count_padding=count_padding,
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )
