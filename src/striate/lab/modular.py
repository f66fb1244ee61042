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
        kernels: sides of its convolutions, in order.
        share: of the block's channels that it gives.
        middle: channels between its convolutions, as a share of the block's.
        pools: whether a maximum over 3×3 comes first.
    """

    kernels: tuple[int, ...]
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
        classes: of the images.
    """

    width: int
    blocks: int
    branches: tuple[Branch, ...] = PLAIN
    shortcut: Shortcut = "none"
    normalised: bool = True
    scale: float = 1.0
    auxiliary: tuple[float, ...] = ()
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

    def __init__(self, plan: Plan, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.plan, self.before, self.after, self.stride = plan, before, after, stride
        self.left_out = False
        total = sum(each.share for each in plan.branches)
        ends = [
            round(after * sum(each.share for each in plan.branches[: n + 1]) / total)
            for n in range(len(plan.branches))
        ]
        widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        self.branches = nn.ModuleList(
            self._branch(each, width) for each, width in zip(plan.branches, widths, strict=True)
        )
        changes = stride > 1 or before != after
        projects = plan.shortcut == "c" or (plan.shortcut == "b" and changes)
        self.projection = (
            nn.Sequential(*_convolution(plan, before, after, 1, stride)) if projects else None
        )

    def _branch(self, branch: Branch, width: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        stride, before = self.stride, self.before
        if branch.pools:
            layers.append(nn.MaxPool2d(3, stride, padding=1))
            stride = 1
        for place, side in enumerate(branch.kernels):
            last = place == len(branch.kernels) - 1
            after = width if last else max(round(branch.middle * self.after), 1)
            # The larger kernel has the stride, of equal ones the first: no place is passed over.
            own = stride if side == max(branch.kernels) else 1
            layers += _convolution(self.plan, before, after, side, own)
            if not last:
                layers.append(nn.ReLU())
            stride, before = (1 if own > 1 else stride), after
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
        self.stem = nn.Sequential(*_convolution(plan, channels, plan.width, 3, 2), nn.ReLU())
        stages, before = [], plan.width
        for stage in range(3):
            after = plan.width * 2**stage
            made = []
            for place in range(plan.blocks):
                made.append(Block(plan, before, after, 2 if stage and not place else 1))
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

    def forward(self, images: Tensor) -> Tensor | TrainingOutput:
        """Logits, (N, classes); in training with those of auxiliary heads."""
        found, auxiliary = self.stem(images), []
        for place, stage in enumerate(self.stages):
            found = stage(found)
            if self.training and place < len(self.heads):
                auxiliary.append(self.heads[place](found.mean((2, 3))))
        logits = self.classifier(found.mean((2, 3)))
        return TrainingOutput(logits, tuple(auxiliary)) if auxiliary else logits


def _convolution(plan: Plan, before: int, after: int, side: int, stride: int) -> list[nn.Module]:
    made: list[nn.Module] = [
        nn.Conv2d(before, after, side, stride, padding=side // 2, bias=not plan.normalised)
    ]
    if not plan.normalised:
        bias = cast("nn.Conv2d", made[0]).bias
        assert bias is not None
        nn.init.zeros_(bias)
    return [*made, nn.BatchNorm2d(after)] if plan.normalised else made


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
    lengths = [len(each.kernels) for each in block.plan.branches]
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
