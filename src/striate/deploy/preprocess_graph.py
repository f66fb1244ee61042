"""The pre-processing of a run as a module: any-size uint8 images in, the network's input out.

It computes what Pillow computes, in operators that every engine has. ONNX's own `Resize` will not
do: its `antialias` is ignored by some engines without a word. Here each pass of the resize is a
matrix product with the filter's weights, which the graph works out from the height and width of the
image it is given. The product only has the rows that the crop keeps.

Pillow (`libImaging/Resample.c`) resizes along the width first, rounds to 8 bits, then along the
height; its weights are fixed-point numbers of 22 bits. A float32 sum of such products would lose
the last bits, and other bits in another engine. So each weight w is split into two integers,
``w = 2048 · high + low`` with ``|low| <= 1024``: both sums stay below 2**24, where float32 counts
exactly whatever the order of the terms, and the result is the same in every engine, bit for bit.
(`low` alone can leave that range, for a reduction by more than 32 times along one axis; the loss
there is one part in a million of a level.)

Bilinear weights (a triangle) are quotients of integers and come out of a long division. Bicubic
ones are not: they are computed in float32, and now and then one lies beside Pillow's by 2**-22.

What is left: Pillow 13 goes the other way, height first, for images more than twice as high as
wide, and differs there by a level.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing


def _floor_divide(numerator: Tensor, divisor: Tensor) -> Tensor:
    """Exact floor of a quotient of positive int32, also where an engine divides them as floats."""
    quotient = torch.floor(numerator.float() / divisor.float()).to(torch.int32)
    remainder = numerator - quotient * divisor
    return quotient + (remainder >= divisor).to(torch.int32) - (remainder < 0).to(torch.int32)


def _fixed_point(parts: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
    """``parts / whole`` to 22 binary places, as the float32 integers (high, low).

    A long division in steps of 7, 7 and 8 bits, so that nothing leaves int32. A quotient that the
    engine's float division puts one too high leaves a negative remainder, which the next step
    takes back.
    """
    scale = whole.float()
    quotient = torch.zeros_like(parts)
    rest = parts
    for bits, rounding in ((7, 0.0), (7, 0.0), (8, 0.5)):
        rest = rest * 2**bits
        digit = torch.floor(rest.float() / scale + rounding).to(torch.int32)
        rest = rest - digit * whole
        quotient = quotient * 2**bits + digit
    weights = quotient.float()
    high = torch.floor(weights / 2048 + 0.5)
    return high, weights - high * 2048


def _cubic(parts: Tensor, reach: Tensor) -> Tensor:
    """Keys's cubic with a = -1/2, Pillow's bicubic, at the distances ``2 - parts / reach``.

    Keys 1981, Cubic convolution interpolation for digital image processing, Eq. 4 and 15.
    """
    x = 2.0 - parts.float() / reach.float()
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x < 1.0, near, far)


def _rounded(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of `weights`, divided by their sums, to 22 binary places as (high, low)."""
    whole = weights.sum(1).unsqueeze(1)
    fixed = torch.floor(weights / torch.where(whole == 0, 1.0, whole) * 2**22 + 0.5)
    high = torch.floor(fixed / 2048 + 0.5)
    return high, fixed - high * 2048


