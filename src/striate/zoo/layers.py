"""Blocks and helpers that several papers share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from striate.errors import NetworkError

is_scripting = torch.jit.is_scripting  # type: ignore[attr-defined]


def is_capturing(x: Any) -> bool:
    """Tell whether a graph is recorded: by `torch.jit.trace`, `export`, `compile` or `fx`.

    With `torch.fx`, `x` is a stand-in for a tensor: nothing can be asked of its shape.
    """
    return (
        torch._C._get_tracing_state() is not None
        or torch.compiler.is_compiling()
        or isinstance(x, torch.fx.Proxy)
    )


class TrainingOutput(NamedTuple):
    """What a network with auxiliary heads returns in training mode.

    Both `logits` and each tensor of `auxiliary` are (N, classes); the network's `auxiliary_weights`
    says how much each auxiliary loss counts.
    """

    logits: Tensor
    auxiliary: tuple[Tensor, ...]


class Network(nn.Module):
    """What every network of the catalogue is besides a module: it gives its feature maps.

    Called with images (N, C, H, W) it gives logits (N, classes), and in training mode, where it has
    auxiliary heads, a `TrainingOutput`.

    Attributes:
        input_size: its paper's (channels, height, width).
        strides: of each map of `stages`, how many pixels of the image lie between two neighbours,
            along both axes.
        channels: of each map of `stages`.
        has_linear_outputs: whether its outputs may be any number, above 0 and below.
    """

    has_linear_outputs = True

    if TYPE_CHECKING:  # TorchScript reads annotations of attributes, and knows none of these
        input_size: tuple[int, int, int]
        strides: tuple[int, ...]
        channels: tuple[int, ...]

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Map images to the last feature map.

        Args:
            x: images, (N, C, H, W).
            finer: where given, the maps of `stages` that come before are appended to it. Otherwise
                none is kept longer than the network itself needs it.

        Returns:
            The map that the classifier, or what leads to it, reads: (N, C', H', W').

        Raises:
            NetworkError: the network cannot take such images.
        """
        raise NotImplementedError

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images to the feature maps of each stride at which the network works, finest first.

        A map is what the last layer, block or module gives before the next one makes the grid
        coarser by its stride; the image itself is none of them. The last map is `features`, but
        for HRNet, whose branches `features` joins. The sums of pre-activation networks' units and
        of Xception's modules come as they are, without the ReLU with which the next one begins.

        Args:
            x: images, (N, C, H, W).

        Returns:
            As many maps as there are `strides`, map i of (N, channels[i], about H / strides[i],
            about W / strides[i]): convolutions without padding take from the borders.

        Raises:
            NetworkError: the network cannot take such images.
        """
        finer: list[Tensor] = []
        last = self.features(x, finer)
        return (*finer, last)

    def embed(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to the vector that the classifier sees."""
        raise NotImplementedError


def collect(x: Tensor, maps: list[Tensor] | None) -> Tensor:
    """Append `x` to `maps`, where there is such a list, and pass it on."""
    if maps is not None:
        maps.append(x)
    return x


# TorchScript reads annotations while the program runs. It captures prediction only, and knows no
# tuple of any length.
if TYPE_CHECKING:
    Output = Tensor | TrainingOutput
