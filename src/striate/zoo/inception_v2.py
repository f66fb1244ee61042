"""BN-Inception: Ioffe and Szegedy, "Batch Normalization", ICML 2015; called Inception v2 since.

While a network trains, each layer's inputs keep shifting, because the layers below change. Batch
normalisation gives every channel mean 0 and variance 1 over the batch, then a learned scale and
shift. That allows 30 times GoogLeNet's learning rate and makes dropout and local response
normalisation needless: GoogLeNet's accuracy after a fourteenth of the steps (Fig. 3). The network
of Fig. 5 is GoogLeNet with two 3×3 for each 5×5, average pools within most modules and stride 2 in
modules 3c and 4e in place of pools between them. 7.82 % top-5 error on ImageNet's validation set
with one crop, 5.82 % with 144, an ensemble of six 4.82 % on the test set (Fig. 4, p. 8).

Fig. 5 prints 576 channels after 4c and 4d, where its own columns add up to 608: ours are the
columns, like every Caffe release. The appendix has a separable first convolution (depth multiplier
8) for which those releases have a plain one: `separable_stem=True` is the appendix's. The paper
names 13.6 million parameters, which no reading of its table gives. It says neither how weights
start (ours: He initialisation) nor whether an average at the border counts the padding (ours does,
as Caffe's) nor batch norm's constant (1e-3 is TF-slim's).

"Inception v2" is also the name of a row in Table 3 of "Rethinking the Inception Architecture". That
network is not here: its numbers of channels were never published; see `inception_v3.py`.

`se_inception` is this network with a squeeze-and-excitation block after each module: Hu et al.,
"Squeeze-and-Excitation Networks", CVPR 2018, Fig. 2. A block learns from the whole image how much
each channel counts: 7.14 % top-5 error for 7.89 % without it at 0.03 % more MACs (Table 2).
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.layers import (
    Branches,
    Conv2d,
    ConvBNReLU,
    Linear,
    MaxPoolSame,
    Network,
    check_input,
    collect,
    initialise,
)


class Row(NamedTuple):
    """A row of Fig. 5: channels of each convolution; 0 = there is no such branch or projection."""

    n1x1: int
    reduce3x3: int
    n3x3: int
    reduce_double: int
    n_double: int
    pool: str
    projection: int


# Fig. 5: #1×1, #3×3 reduce, #3×3, double #3×3 reduce, double #3×3, pool + proj. The rows without
# 1×1 have stride 2, and their pool passes all channels through.
FIG_5 = {
    "3a": Row(64, 64, 64, 64, 96, "average", 32),
    "3b": Row(64, 64, 96, 64, 96, "average", 64),
    "3c": Row(0, 128, 160, 64, 96, "max", 0),
    "4a": Row(224, 64, 96, 96, 128, "average", 128),
    "4b": Row(192, 96, 128, 96, 128, "average", 128),
    "4c": Row(160, 128, 160, 128, 160, "average", 128),
    "4d": Row(96, 128, 192, 160, 192, "average", 128),
    "4e": Row(0, 128, 192, 192, 256, "max", 0),
    "5a": Row(352, 192, 320, 160, 224, "average", 128),
    "5b": Row(352, 192, 320, 192, 224, "max", 128),
}


def inception(inputs: int, row: Row, eps: float, attention: Attention) -> Branches:
    """Make the module of one row: (N, inputs, H, W) to the sum of the branches' channels."""

    def unit(inputs: int, outputs: int, kernel: int, stride: int = 1) -> ConvBNReLU:
        return ConvBNReLU(inputs, outputs, kernel, stride, kernel // 2, eps=eps)

    stride = 1 if row.n1x1 else 2
    branches: dict[str, nn.Module] = {}
    if row.n1x1:
        branches["1x1"] = unit(inputs, row.n1x1, 1)
    branches["3x3"] = nn.Sequential(
        unit(inputs, row.reduce3x3, 1),
        unit(row.reduce3x3, row.n3x3, 3, stride),
    )
    branches["double3x3"] = nn.Sequential(
        unit(inputs, row.reduce_double, 1),
        unit(row.reduce_double, row.n_double, 3),
        unit(row.n_double, row.n_double, 3, stride),
    )
    if row.projection:
        pool = nn.AvgPool2d if row.pool == "average" else nn.MaxPool2d
        branches["pool"] = nn.Sequential(
            pool(3, stride=1, padding=1), unit(inputs, row.projection, 1)
        )
    else:
        branches["pool"] = MaxPoolSame()
    outputs = row.n1x1 + row.n3x3 + row.n_double + (row.projection or inputs)
    return Branches(branches, make_attention(attention, outputs))


class SeparableStem(nn.Module):
    """The appendix's first layer: 8 7×7 kernels for each input channel, 1×1 to `outputs`."""

    def __init__(self, inputs: int, outputs: int, eps: float) -> None:
        super().__init__()
        self.depthwise = Conv2d(inputs, 8 * inputs, 7, 2, padding=3, groups=inputs, bias=False)
        self.pointwise = ConvBNReLU(8 * inputs, outputs, 1, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
        return self.pointwise(self.depthwise(x))  # type: ignore[no-any-return]


class InceptionV2(Network):
    """Fig. 5, from the stem to the classifier.

    Takes (N, in_channels, H, W) of any size (the paper: 224) and gives logits (N, classes).
    """

    def __init__(
        self,
        *,
        separable_stem: bool = False,
        attention: Attention = None,
        eps: float = 1e-3,
        dropout: float = 0.0,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 192, 320, 608, 1024)

        def module(inputs: int, name: str) -> Branches:
            return inception(inputs, FIG_5[name], eps, attention)

        self.conv1: nn.Module
        if separable_stem:
            self.conv1 = SeparableStem(in_channels, 64, eps)
        else:
            self.conv1 = ConvBNReLU(in_channels, 64, 7, stride=2, padding=3, eps=eps)
        self.pool1 = MaxPoolSame()
        self.conv2_reduce = ConvBNReLU(64, 64, 1, eps=eps)
        self.conv2 = ConvBNReLU(64, 192, 3, padding=1, eps=eps)
        self.pool2 = MaxPoolSame()
        self.inception_3a = module(192, "3a")
        self.inception_3b = module(256, "3b")
        self.inception_3c = module(320, "3c")
        self.inception_4a = module(576, "4a")
        self.inception_4b = module(576, "4b")
        self.inception_4c = module(576, "4c")
        self.inception_4d = module(608, "4d")
        self.inception_4e = module(608, "4e")
        self.inception_5a = module(1056, "5a")
        self.inception_5b = module(1024, "5b")
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(1024, classes)
        initialise(self)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 1024, H / 32, W / 32)."""
        check_input(x, "Inception v2", self.input_size[0])
        x = self.conv1(x)  # 64×112×112
        x = self.pool1(collect(x, finer))  # 64×56×56
        x = self.conv2_reduce(x)  # 64×56×56
        x = self.conv2(x)  # 192×56×56
        x = self.pool2(collect(x, finer))  # 192×28×28
        x = self.inception_3a(x)  # 256×28×28
        x = self.inception_3b(x)  # 320×28×28
        x = self.inception_3c(collect(x, finer))  # 576×14×14
        x = self.inception_4a(x)  # 576×14×14
        x = self.inception_4b(x)  # 576×14×14
        x = self.inception_4c(x)  # 608×14×14
        x = self.inception_4d(x)  # 608×14×14
        x = self.inception_4e(collect(x, finer))  # 1056×7×7
        x = self.inception_5a(x)  # 1024×7×7
        x = self.inception_5b(x)  # 1024×7×7
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 1024)."""
        x = self.pool(self.features(x))  # 1024×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.dropout(self.embed(x)))  # 1000
        return x


def inception_v2(
    classes: int = 1000,
    in_channels: int = 3,
    separable_stem: bool = False,
    attention: Attention = None,
    dropout: float = 0.0,
) -> InceptionV2:
    """BN-Inception; `separable_stem=True` has the appendix's first layer."""
    return InceptionV2(
        separable_stem=separable_stem,
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )


def se_inception(classes: int = 1000, in_channels: int = 3, dropout: float = 0.0) -> InceptionV2:
    """SE-BN-Inception; batch norm's epsilon is the 1e-5 of Caffe, where its authors trained it."""
    return InceptionV2(
        attention="se", eps=1e-5, dropout=dropout, classes=classes, in_channels=in_channels
    )