class ResizeWeights(nn.Module):
    """Rows of the matrix that resizes one axis from `size` to `target` pixels.

    The rows are the `kept` positions in the middle: position i of the result is position
    ``first + i`` of the whole resized axis. Cropping, ``first = floor((target - kept) / 2)``;
    padding, where the image is smaller than the canvas, ``first = -floor((kept - target) / 2)``.
    """

    def __init__(self, kept: int, pad: bool, cubic: bool) -> None:
        super().__init__()
        self.kept = kept
        self.odd = 1 if pad else 0  # rounds a negative half up instead of down
        self.cubic = cubic
        self.radius = 2 if cubic else 1  # of the filter, in pixels of the coarser grid

    def forward(self, size: Tensor, target: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (2·kept, size), high above low, and a mask (kept,) of real positions.

        size, target: int32 (1,); index: int32 (size,), counting from 0.
        """
        # Twice the distance, times `target`, from the middle of the source pixel j to the middle of
        # result i is |(2j+1)·target - (2i+1)·size|. Counted from the centre of the image, where the
        # crop is, and clamped beyond the filter's reach, it stays in int32 for any shape of image.
        position = torch.arange(self.kept, dtype=torch.int32, device=index.device)
        surplus = (target - self.kept + self.odd).float()
        position = position + torch.floor(surplus / 2).to(torch.int32)
        unit = 2 * torch.maximum(size, target)
        reach = self.radius * unit
        middle = (2 * position + 1 - target) * size
        limit = _floor_divide(self.kept * size + reach, target) + 3
        source = torch.minimum(torch.maximum(2 * index + 1 - size, -limit), limit) * target
        parts = reach - torch.abs(source.unsqueeze(0) - middle.unsqueeze(1))
        parts = torch.maximum(parts, torch.zeros_like(parts))
        real = ((position >= 0) & (position < target)).to(torch.int32)
        if self.cubic:
            high, low = _rounded(_cubic(parts, unit) * real.unsqueeze(1).float())
        else:
            whole = parts.sum(1, dtype=torch.int32).unsqueeze(1)
            high, low = _fixed_point(parts * real.unsqueeze(1), torch.clamp(whole, min=1))
        return torch.cat([high, low]), real.float()


class PreprocessGraph(nn.Module):
    """`Preprocessing` as a module that can be traced, scripted and exported.

    Takes uint8 (batch, height, width, channels), images of one size as decoders give them, at least
    1×1 pixel; gives float32 (batch, channels, height', width') at the network's size, normalised.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.pad = preprocessing.fit == "pad"
        self.resize = preprocessing.resize
        self.fill = float(preprocessing.fill)
        self.channels = preprocessing.channels
        cubic = preprocessing.interpolation == "bicubic"
        self.rows = ResizeWeights(preprocessing.height, self.pad, cubic)
        self.columns = ResizeWeights(preprocessing.width, self.pad, cubic)
        shape = (1, preprocessing.channels, 1, 1)
        scale = torch.tensor([1 / (255 * std) for std in preprocessing.std])
        pairs = zip(preprocessing.mean, preprocessing.std, strict=True)
        shift = torch.tensor([-mean / std for mean, std in pairs])
        self.register_buffer("scale", scale.view(shape), persistent=False)
        self.register_buffer("shift", shift.view(shape), persistent=False)
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Return the network's input."""
        return self.normalise(self.fit(images))

    def normalise(self, levels: Tensor) -> Tensor:
        """Return (levels / 255 - mean) / std."""
        return levels * self.scale + self.shift

    def fit(self, images: Tensor) -> Tensor:
        """Resize and crop or pad: float32 (batch, channels, height', width') of whole levels."""
        row_index = torch.arange(images.shape[1], dtype=torch.int32, device=images.device)
        column_index = torch.arange(images.shape[2], dtype=torch.int32, device=images.device)
        # As tensors: a capture would fix Python numbers, or refuse to compare them.
        height, width = row_index[-1:] + 1, column_index[-1:] + 1
        given = torch.maximum(height, width) if self.pad else torch.minimum(height, width)
        rows, real_rows = self.rows(height, self._target(height, given), row_index)
        columns, real_columns = self.columns(width, self._target(width, given), column_index)
        levels = images.permute(0, 3, 1, 2).float()
        across = torch.matmul(levels, columns.transpose(0, 1))
        narrow = _round(across[..., : self.columns.kept], across[..., self.columns.kept :])
        down = torch.matmul(rows, narrow)
        fitted = _round(down[..., : self.rows.kept, :], down[..., self.rows.kept :, :])
        if self.pad:
            real = real_rows.unsqueeze(1) * real_columns.unsqueeze(0)
            fitted = fitted + self.fill * (1.0 - real)
        # Changes nothing, but tells TorchScript the size, which adaptive pooling asks for.
        return fitted.reshape(images.shape[0], self.channels, self.rows.kept, self.columns.kept)

    def _target(self, size: Tensor, given: Tensor) -> Tensor:
        """Length of a side after the resize that makes the side `given` self.resize long."""
        return torch.clamp(_floor_divide(self.resize * size, given), min=1)


def _round(high: Tensor, low: Tensor) -> Tensor:
    """``floor((2048 · high + low) / 2**22 + 1/2)`` without leaving what float32 holds exactly.

    Clamped to what a pixel holds: bicubic weights overshoot.
    """
    return torch.clamp(torch.floor((high + torch.floor(low / 2048) + 1024) / 2048), 0.0, 255.0)


class Deployed(nn.Module):
    """What is exported: pre-processing (or none), the network, and softmax."""

    def __init__(self, network: nn.Module, preprocessing: Preprocessing | None) -> None:
        super().__init__()
        self.preprocess = nn.Identity() if preprocessing is None else PreprocessGraph(preprocessing)
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return the probabilities (batch, classes)."""
        logits: Tensor = self.network(self.preprocess(image))
        return torch.softmax(logits, dim=1)
