"""Random branching networks with positive weights, for the tests of receptive fields.

Every operator is linear with positive weights (pools average), so that a position's gradient is
positive exactly at the pixels that it sees.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

Spec = tuple[Any, ...]


def sizes(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


#: Keep the grid: what a branch may hold.
SAME: st.SearchStrategy[Spec] = st.one_of(
    st.tuples(st.just("same"), sizes(0, 2), sizes(1, 2)),
    st.tuples(st.just("lopsided"), sizes(0, 2), sizes(0, 2)),
    st.tuples(st.just("smooth")),
)
#: Change the grid.
STEP: st.SearchStrategy[Spec] = st.one_of(
    st.tuples(st.just("conv"), sizes(1, 4), sizes(1, 3), sizes(0, 2), sizes(1, 2)),
    st.tuples(st.just("pool"), sizes(1, 3), sizes(1, 3), st.booleans()),
    st.tuples(st.just("branches"), st.lists(st.lists(SAME, max_size=3), min_size=2, max_size=3)),
    st.tuples(st.just("concat"), st.lists(st.lists(SAME, max_size=2), min_size=2, max_size=2)),
)
#: Where the interior's rule only bounds what each position sees.
ROUGH: st.SearchStrategy[Spec] = st.one_of(
    st.tuples(st.just("slice"), sizes(0, 1), sizes(1, 2)),
    st.tuples(st.just("transposed"), sizes(1, 4), sizes(1, 2)),
    st.tuples(st.just("up"), st.sampled_from(("nearest", "nearest-exact", "bilinear", "corners"))),
    st.tuples(st.just("hourglass"), st.sampled_from(("nearest", "bilinear", "corners"))),
    st.tuples(st.just("shuffle")),
    st.tuples(st.just("adaptive"), sizes(2, 5)),
    st.tuples(st.just("gate")),
    st.tuples(st.just("roll"), sizes(0, 2)),
    st.tuples(st.just("flip"), sizes(0, 1)),
    st.tuples(st.just("border"), st.sampled_from(("reflect", "replicate")), sizes(0, 2)),
)


class RandomNetwork(nn.Module):
    """Runs the operators of a specification; those that do not fit the grid are left out."""

    def __init__(self, steps: list[Spec]) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = self.run(x, step)
        return x

    def conv(self, x: Tensor, kernel: tuple[int, int], **options: Any) -> Tensor:
        """Mix all channels into two."""
        weight = torch.ones(2, x.shape[1], *kernel, dtype=x.dtype, device=x.device)
        return F.conv2d(x, weight / weight[0].numel(), **options)

    def run(self, x: Tensor, step: Spec) -> Tensor:
        name, *values = step
        return getattr(self, f"run_{name}")(x, *values)

    def run_same(self, x: Tensor, half: tuple[int, int], dilation: tuple[int, int]) -> Tensor:
        kernel = (2 * half[0] + 1, 2 * half[1] + 1)
        padding = (half[0] * dilation[0], half[1] * dilation[1])
        return self.conv(x, kernel, padding=padding, dilation=dilation)

    def run_lopsided(self, x: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
        x = F.pad(x, (before[1], after[1], before[0], after[0]))
        return self.conv(x, (before[0] + after[0] + 1, before[1] + after[1] + 1))

    def run_smooth(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, stride=1, padding=1)

    def run_conv(
        self,
        x: Tensor,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
    ) -> Tensor:
        for axis in (0, 1):
            if x.shape[axis + 2] + 2 * padding[axis] <= dilation[axis] * (kernel[axis] - 1):
                return x
        return self.conv(x, kernel, stride=stride, padding=padding, dilation=dilation)

    def run_pool(
        self, x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], ceil: bool
    ) -> Tensor:
        if min(x.shape[2] - kernel[0], x.shape[3] - kernel[1]) < 0:
            return x
        return F.avg_pool2d(x, kernel, stride, ceil_mode=ceil)

    def branch(self, x: Tensor, steps: list[Spec]) -> Tensor:
        for step in steps:
            x = self.run(x, step)
        return self.conv(x, (1, 1))

    def run_branches(self, x: Tensor, branches: list[list[Spec]]) -> Tensor:
        total = self.branch(x, branches[0])
        for steps in branches[1:]:
            total = total + self.branch(x, steps)
        return total

    def run_concat(self, x: Tensor, branches: list[list[Spec]]) -> Tensor:
        return torch.cat([self.branch(x, steps) for steps in branches], 1)

    def run_slice(self, x: Tensor, start: tuple[int, int], step: tuple[int, int]) -> Tensor:
        if min(x.shape[2], x.shape[3]) < 3:
            return x
        return x[:, :, start[0] :: step[0], start[1] :: step[1]]

    def run_transposed(self, x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
        weight = torch.ones(x.shape[1], 2, *kernel, dtype=x.dtype, device=x.device)
        return F.conv_transpose2d(x, weight, stride=stride)

    def run_up(self, x: Tensor, mode: str) -> Tensor:
        size = (x.shape[2] * 2, x.shape[3] * 2 + 1)
        return self.resized(x, mode, size)

    def run_hourglass(self, x: Tensor, mode: str) -> Tensor:
        if min(x.shape[2], x.shape[3]) < 4:
            return x
        small = self.conv(x, (3, 3), stride=2, padding=1)
        return torch.cat((x, self.resized(small, mode, (x.shape[2], x.shape[3]))), 1)

    def resized(self, x: Tensor, mode: str, size: tuple[int, int]) -> Tensor:
        if mode == "corners":
            return F.interpolate(x, size, mode="bilinear", align_corners=True)
        return F.interpolate(x, size, mode=mode)

    def run_border(self, x: Tensor, mode: str, width: tuple[int, int]) -> Tensor:
        if min(x.shape[2], x.shape[3]) < 3:
            return x
        x = F.pad(x, (width[1], 1, width[0], 0), mode=mode)
        return self.conv(x, (2, 2))

    def run_shuffle(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(torch.cat([self.conv(x, (1, 1))] * 2, 1), 2)

    def run_adaptive(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return F.adaptive_avg_pool2d(x, size)

    def run_gate(self, x: Tensor) -> Tensor:
        return x + x.mean((2, 3), keepdim=True)

    def run_roll(self, x: Tensor, shifts: tuple[int, int]) -> Tensor:
        return torch.roll(x, shifts, (2, 3))

    def run_flip(self, x: Tensor, axes: tuple[int, int]) -> Tensor:
        return self.conv(x.flip([axis + 2 for axis in (0, 1) if axes[axis]]), (3, 2), padding=1)


def seen(network: nn.Module, size: tuple[int, int], axis: int) -> list[tuple[int, int] | None]:
    """Find by gradients the (first, last) pixel that each output position sees along an axis."""
    with torch.no_grad():
        count = network(torch.ones(1, 1, *size, dtype=torch.float64)).shape[2 + axis]
    image = torch.ones(count, 1, *size, dtype=torch.float64, requires_grad=True)
    output = network(image).sum(1).movedim(1 + axis, 1).sum(2)  # image by position
    (gradient,) = torch.autograd.grad(output.diagonal().sum(), image)
    lit = gradient[:, 0].movedim(1 + axis, 1).sum(2) > 1e-12
    found: list[tuple[int, int] | None] = []
    for row in lit:
        pixels = row.nonzero().flatten().tolist()
        found.append((pixels[0], pixels[-1]) if pixels else None)
    return found
