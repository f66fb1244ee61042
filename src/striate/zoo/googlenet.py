"""GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015 (ILSVRC 2014).

Each Inception module looks at its input with 1×1, 3×3 and 5×5 kernels and a max pool side by side
and concatenates; 1×1 convolutions first reduce the channels, so that 22 layers need about a ninth
of AlexNet's parameters. Global average pooling replaces the large dense layers.
Two auxiliary classifiers in the middle (loss weight 0.3 each) bring gradient to the lower layers
and are thrown away afterwards. First in ILSVRC 2014: 6.67 % top-5 error with 7 networks and 144
crops, 10.07 % with one network and one crop.

`googlenet` is the paper's. The paper does not say how weights start: ours is He initialisation
with zero biases. Nor does it give the constants of local response normalisation: ours are those of
Caffe's GoogLeNet (5 channels, alpha 1e-4 / 5, k = 1).

`googlenet_bn` is common practice and equals torchvision's: batch normalisation after every
convolution instead of biases and local response normalisation, 3×3 in place of the 5×5 (a slip of
an early port that the published weights were trained with), 2×2 for the last pool, dropout 0.2.

`googlenet_naive` has the modules of Fig. 2a, without the 1×1 reductions: its pools pass every
channel through, so each module is wider than the last, and it takes 8 times the multiplications and
14 times the parameters. The paper never trains it: it is the reason for the reductions (Sec. 4).
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
    ConvReLU,
    Linear,
    LocalResponseNorm,
    Network,
    Output,
    TrainingOutput,
    check_input,
    collect,
    initialise,
    is_scripting,
)

# Table 1, the nine modules: #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj; the output has
# the sum of columns 1, 3, 5 and 6.
TABLE_1 = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def unit(
    inputs: int, outputs: int, kernel: int, stride: int = 1, batch_norm: bool = False
) -> nn.Module:
    """Convolution (same grid at stride 1) with its non-linearity, in the paper's or the bn form."""
    padding = kernel // 2
    if batch_norm:
        return ConvBNReLU(inputs, outputs, kernel, stride, padding, eps=1e-3)
    return ConvReLU(inputs, outputs, kernel, stride, padding)


class Inception(nn.Module):
    """Fig. 2b: four branches on the same input, concatenated; `row` is its row of Table 1."""

    def __init__(
        self,
        inputs: int,
        row: tuple[int, int, int, int, int, int],
        batch_norm: bool,
        attention: Attention,
    ) -> None:
        super().__init__()
        n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = row
        large = 3 if batch_norm else 5
        self.branch_1x1 = unit(inputs, n1x1, 1, batch_norm=batch_norm)
        self.branch_3x3 = nn.Sequential(
            unit(inputs, reduce3x3, 1, batch_norm=batch_norm),
            unit(reduce3x3, n3x3, 3, batch_norm=batch_norm),
        )
        self.branch_5x5 = nn.Sequential(
            unit(inputs, reduce5x5, 1, batch_norm=batch_norm),
            unit(reduce5x5, n5x5, large, batch_norm=batch_norm),
        )
        self.branch_pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            unit(inputs, projection, 1, batch_norm=batch_norm),
        )
        self.attention = make_attention(attention, n1x1 + n3x3 + n5x5 + projection)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, #1×1 + #3×3 + #5×5 + pool proj, H, W)."""
        branches = [
            self.branch_1x1(x),
            self.branch_3x3(x),
            self.branch_5x5(x),
            self.branch_pool(x),
        ]
        return self.attention(torch.cat(branches, 1))  # type: ignore[no-any-return]


def naive_inception(
    inputs: int, row: tuple[int, int, int, int, int, int], attention: Attention
) -> Branches:
    """Fig. 2a: 1×1, 3×3, 5×5 and the pool all on the input itself, which the pool passes on."""
    n1x1, _, n3x3, _, n5x5, _ = row
    return Branches(
        {
            "1x1": unit(inputs, n1x1, 1),
            "3x3": unit(inputs, n3x3, 3),
            "5x5": unit(inputs, n5x5, 5),
            "pool": nn.MaxPool2d(3, stride=1, padding=1),
        },
        make_attention(attention, n1x1 + n3x3 + n5x5 + inputs),
    )


@torch.fx.wrap  # one step of a traced graph, which decides by the size of what it is given
def to_four_by_four(x: Tensor, always_adapt: bool) -> Tensor:
    """Pool a map to 4×4: as the paper does where it is 14×14, adaptively otherwise."""
    if x.shape[2] == 14 and x.shape[3] == 14 and not always_adapt:
        return F.avg_pool2d(x, 5, stride=3)
    return F.adaptive_avg_pool2d(x, (4, 4))