else:
    Output = Tensor


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` that leaves its weights to the network: papers differ in their start."""

    def reset_parameters(self) -> None:
        """Do nothing: PyTorch's own initialisation would be overwritten at once."""


class Linear(nn.Linear):
    """`nn.Linear` that leaves its weights to the network: papers differ in their start."""

    def reset_parameters(self) -> None:
        """Do nothing: PyTorch's own initialisation would be overwritten at once."""


class ConvReLU(nn.Module):
    """Convolution with bias, then ReLU: the unit of the networks before batch normalisation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.conv = Conv2d(inputs, outputs, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H', W')."""
        return F.relu(self.conv(x), inplace=True)


class ConvBNReLU(nn.Module):
    """Convolution without bias, batch normalisation (with its constant `eps`), ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        *,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.conv = Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H', W')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Branches(nn.Module):
    """Branches side by side on the same input, their channels concatenated in the order given.

    `attention`, where given, weighs what comes out. The keys of `branches` stand in the weights'
    names.
    """

    def __init__(self, branches: dict[str, nn.Module], attention: nn.Module | None = None) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)
        self.attention = nn.Identity() if attention is None else attention

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, sum of the branches' channels, H', W')."""
        x = torch.cat([branch(x) for branch in self.branches.values()], 1)
        return self.attention(x)  # type: ignore[no-any-return]


class MaxPoolSame(nn.Module):
    """3×3 max pool with stride 2 to half the grid, rounded up: TensorFlow's padding "SAME".

    An even grid is padded after its end alone, so that the first window begins at position 0; an
    odd one by one position on both sides.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, ⌈H / 2⌉, ⌈W / 2⌉)."""
        odd = (x.shape[2] % 2, x.shape[3] % 2)
        return F.max_pool2d(x, 3, stride=2, padding=odd, ceil_mode=True)


def window_sum(values: Tensor, size: int) -> Tensor:
    """Sum (N, C, H, W) over windows of `size` (odd) channels, zeros beyond the ends."""
    channels, half = values.shape[1], size // 2
    padded = F.pad(values, (0, 0, 0, 0, half, half))
    total = padded.narrow(1, 0, channels) + padded.narrow(1, 1, channels)
    for shift in range(2, size):
        total += padded.narrow(1, shift, channels)
    return total


def three_quarters(scale: Tensor) -> Tensor:
    """``scale ** -0.75`` by two square roots, far cheaper than a power."""
    root = torch.rsqrt(scale)
    return root * torch.sqrt(root)


class _NormWithGradient(torch.autograd.Function):
    """Local response normalisation with its gradient written out: a third of autograd's time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, k: float) -> Tensor:
        wide = x.float()
        scale = window_sum(wide * wide, size).mul_(alpha).add_(k)
        factor = three_quarters(scale)
        ctx.save_for_backward(x, scale, factor)
        ctx.size, ctx.alpha = size, alpha
        return (wide * factor).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        # With d = k + alpha * sum x², y = x * d^-3/4:
        # dx_i = g_i d_i^-3/4 - 3/2 alpha x_i * sum over the window of g_j x_j d_j^-7/4
        x, scale, factor = ctx.saved_tensors
        wide = x.float()
        direct = gradient.float() * factor
        through = window_sum((direct * wide).div_(scale), ctx.size)
        direct.sub_(through.mul_(wide).mul_(1.5 * ctx.alpha))
        return direct.to(x.dtype), None, None, None


class LocalResponseNorm(nn.Module):
    """Local response normalisation across channels (Krizhevsky et al. 2012, Sec. 3.3).

    Divides each value by ``(k + alpha * s) ** 0.75`` where ``s`` is the plain sum of the squares of
    the `size` channels around it. PyTorch and Caffe divide `alpha` by `size` first, so their alpha
    is `size` times ours. Computed in float32 whatever the input's type: squares overflow and the
    sums lose digits in half precision. Shapes stay (N, C, H, W).
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, k: float = 2.0) -> None:
        super().__init__()
        if size % 2 == 0:
            raise NetworkError(f"LocalResponseNorm size {size}", "even", "give an odd window")
        self.size, self.alpha, self.k = size, alpha, k

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) across C."""
        if not is_scripting():  # noqa: SIM102 - the compiler takes this condition alone
            if not is_capturing(x) and torch.is_grad_enabled() and x.requires_grad:
                normed: Tensor = _NormWithGradient.apply(x, self.size, self.alpha, self.k)
                return normed
        wide = x.float()
        scale = window_sum(wide * wide, self.size) * self.alpha + self.k
        return (wide * three_quarters(scale)).to(x.dtype)

    def extra_repr(self) -> str:
        """Show the constants in the printed network."""
        return f"{self.size}, alpha={self.alpha}, k={self.k}"


def he_normal(weight: Tensor) -> None:
    """Fill with N(0, 2 / fan_in): He et al. 2015, 'Delving Deep into Rectifiers', Sec. 2.2."""
    nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")


def set_zero(bias: Tensor | None) -> None:
    """Start a bias at zero, where the layer has one."""
    if bias is not None:
        nn.init.zeros_(bias)


def initialise(network: nn.Module, heads: Mapping[str, float] | None = None) -> None:
    """He initialisation, zero biases, the classifier `fc` at N(0, 0.01²).

    The first loss is then ln(classes). `heads` gives the standard deviations of an auxiliary head's
    layers that start from a normal distribution too.
    """
    deviations = {"fc": 0.01} | dict(heads or {})
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if name in deviations:
                nn.init.normal_(layer.weight, std=deviations[name])
            else:
                he_normal(layer.weight)
            set_zero(layer.bias)


_any_size: ContextVar[bool] = ContextVar("any_size", default=False)


@contextmanager
def at_any_size() -> Iterator[None]:
    """Let `check_input` pass images that are larger than a network's while the block runs."""
    before = _any_size.set(True)
    try:
        yield
    finally:
        _any_size.reset(before)


def check_input(x: Tensor, network: str, channels: int, size: int = 0, minimum: int = 1) -> None:
    """Refuse a batch that the network cannot take, and name the shape that it can.

    `size` demands an exact height and width (0 = any from `minimum` up). Skipped while a graph is
    captured: the example input has been through the check already.

    Raises:
        NetworkError: with the shape given and the shape wanted.
    """
    if not is_scripting():
        if is_capturing(x):
            return
        if x.dim() == 4 and x.shape[1] == channels:
            height, width = x.shape[2], x.shape[3]
            exact = size > 0 and not _any_size.get()
            if height == width == size or (not exact and min(height, width) >= max(size, minimum)):
                return
        side = str(size) if size else f"≥{minimum}"
        reason = ": its classifier flattens a fixed grid" if size else ""
        raise NetworkError(
            f"input of shape {tuple(x.shape)}",
            f"{network} takes (N, {channels}, {side}, {side}){reason}",
            "resize the images, or create the network for their channels",
        )
