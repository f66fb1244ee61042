"""Small networks of blocks for several claims: plain or Inception, with or without shortcuts.

All are drawn alike, after He et al. 2016, Sec. 4.2: a convolution of 3×3 with stride 2, three
stages of blocks of which each has twice the channels and half the grid of the one before, a mean
over places, one dense layer. A block is a number of branches side by side, whose outputs are
concatenated; with a shortcut its input is added, and a ReLU stands behind it. Whatever the
branches, the longest path through a block is two convolutions, so that networks of as many blocks
are as deep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.layers import TrainingOutput

Shortcut: TypeAlias = Literal["none", "a", "b", "c"]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A way through a block.

    Attributes:
        kernels: sides of its convolutions, in order; (height, width) of one that is not square.
        share: of the block's channels that it gives.
        middle: channels between its convolutions, as a share of the block's.
        pools: whether a maximum over 3×3 comes first.
    """

    kernels: tuple[int | tuple[int, int], ...]
    share: float
    middle: float = 0.0
    pools: bool = False


PLAIN = (Branch(kernels=(3, 3), share=1.0, middle=1.0),)
#: In the proportions of GoogLeNet's module 4a, roughly (Szegedy et al. 2015, Table 1).
ONE, THREE, FIVE, POOL = (
    Branch(kernels=(1,), share=0.25),
    Branch(kernels=(1, 3), share=0.5, middle=0.25),
    Branch(kernels=(1, 5), share=0.125, middle=0.0625),
    Branch(kernels=(1,), share=0.125, pools=True),
)
INCEPTION = (ONE, THREE, FIVE, POOL)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a network is made of.

    Attributes:
        width: channels of the first stage.
        blocks: of each stage.
        branches: of each block; their shares are taken in proportion.
        shortcut: ``none``, or how the shortcut meets a change of channels and grid (He et al. 2016,
            Sec. 4.1): ``a`` pads with zeros, ``b`` projects there alone, ``c`` projects everywhere.
        normalised: whether batch norm follows each convolution.
        scale: what a block gives is multiplied by this before the shortcut is added (Szegedy et al.
            2017, Sec. 3.3).
        auxiliary: of each auxiliary head the weight of its loss; the first stands behind the first
            stage.
        stages: branches of each stage's blocks, where they are not those of `branches`.
        entry: branches of each stage's first block, which changes grid and channels, where they are
            not those of the other blocks.
        dropout: the share of what the dense layer sees that is dropped (Srivastava et al. 2014).
        channel_dropout: the share of a stage's channels that is dropped whole (Tompson et al.
            2015).
        classes: of the images.
    """

    width: int
    blocks: int
    branches: tuple[Branch, ...] = PLAIN
    shortcut: Shortcut = "none"
    normalised: bool = True
    scale: float = 1.0
    auxiliary: tuple[float, ...] = ()
    stages: tuple[tuple[Branch, ...], ...] = ()
    entry: tuple[Branch, ...] = ()
    dropout: float = 0.0
    channel_dropout: float = 0.0
    classes: int = 10

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path, as He et al. count them."""
        return 6 * self.blocks + 2


class Block(nn.Module):
    """Branches side by side, with or without a shortcut; see the module.

    Attributes:
        left_out: whether only what the shortcut gives goes on, which a plain block has not: its
            input, where channels and grid stay as they are.
    """

    def __init__(
        self, plan: Plan, ways: Sequence[Branch], before: int, after: int, stride: int
    ) -> None:
        super().__init__()
        self.plan, self.ways = plan, tuple(ways)
        self.before, self.after, self.stride = before, after, stride
        self.left_out = False
        total = sum(each.share for each in self.ways)
        ends = [
            round(after * sum(each.share for each in self.ways[: n + 1]) / total)
            for n in range(len(self.ways))
        ]
        widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        self.branches = nn.ModuleList(
            self._branch(each, width) for each, width in zip(self.ways, widths, strict=True)
        )
        changes = stride > 1 or before != after
        projects = plan.shortcut == "c" or (plan.shortcut == "b" and changes)
        self.projection = (
            nn.Sequential(*_convolution(plan, before, after, (1, 1), (stride, stride)))
            if projects
            else None
        )

    def _branch(self, branch: Branch, width: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        before, strides = self.before, [self.stride, self.stride]
        if branch.pools:
            layers.append(nn.MaxPool2d(3, self.stride, padding=1))
            strides = [1, 1]
        kernels = [(each, each) if isinstance(each, int) else each for each in branch.kernels]
        largest = [max(each[axis] for each in kernels) for axis in range(2)]
        for place, kernel in enumerate(kernels):
            last = place == len(kernels) - 1
            after = width if last else max(round(branch.middle * self.after), 1)
            # Along each axis the first of the largest has the stride: no place is passed over.
            own = [strides[axis] if kernel[axis] == largest[axis] else 1 for axis in range(2)]
            strides = [1 if each > 1 else left for each, left in zip(own, strides, strict=True)]
            layers += _convolution(self.plan, before, after, kernel, (own[0], own[1]))
            if not last:
                layers.append(nn.ReLU())
            before = after
        return nn.Sequential(*layers)

    def change(self, x: Tensor) -> Tensor:
        """What the branches give, before a shortcut is added."""
        return torch.cat([branch(x) for branch in self.branches], 1)

    def kept(self, x: Tensor) -> Tensor:
        """What the shortcut gives."""
        if self.projection is not None:
            return cast("Tensor", self.projection(x))
        x = x[:, :, :: self.stride, :: self.stride]
        # A narrower block has no room for all of them.
        return F.pad(x[:, : self.after], (0, 0, 0, 0, 0, max(self.after - self.before, 0)))

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, of `after` channels."""
        if self.left_out:
            return self.kept(x).relu()
        if self.plan.shortcut == "none":
            return self.change(x).relu()
        return (self.kept(x) + self.plan.scale * self.change(x)).relu()


class Modular(nn.Module):
    """The network of a `Plan`."""

    def __init__(self, plan: Plan, channels: int = 3) -> None:
        super().__init__()
        self.plan = plan
        self.auxiliary_weights = plan.auxiliary
        self.stem = nn.Sequential(
            *_convolution(plan, channels, plan.width, (3, 3), (2, 2)), nn.ReLU()
        )
        stages, before = [], plan.width
        for stage in range(3):
            after = plan.width * 2**stage
            made = []
            for place in range(plan.blocks):
                ways = plan.stages[stage] if plan.stages else plan.branches
                if not place and plan.entry:
                    ways = plan.entry
                made.append(Block(plan, ways, before, after, 2 if stage and not place else 1))
                before = after
            stages.append(nn.Sequential(*made))
        self.stages = nn.ModuleList(stages)
        self.classifier = nn.Linear(before, plan.classes)
        self.heads = nn.ModuleList(
            nn.Linear(plan.width * 2**stage, plan.classes) for stage in range(len(plan.auxiliary))
        )
        self._begin()

    def _begin(self) -> None:
        """He et al. 2015's first weights; a sum of many blocks begins with as large a variance."""
        for each in self.modules():
            if isinstance(each, nn.Conv2d):
                nn.init.kaiming_normal_(each.weight, nonlinearity="relu")
        if not self.plan.normalised and self.plan.shortcut != "none":
            for block in self.blocks:
                for branch in block.branches:
                    last = next(
                        each
                        for each in reversed(list(branch.modules()))
                        if isinstance(each, nn.Conv2d)
                    )
                    with torch.no_grad():
                        last.weight.mul_(1 / math.sqrt(3 * self.plan.blocks))

    @property
    def blocks(self) -> list[Block]:
        """All of them, from the image up."""
        return [
            cast("Block", each) for stage in self.stages for each in cast("nn.Sequential", stage)
        ]

    def features(self, images: Tensor) -> Tensor:
        """The last feature map, (N, C, H, W)."""
        return self._maps(images)[-1]

    def _maps(self, images: Tensor) -> list[Tensor]:
        """What each stage gives."""
        found, maps = self.stem(images), []
        for stage in self.stages:
            found = F.dropout2d(stage(found), self.plan.channel_dropout, self.training)
            maps.append(found)
        return maps

    def forward(self, images: Tensor) -> Tensor | TrainingOutput:
        """Logits, (N, classes); in training with those of auxiliary heads."""
        maps = self._maps(images)
        seen = F.dropout(maps[-1].mean((2, 3)), self.plan.dropout, self.training)
        logits: Tensor = self.classifier(seen)
        if not (self.training and len(self.heads)):
            return logits
        pairs = zip(self.heads, maps, strict=False)
        return TrainingOutput(logits, tuple(head(each.mean((2, 3))) for head, each in pairs))


def _convolution(
    plan: Plan, before: int, after: int, kernel: tuple[int, int], stride: tuple[int, int]
) -> list[nn.Module]:
    """A convolution that leaves the grid to its stride, and batch norm where the plan has it."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    found = nn.Conv2d(before, after, kernel, stride, padding, bias=not plan.normalised)
    if found.bias is None:
        return [found, nn.BatchNorm2d(after)]
    nn.init.zeros_(found.bias)
    return [found]


def path_lengths(network: Modular, images: Tensor, labels: Tensor) -> list[float]:
    """Of the loss's gradient at the stem, the share that came along paths of each length.

    Of each length the norm of its gradient is taken; the shares are of the sum of these. See
    `gradients_by_length` for the arguments.

    Returns:
        The share of each length in convolutions, from 0 to twice the number of blocks.
    """
    by_length = gradients_by_length(network, images, labels)
    sizes = [
        float(by_length[n].double().norm()) if n in by_length else 0.0
        for n in range(2 * len(network.blocks) + 1)
    ]
    total = sum(sizes)
    return [size / total for size in sizes] if total else [*[0.0] * (len(sizes) - 1), 1.0]


def gradients_by_length(network: Modular, images: Tensor, labels: Tensor) -> dict[int, Tensor]:
    """The loss's gradient at what the stem gives, in parts by the length of their paths.

    A network of blocks is a sum over paths, one way through each block (Veit et al. 2016,
    "Residual networks behave like ensembles of relatively shallow networks", Sec. 4.3, who sample
    paths). Here the gradient is taken down all of them at once: what goes through a branch of n
    convolutions is counted as n longer, what goes along a shortcut as no longer.

    Args:
        network: in evaluation mode, so that images do not depend on each other.
        images: (N, C, H, W).
        labels: of them.

    Returns:
        By the number of convolutions, parts that add up to the gradient.
    """
    with torch.no_grad():
        maps = [network.stem(images)]
        for block in network.blocks:
            maps.append(block(maps[-1]))
    top = maps[-1].requires_grad_()
    loss = F.cross_entropy(network.classifier(top.mean((2, 3))), labels)
    by_length = {0: torch.autograd.grad(loss, top)[0]}
    for block, x, y in reversed(list(zip(network.blocks, maps, maps[1:], strict=False))):
        passed = {length: each * (y > 0) for length, each in by_length.items()}
        by_length = {}
        for length, part in _ways(block, x, passed):
            by_length[length] = by_length[length] + part if length in by_length else part
    return by_length


def _ways(block: Block, x: Tensor, passed: dict[int, Tensor]) -> list[tuple[int, Tensor]]:
    """The gradient at a block's input, apart for each branch and each length so far."""
    x = x.detach().requires_grad_()
    lengths = [len(each.kernels) for each in block.ways]
    given = [branch(x) for branch in block.branches]
    parts = [
        (length, each, start)
        for length, each, start in zip(
            lengths, given, _starts([each.shape[1] for each in given]), strict=True
        )
    ]
    found = []
    for so_far, gradient in passed.items():
        for length, each, start in parts:
            wanted = gradient[:, start : start + each.shape[1]]
            if block.plan.shortcut != "none":
                wanted = block.plan.scale * wanted
            found.append(
                (so_far + length, torch.autograd.grad(each, x, wanted, retain_graph=True)[0])
            )
        if block.plan.shortcut != "none":
            kept = block.kept(x)
            longer = int(block.projection is not None)
            found.append((so_far + longer, torch.autograd.grad(kept, x, gradient)[0]))
    return found


def _starts(widths: Sequence[int]) -> list[int]:
    return [sum(widths[:place]) for place in range(len(widths))]