class AuxiliaryHead(nn.Module):
    """Sec. 5's side classifier: 5×5/3 average pool, 1×1 to 128, 1024 units, dropout 0.7, classes.

    Its 1024 units see a flattened 4×4 grid, which the paper's pooling gives on a 14×14 map (images
    of 224 px). On any other map the pooling adapts to 4×4 instead, so that other sizes train too;
    `googlenet_bn`, like torchvision, always adapts.
    """

    def __init__(self, inputs: int, classes: int, batch_norm: bool) -> None:
        super().__init__()
        self.always_adapt = batch_norm
        self.conv = unit(inputs, 128, 1, batch_norm=batch_norm)
        self.fc1 = Linear(4 * 4 * 128, 1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to logits (N, classes)."""
        x = to_four_by_four(x, self.always_adapt)
        x = self.conv(x)
        x = F.relu(self.fc1(x.flatten(1)), inplace=True)
        x = self.fc2(self.dropout(x))
        return x


class GoogLeNet(Network):
    """Table 1, from the stem to the classifier.

    `batch_norm` chooses `googlenet_bn`'s form, `naive` that of `googlenet_naive`, which has no
    auxiliary heads.

    Takes (N, in_channels, H, W) from 32 px up (the paper: 224) and gives logits (N, classes); with
    `auxiliary` heads in training mode `TrainingOutput(logits, (head on 4a, head on 4d))`.
    A scripted network is for inference: it gives logits alone.
    """

    def __init__(
        self,
        *,
        batch_norm: bool = False,
        naive: bool = False,
        auxiliary: bool = True,
        attention: Attention = None,
        dropout: float = 0.4,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        self.auxiliary_weights = (0.3, 0.3) if auxiliary else ()

        def norm() -> nn.Module:
            return nn.Identity() if batch_norm else LocalResponseNorm(5, alpha=2e-5, k=1.0)

        width = 192  # channels so far

        def module(name: str) -> nn.Module:
            nonlocal width
            row, inputs = TABLE_1[name], width
            n1x1, _, n3x3, _, n5x5, projection = row
            width = n1x1 + n3x3 + n5x5 + (inputs if naive else projection)
            if naive:
                return naive_inception(inputs, row, attention)
            return Inception(inputs, row, batch_norm, attention)

        self.conv1 = unit(in_channels, 64, 7, stride=2, batch_norm=batch_norm)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = norm()
        self.conv2_reduce = unit(64, 64, 1, batch_norm=batch_norm)
        self.conv2 = unit(64, 192, 3, batch_norm=batch_norm)
        self.norm2 = norm()
        self.pool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception_3a = module("3a")
        self.inception_3b = module("3b")
        after_3b = width
        self.pool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception_4a = module("4a")
        self.inception_4b = module("4b")
        self.inception_4c = module("4c")
        self.inception_4d = module("4d")
        self.inception_4e = module("4e")
        after_4e = width
        self.pool4 = nn.MaxPool2d(2 if batch_norm else 3, stride=2, ceil_mode=True)
        self.inception_5a = module("5a")
        self.inception_5b = module("5b")
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 192, after_3b, after_4e, width)
        self.pool5 = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(width, classes)
        self.aux1 = AuxiliaryHead(512, classes, batch_norm) if auxiliary else None
        self.aux2 = AuxiliaryHead(528, classes, batch_norm) if auxiliary else None
        initialise(self, {"aux1.fc2": 0.01, "aux2.fc2": 0.01})

    def trunk(self, x: Tensor, finer: list[Tensor] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Give the maps after 4a and 4d, where the auxiliary heads sit, and after 5b."""
        check_input(x, "GoogLeNet", self.input_size[0], minimum=32)
        x = self.conv1(x)  # 64×112×112
        x = self.pool1(collect(x, finer))  # 64×56×56
        x = self.norm1(x)  # 64×56×56
        x = self.conv2_reduce(x)  # 64×56×56
        x = self.conv2(x)  # 192×56×56
        x = self.norm2(x)  # 192×56×56
        x = self.pool2(collect(x, finer))  # 192×28×28
        x = self.inception_3a(x)  # 256×28×28, naive 416×28×28
        x = self.inception_3b(x)  # 480×28×28, naive 832×28×28
        x = self.pool3(collect(x, finer))  # 480×14×14, naive 832×14×14
        x = after_4a = self.inception_4a(x)  # 512×14×14, naive 1280×14×14
        x = self.inception_4b(x)  # 512×14×14, naive 1728×14×14
        x = self.inception_4c(x)  # 512×14×14, naive 2176×14×14
        x = after_4d = self.inception_4d(x)  # 528×14×14, naive 2640×14×14
        x = self.inception_4e(x)  # 832×14×14, naive 3344×14×14
        x = self.pool4(collect(x, finer))  # 832×7×7, naive 3344×7×7
        x = self.inception_5a(x)  # 832×7×7, naive 4048×7×7
        x = self.inception_5b(x)  # 1024×7×7, naive 4944×7×7
        return after_4a, after_4d, x

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 1024 or (naive) 4944, H / 32, W / 32)."""
        return self.trunk(x, finer)[2]

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 1024), or (naive) (N, 4944)."""
        x = self.pool5(self.features(x))  # 1024×1×1, naive 4944×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Output:
        """Map (N, in_channels, H, W) to logits (N, classes), with the heads' logits in training."""
        after_4a, after_4d, x = self.trunk(x)
        x = self.pool5(x)  # 1024×1×1, naive 4944×1×1
        logits: Tensor = self.fc(self.dropout(x.flatten(1)))  # 1000
        if not is_scripting():  # noqa: SIM102 - the compiler takes this condition alone
            if self.training and self.aux1 is not None and self.aux2 is not None:
                return TrainingOutput(logits, (self.aux1(after_4a), self.aux2(after_4d)))
        return logits


def googlenet(
    classes: int = 1000,
    in_channels: int = 3,
    auxiliary: bool = True,
    attention: Attention = None,
    dropout: float = 0.4,
) -> GoogLeNet:
    """GoogLeNet as in the paper, with both auxiliary heads (`auxiliary=False`: without)."""
    return GoogLeNet(
        auxiliary=auxiliary,
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )


def googlenet_bn(
    classes: int = 1000,
    in_channels: int = 3,
    auxiliary: bool = False,
    attention: Attention = None,
    dropout: float = 0.2,
) -> GoogLeNet:
    """GoogLeNet with batch normalisation as in torchvision; `auxiliary=True` adds its heads."""
    return GoogLeNet(
        batch_norm=True,
        auxiliary=auxiliary,
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )


def googlenet_naive(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None, dropout: float = 0.4
) -> GoogLeNet:
    """GoogLeNet with the naive modules of Fig. 2a, without auxiliary heads."""
    return GoogLeNet(
        naive=True,
        auxiliary=False,
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )
