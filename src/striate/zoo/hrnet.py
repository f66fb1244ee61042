"""HRNet: Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", 2019.

Other networks go down to a coarse grid and lose where things are. This one keeps a fine grid
(a quarter of the image) to the end, adds a branch of half the grid and twice the channels at each
stage, and lets all branches exchange what they have seen after every four blocks (Fig. 2, 3). Made
for poses and segmentation; with the head of Fig. 4 it classifies: 23.2, 21.5 and 20.7 % top-1 error
on ImageNet for widths 18, 32 and 48 (single crop, the authors' release), with fewer parameters and
less arithmetic than residual networks of the same error.

Layer table and start (He initialisation over fan-out) are the authors' release; biases, which only
the head's convolutions have, start at zero and its classifier at N(0, 0.01²). Equal to timm's.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.attention import Attention
from striate.zoo.layers import Conv2d, Linear, Network, check_input, collect, set_zero
from striate.zoo.resnet import BasicBlock, Bottleneck, Form

# Table 1 with width C: for stages 2 to 4 the number of exchange modules; each module has as many
# branches as the stage's number, branch i with 4 residual blocks of C · 2^i channels on a grid of
# 56 / 2^i. Stage 1 has 4 bottlenecks of 64 channels on the grid of 56.
MODULES = {2: 1, 3: 4, 4: 3}

# Fig. 4: the head raises the branches to so many channels, by a bottleneck of a quarter each.
HEAD = (128, 256, 512, 1024)


def unit(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    *,
    relu: bool = True,
    bias: bool = False,
) -> nn.Sequential:
    """Convolution, batch normalisation and, with `relu`, ReLU."""
    conv = Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(outputs)]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def fusion(source: int, target: int, width: int) -> nn.Module:
    """Make the way from branch `source` to branch `target` (Fig. 3).

    Downwards 3×3 convolutions with stride 2, ReLU between them; upwards a 1×1, after which `Fusion`
    enlarges the map; none to itself.
    """
    inputs, outputs = width * 2**source, width * 2**target
    if source == target:
        return nn.Identity()
    if source > target:
        return unit(inputs, outputs, 1, relu=False)
    steps = [unit(inputs, inputs, 3, 2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, unit(inputs, outputs, 3, 2, relu=False))


class Fusion(nn.Module):
    """The sum of what all branches say to one (Fig. 3), then ReLU."""

    def __init__(self, count: int, target: int, width: int) -> None:
        super().__init__()
        self.target = target
        self.paths = nn.ModuleList(fusion(source, target, width) for source in range(count))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Map the branches' maps to one of the target's shape."""
        total = own = maps[self.target]  # the first term replaces it
        for source, path in enumerate(self.paths):
            term = path(maps[source])
            if source > self.target:
                term = F.interpolate(term, size=own.shape[2:], mode="nearest")
            total = term if source == 0 else total + term
        return F.relu(total, inplace=True)


class ExchangeModule(nn.Module):
    """Four residual blocks on each branch, then every branch gets the sum of all (Fig. 3)."""

    def __init__(self, count: int, width: int, attention: Attention) -> None:
        super().__init__()
        widths, form = [width * 2**index for index in range(count)], Form(attention=attention)
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(each, each, 1, form) for _ in range(4))) for each in widths
        )
        self.fusions = nn.ModuleList(Fusion(count, target, width) for target in range(count))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the branches' maps to as many of the same shapes."""
        seen = [branch(maps[index]) for index, branch in enumerate(self.branches)]
        return [fuse(seen) for fuse in self.fusions]


class Transition(nn.Module):
    """Bring the branches to their stage's channels and add one of half the grid."""

    def __init__(self, before: list[int], after: list[int]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.Identity() if inputs == outputs else unit(inputs, outputs, 3)
            for inputs, outputs in zip(before, after, strict=False)
        )
        self.new = unit(before[-1], after[-1], 3, 2)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the branches' maps to one more; the new one comes from the coarsest."""
        moved = [path(maps[index]) for index, path in enumerate(self.paths)]
        moved.append(self.new(maps[-1]))
        return moved


class ExchangeStage(nn.Module):
    """Exchange modules one after another."""

    def __init__(self, count: int, branches: int, width: int, attention: Attention) -> None:
        super().__init__()
        self.steps = nn.ModuleList(ExchangeModule(branches, width, attention) for _ in range(count))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the branches' maps to as many of the same shapes."""
        for step in self.steps:
            maps = step(maps)
        return maps


