"""Attention blocks that every residual or Inception network takes: ``attention="se"|"cbam"``.

Such a block weighs a feature map by what the whole map shows, at the price of up to a tenth more
parameters and hardly any arithmetic.

Squeeze-and-excitation: Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks", CVPR 2018.
A weight for each channel, computed from all channels' averages; SE-ResNet-50 reached 23.29 % top-1
error on ImageNet's validation set against 24.80 % without (single crop, Table 2).

CBAM: Woo, Park, Lee, Kweon, "CBAM: Convolutional Block Attention Module", ECCV 2018. The channels'
weights look at maxima as well as averages, then a second gate weighs the positions; CBAM-ResNet-50
reached 22.66 % top-1 error (single crop, Table 4).

In a residual block it stands before the addition; the plain networks have no block to put it in.

The papers name no start for the gates: they start as the network that takes them starts its
convolutions, with zero biases.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import NetworkError
from striate.zoo.layers import Conv2d

Attention = Literal["se", "cbam"] | None


def hidden_units(channels: int, reduction: int) -> int:
    """Give channels / reduction, the width between a gate's two layers.

    Raises:
        NetworkError: if fewer channels than `reduction` leave no hidden unit.

    Examples:
        >>> hidden_units(64, reduction=16)
        4
    """
    if channels < reduction:
        raise NetworkError(
            f"attention on {channels} channels",
            f"a reduction by {reduction} leaves no hidden unit",
            f"reduce by {channels} or less",
        )
    return channels // reduction


class SqueezeExcitation(nn.Module):
    """Sec. 3: squeeze (global average), excite (two dense layers, r = `reduction`), scale (Fig. 1).

    The dense layers are 1×1 convolutions on a map of one position, with biases as in the authors'
    release; r = 16 is the paper's choice (Sec. 6.1).
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = hidden_units(channels, reduction)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(channels, hidden, 1)
        self.fc2 = Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape, each channel times its weight in 0 … 1."""
        gate = self.pool(x)  # C×1×1
        gate = F.relu(self.fc1(gate), inplace=True)  # C/r×1×1
        gate = torch.sigmoid(self.fc2(gate))  # C×1×1
        return x * gate


class ChannelGate(nn.Module):
    """Sec. 3.1, Eq. 2: one perceptron on the channels' averages and on their maxima, summed."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = hidden_units(channels, reduction)
        self.fc1 = Conv2d(channels, hidden, 1)
        self.fc2 = Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape, each channel times its weight in 0 … 1."""
        average = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)), inplace=True))
        peak = self.fc2(F.relu(self.fc1(x.amax((2, 3), keepdim=True)), inplace=True))
        return x * torch.sigmoid(average + peak)


class SpatialGate(nn.Module):
    """Sec. 3.2, Eq. 3: a 7×7 convolution on the average and the maximum over channels.

    The convolution has no bias but batch normalisation, and that a momentum of 0.01, as in the
    authors' release; the paper's text shows the convolution alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape, each position times its weight in 0 … 1."""
        gate = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)  # 2×H×W
        gate = torch.sigmoid(self.bn(self.conv(gate)))  # 1×H×W
        return x * gate


class CBAM(nn.Module):
    """Fig. 1: the channel gate, then the spatial gate (the order that Table 3 found best)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.channel = ChannelGate(channels, reduction)
        self.spatial = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        x = self.channel(x)
        return self.spatial(x)  # type: ignore[no-any-return]


def make_attention(attention: Attention, channels: int, reduction: int = 16) -> nn.Module:
    """Make the block called `attention` for `channels`; None = none (the identity).

    Raises:
        NetworkError: for another name; for fewer channels than `reduction`.
    """
    if attention is None:
        return nn.Identity()
    if attention == "se":
        return SqueezeExcitation(channels, reduction)
    if attention == "cbam":
        return CBAM(channels, reduction)
    raise NetworkError(
        f"attention '{attention}'", "there are 'se' and 'cbam'", "choose one of them, or none"
    )
