"""Xception: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017.

An Inception module looks at channels (1×1) and at positions (3×3) in a few separate groups. The
extreme of that idea has a group for each channel: a depthwise 3×3 looks at positions alone, a 1×1
at channels alone, with nothing between them (a non-linearity there harms, Fig. 10). A straight
stack of such layers with residual connections, as large as Inception v3, beats it on ImageNet's
validation set, 5.5 % to 5.9 % top-5 error with one crop, and by more on 350 million images (Tables
1 and 2).

The paper gives neither the start of the weights nor batch norm's constant: Glorot's uniform start,
1e-3 and the padding of its strided layers are those of its author's release (Keras).

`xception_timm` is the form of the PyTorch ports and equals timm's `legacy_xception`: their pools
pad an even grid before its start as well, so that every window lies one position earlier, and
batch norm's constant is 1e-5, though the ported weights were trained with the release's.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from torch import Tensor, nn

from striate.zoo.attention import Attention, make_attention
from striate.zoo.layers import (
    Conv2d,
    ConvBNReLU,
    Linear,
    MaxPoolSame,
    Network,
    check_input,
    collect,
    set_zero,
)

# Fig. 5: channels of the separable convolutions in each module.
ENTRY_FLOW = ((128, 128), (256, 256), (728, 728))
MIDDLE_FLOW = ((728, 728, 728),) * 8
EXIT_FLOW = (728, 1024)
LAST = (1536, 2048)


class Separable(nn.Module):
    """Depthwise 3×3, then 1×1, then batch norm; no non-linearity between the two convolutions."""

    def __init__(self, inputs: int, outputs: int, eps: float) -> None:
        super().__init__()
        self.depthwise = Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = Conv2d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H, W)."""
        return self.bn(self.pointwise(self.depthwise(x)))  # type: ignore[no-any-return]


class Module(nn.Module):
    """A module of Fig. 5: separable convolutions, ReLU before each, around them a shortcut.

    With a `pool` the module halves the grid, and its shortcut is a 1×1 convolution of stride 2.
    """

    def __init__(
        self,
        inputs: int,
        channels: tuple[int, ...],
        *,
        eps: float,
        pool: nn.Module | None = None,
        relu_first: bool = True,
        attention: Attention = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReLU()] if relu_first else []
        before = inputs
        for index, outputs in enumerate(channels):
            if index:
                layers.append(nn.ReLU(inplace=True))
            layers.append(Separable(before, outputs, eps))
            before = outputs
        self.shortcut: nn.Module = nn.Identity()
        if pool is not None:
            layers.append(pool)
            self.shortcut = nn.Sequential(
                Conv2d(inputs, before, 1, stride=2, bias=False), nn.BatchNorm2d(before, eps=eps)
            )
        self.layers = nn.Sequential(*layers)
        self.attention = make_attention(attention, before)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, channels[-1], H, W), or to half the grid, rounded up."""
        return self.attention(self.layers(x)) + self.shortcut(x)  # type: ignore[no-any-return]


class Xception(Network):
    """Fig. 5: entry flow, middle flow, exit flow.

    Takes (N, in_channels, H, W) from 7 px up (the paper: 299) and gives logits (N, classes).
    """

    def __init__(
        self,
        *,
        as_timm: bool = False,
        attention: Attention = None,
        dropout: float = 0.5,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 299, 299)
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, 128, 256, 728, 2048)
        eps = 1e-5 if as_timm else 1e-3

        def module(inputs: int, channels: tuple[int, ...], relu_first: bool = True) -> Module:
            pool = nn.MaxPool2d(3, stride=2, padding=1) if as_timm else MaxPoolSame()
            return Module(
                inputs, channels, eps=eps, pool=pool, relu_first=relu_first, attention=attention
            )

        self.conv1 = ConvBNReLU(in_channels, 32, 3, stride=2, eps=eps)
        self.conv2 = ConvBNReLU(32, 64, 3, eps=eps)
        self.entry1 = module(64, ENTRY_FLOW[0], relu_first=False)
        self.entry2 = module(128, ENTRY_FLOW[1])
        self.entry3 = module(256, ENTRY_FLOW[2])
        self.middle = nn.Sequential(
            *(Module(728, channels, eps=eps, attention=attention) for channels in MIDDLE_FLOW)
        )
        self.exit = module(728, EXIT_FLOW)
        self.separable1 = nn.Sequential(Separable(1024, LAST[0], eps), nn.ReLU(inplace=True))
        self.separable2 = nn.Sequential(Separable(LAST[0], LAST[1], eps), nn.ReLU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(LAST[1], classes)
        self._initialise()

    def _initialise(self) -> None:
        """Glorot's uniform start and zero biases throughout, as in the release."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                set_zero(layer.bias)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 2048, 10, 10) of 299 px."""
        check_input(x, "Xception", self.input_size[0], minimum=7)
        x = self.conv1(x)  # 32×149×149
        x = self.conv2(x)  # 64×147×147
        x = self.entry1(collect(x, finer))  # 128×74×74
        x = self.entry2(collect(x, finer))  # 256×37×37
        x = self.entry3(collect(x, finer))  # 728×19×19
        x = self.middle(x)  # 728×19×19
        x = self.exit(collect(x, finer))  # 1024×10×10
        x = self.separable1(x)  # 1536×10×10
        x = self.separable2(x)  # 2048×10×10
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 2048)."""
        x = self.pool(self.features(x))  # 2048×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.dropout(self.embed(x)))  # 1000
        return x


def xception(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None, dropout: float = 0.5
) -> Xception:
    """Xception as in the paper and its author's release."""
    return Xception(attention=attention, dropout=dropout, classes=classes, in_channels=in_channels)


def xception_timm(
    classes: int = 1000, in_channels: int = 3, attention: Attention = None, dropout: float = 0.5
) -> Xception:
    """Xception in the form of the PyTorch ports, which equals timm's `legacy_xception`."""
    return Xception(
        as_timm=True,
        attention=attention,
        dropout=dropout,
        classes=classes,
        in_channels=in_channels,
    )