class Head(nn.Module):
    """Fig. 4: raise the channels, add the finer maps to the coarser ones, 1×1 to 2048."""

    def __init__(self, widths: list[int], form: Form) -> None:
        super().__init__()
        self.raised = nn.ModuleList(
            Bottleneck(inputs, outputs // 4, 1, form)
            for inputs, outputs in zip(widths, HEAD, strict=True)
        )
        self.down = nn.ModuleList(
            unit(inputs, outputs, 3, 2, bias=True) for inputs, outputs in pairwise(HEAD)
        )
        self.last = unit(HEAD[-1], 2048, 1, bias=True)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Map the branches' maps to (N, 2048, h, w) on the coarsest grid."""
        raised = [block(maps[index]) for index, block in enumerate(self.raised)]
        x = raised[0]
        for index, down in enumerate(self.down):
            x = raised[index + 1] + down(x)
        return self.last(x)  # type: ignore[no-any-return]


class HRNet(Network):
    """Four stages with one to four branches, and the classification head; C = `width`.

    Takes (N, in_channels, H, W) of any size (the paper: 224) and gives logits (N, classes).
    """

    def __init__(
        self,
        width: int,
        *,
        attention: Attention = None,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.input_size = (in_channels, 224, 224)
        widths = [width * 2**index for index in range(4)]
        self.strides = (2, 4, 8, 16, 32)
        self.channels = (64, *widths)
        bottleneck = Form(bottleneck=True, attention=attention)
        self.conv1 = Conv2d(in_channels, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.stage1 = nn.Sequential(
            Bottleneck(64, 64, 1, bottleneck),
            *(Bottleneck(256, 64, 1, bottleneck) for _ in range(3)),
        )
        self.transition1 = Transition([256], widths[:2])
        self.stage2 = ExchangeStage(MODULES[2], 2, width, attention)
        self.transition2 = Transition(widths[:2], widths[:3])
        self.stage3 = ExchangeStage(MODULES[3], 3, width, attention)
        self.transition3 = Transition(widths[:3], widths)
        self.stage4 = ExchangeStage(MODULES[4], 4, width, attention)
        self.head = Head(widths, bottleneck)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(2048, classes)
        self._initialise()

    def _initialise(self) -> None:
        """He initialisation over fan-out, as the authors' release; the classifier at 0.01."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                set_zero(module.bias)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def branches(self, x: Tensor, finer: list[Tensor] | None = None) -> list[Tensor]:
        """Give the last map of each branch: C, 2C, 4C, 8C channels, H / 4 … H / 32 and so on."""
        check_input(x, "HRNet", self.input_size[0])
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 64×112×112
        x = F.relu(self.bn2(self.conv2(collect(x, finer))), inplace=True)  # 64×56×56
        x = self.stage1(x)  # 256×56×56
        maps = self.transition1([x])  # C×56×56 + 2C×28×28
        maps = self.stage2(maps)  # C×56×56 + 2C×28×28
        maps = self.transition2(maps)  # C×56×56 + 2C×28×28 + 4C×14×14
        maps = self.stage3(maps)  # C×56×56 + 2C×28×28 + 4C×14×14
        maps = self.transition3(maps)  # C×56×56 + 2C×28×28 + 4C×14×14 + 8C×7×7
        maps = self.stage4(maps)  # C×56×56 + 2C×28×28 + 4C×14×14 + 8C×7×7
        return maps  # type: ignore[no-any-return]

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the head's feature map, (N, 2048, H / 32, W / 32)."""
        x = self.head(self.branches(x, finer))  # 2048×7×7
        return x

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Give the stem's first map, 64 channels on H / 2, and the last map of each branch.

        The head, which makes `features` of the branches, has no part in them.
        """
        stem: list[Tensor] = []
        maps = self.branches(x, stem)
        return (*stem, *maps)

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 2048)."""
        x = self.pool(self.features(x))  # 2048×1×1
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, classes)."""
        x = self.fc(self.embed(x))  # 1000
        return x


def hrnet_w18(classes: int = 1000, in_channels: int = 3, attention: Attention = None) -> HRNet:
    """HRNet-W18-C: 18, 36, 72 and 144 channels."""
    return HRNet(18, attention=attention, classes=classes, in_channels=in_channels)


def hrnet_w32(classes: int = 1000, in_channels: int = 3, attention: Attention = None) -> HRNet:
    """HRNet-W32-C: 32, 64, 128 and 256 channels."""
    return HRNet(32, attention=attention, classes=classes, in_channels=in_channels)


def hrnet_w48(classes: int = 1000, in_channels: int = 3, attention: Attention = None) -> HRNet:
    """HRNet-W48-C: 48, 96, 192 and 384 channels."""
    return HRNet(48, attention=attention, classes=classes, in_channels=in_channels)
