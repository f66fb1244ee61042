"""Inception v4: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning", AAAI 2017.

Earlier Inception networks carried choices that an old training system had forced on them. Freed of
those, v4 is uniform and deeper: a stem that halves the grid by convolutions and pools side by side,
then modules A, B and C, identical within each grid, with reductions between. 5.0 % top-5 error on
ImageNet's validation set with one crop (Table 2), 3.8 % with 144 (Table 4); together with three
Inception-ResNet v2 (`inception_resnet.py`, the same paper) 3.08 % on the test set (Table 5).

The paper does not say how weights start: ours is He initialisation, as in its authors' release
(where a normal's tails are cut). Batch norm has learned scales, which the release leaves out.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.inception_v3 import conv, valid
from striate.zoo.layers import Branches, Linear, Network, check_input, collect, initialise

# Table 1: channels k, l, m, n of Reduction-A (Fig. 7) in the three networks of the paper.
TABLE_1 = {
    "inception_v4": (192, 224, 256, 384),
    "inception_resnet_v1": (192, 192, 256, 384),
    "inception_resnet_v2": (256, 256, 384, 384),
}

# Fig. 9: how often each module runs.
BLOCKS = {"A": 4, "B": 7, "C": 3}


def pooled(inputs: int, outputs: int) -> nn.Sequential:
    """3×3 average pool that keeps the grid, then 1×1; padding does not count in the average."""
    return nn.Sequential(
        nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), conv(inputs, outputs, 1, 1)
    )


class Stem(nn.Module):
    """Fig. 3: an image to 384×35×35, halving the grid by a convolution and a pool side by side."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = valid(inputs, 32, stride=2)
        self.conv2 = valid(32, 32)
        self.conv3 = conv(32, 64, 3, 3)
        self.mixed1 = Branches(
            {"pool": nn.MaxPool2d(3, stride=2), "3x3": valid(64, 96, stride=2)},
        )
        self.mixed2 = Branches(
            {
                "3x3": nn.Sequential(conv(160, 64, 1, 1), valid(64, 96)),
                "7x7": nn.Sequential(
                    conv(160, 64, 1, 1), conv(64, 64, 1, 7), conv(64, 64, 7, 1), valid(64, 96)
                ),
            }
        )
        self.mixed3 = Branches(
            {"3x3": valid(192, 192, stride=2), "pool": nn.MaxPool2d(3, stride=2)},
        )

    def forward(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Map (N, inputs, H, W) to (N, 384, about H / 8, W / 8)."""
        x = self.conv1(x)  # 32×149×149
        x = self.conv2(x)  # 32×147×147
        x = self.conv3(x)  # 64×147×147
        x = self.mixed1(collect(x, finer))  # 160×73×73
        x = self.mixed2(x)  # 192×71×71
        x = self.mixed3(collect(x, finer))  # 384×35×35
        return x


def module_a() -> dict[str, nn.Module]:
    """Fig. 4, at 35×35: 384 channels to 384."""
    return {
        "1x1": conv(384, 96, 1, 1),
        "3x3": nn.Sequential(conv(384, 64, 1, 1), conv(64, 96, 3, 3)),
        "double3x3": nn.Sequential(conv(384, 64, 1, 1), conv(64, 96, 3, 3), conv(96, 96, 3, 3)),
        "pool": pooled(384, 96),
    }


def module_b() -> dict[str, nn.Module]:
    """Fig. 5, at 17×17: 1024 channels to 1024."""
    return {
        "1x1": conv(1024, 384, 1, 1),
        "7x7": nn.Sequential(conv(1024, 192, 1, 1), conv(192, 224, 1, 7), conv(224, 256, 7, 1)),
        "double7x7": nn.Sequential(
            conv(1024, 192, 1, 1),
            conv(192, 192, 7, 1),
            conv(192, 224, 1, 7),
            conv(224, 224, 7, 1),
            conv(224, 256, 1, 7),
        ),
        "pool": pooled(1024, 128),
    }


def module_c() -> dict[str, nn.Module]:
    """Fig. 6, at 8×8: 1536 channels to 1536."""

    def expanded(inputs: int) -> Branches:
        return Branches({"1x3": conv(inputs, 256, 1, 3), "3x1": conv(inputs, 256, 3, 1)})

    return {
        "1x1": conv(1536, 256, 1, 1),
        "3x3": nn.Sequential(conv(1536, 384, 1, 1), expanded(384)),
        "double3x3": nn.Sequential(
            conv(1536, 384, 1, 1), conv(384, 448, 3, 1), conv(448, 512, 1, 3), expanded(512)
        ),
        "pool": pooled(1536, 256),
    }


def reduction_a(inputs: int, network: str) -> dict[str, nn.Module]:
    """Fig. 7, 35×35 to 17×17: `inputs` channels to inputs + m + n of `network`'s row of Table 1."""
    k, l, m, n = TABLE_1[network]  # noqa: E741 - the paper's letters
    return {
        "3x3": valid(inputs, n, stride=2),
        "double3x3": nn.Sequential(conv(inputs, k, 1, 1), conv(k, l, 3, 3), valid(l, m, stride=2)),
        "pool": nn.MaxPool2d(3, stride=2),
    }


def reduction_b() -> dict[str, nn.Module]:
    """Fig. 8, 17×17 to 8×8: 1024 channels to 1536."""
    return {
        "3x3": nn.Sequential(conv(1024, 192, 1, 1), valid(192, 192, stride=2)),
        "7x7": nn.Sequential(
            conv(1024, 256, 1, 1),
            conv(256, 256, 1, 7),
            conv(256, 320, 7, 1),
            valid(320, 320, stride=2),
        ),
        "pool": nn.MaxPool2d(3, stride=2),
    }


class InceptionV4(Network):
    """Fig. 9, from the stem to the classifier.

    Takes (N, in_channels, H, W) from 75 px up (the paper: 299) and gives logits (N, classes).
    """

    def __init__(
        self,
        *,
        attention: Attention = None,
        dropout: float = 0.2,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 299, 299)
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 192, 384, 1024, 1536)

        def module(branches: dict[str, nn.Module], outputs: int) -> Branches:
            return Branches(branches, make_attention(attention, outputs))

        self.stem = Stem(in_channels)
        self.inception_a = nn.Sequential(*(module(module_a(), 384) for _ in range(BLOCKS["A"])))
        self.reduction_a = module(reduction_a(384, "inception_v4"), 1024)
        self.inception_b = nn.Sequential(*(module(module_b(), 1024) for _ in range(BLOCKS["B"])))
        self.reduction_b = module(reduction_b(), 1536)
        self.inception_c = nn.Sequential(*(module(module_c(), 1536) for _ in range(BLOCKS["C"])))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(1536, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 1536, 8, 8) of 299 px."""
        check_input(x, "Inception v4", self.input_size[0], minimum=75)
        x = self.stem(x, finer)  # 384×35×35
        x = self.inception_a(x)  # 384×35×35
        x = self.reduction_a(collect(x, finer))  # 1024×17×17
        x = self.inception_b(x)  # 1024×17×17
        x = self.reduction_b(collect(x, finer))  # 1536×8×8
        x = self.inception_c(x)  # 1536×8×8
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 1536)."""
        x = self.pool(self.features(x))  # 1536×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.dropout(self.embed(x)))  # 1000
        return x


def inception_v4(
    classes: int = 1000,
    in_channels: int = 3,
    attention: Attention = None,
    dropout: float = 0.2,
) -> InceptionV4:
    """Inception v4, which equals timm's."""
    return InceptionV4(
        attention=attention, dropout=dropout, classes=classes, in_channels=in_channels
    )
