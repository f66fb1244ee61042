"""Small networks that counting tools get wrong, each with its true counts worked out by hand.

Read by the tests of the anatomy, and by `benchmarks/anatomy.py` for any tool. `macs` are the
multiply-accumulates of convolutions and linear layers for one image; `parameters` those that the
forward reads; `stored` all of them. The arithmetic stands beside each number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Case:
    name: str
    why: str  # what makes it difficult
    build: Callable[[], nn.Module]
    inputs: tuple[tuple[int, ...], ...]  # with the batch axis, 1
    macs: int
    parameters: int
    stored: int
    output: tuple[int, ...]
    receptive_field: tuple[int, int] | None  # of the last operator; None: it sees no image


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(8, 3, 3, 3))
        self.head = nn.Parameter(torch.empty(10, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.conv2d(x, self.kernel, padding=1))
        return F.linear(x.mean((2, 3)), self.head)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.relu(self.conv(x)))


class Separable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False)
        self.pointwise = nn.Conv2d(8, 16, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class Padded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (2, 4), stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (1, 2, 0, 1)))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 4, 3)
        self.depth = nn.Conv2d(1, 4, 5, padding=1)
        self.mix = nn.Conv2d(8, 2, 1)

    def forward(self, image: Tensor, depth: Tensor) -> Tensor:
        return self.mix(torch.cat((self.image(image), self.depth(depth)), 1))


class Auxiliary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)
        self.side = nn.Sequential(nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Linear(400, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.training:
            return self.fc(x.mean((2, 3))) + self.side(x)
        return self.fc(x.mean((2, 3)))


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.down, self.up = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class Shortcut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4))
        return F.relu(self.conv(x) + short)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(12, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.encode(x), self.encode.weight.t())


class Shuffled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = x.view(1, 4, 2, 10, 10).transpose(1, 2).reshape(1, 8, 10, 10)
        return self.conv(x)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, stride=4)
        self.qkv = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.conv(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v)


class UpAndDown(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 2, stride=2)
        self.mix = nn.Conv2d(7, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        up = F.interpolate(self.down(x), scale_factor=2, mode="nearest")
        return self.mix(torch.cat((x, up), 1))


def plain(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers)


def conv(*args: int, **options: object) -> Callable[[], nn.Module]:
    return lambda: nn.Conv2d(*args, **options)  # type: ignore[arg-type]


IMAGE = ((1, 3, 10, 10),)
# fmt: off
CASES = (
    # 10·10·8·3·9 + 8·10; 8·27 + 10·8
    Case("functional", "no layer is a module", Functional, IMAGE, 21_680, 296, 296, (1, 10),
         (10, 10)),
    # 2 · (10·10·4·4·9); 4·4·9 + 4 counted once
    Case("shared", "one module runs twice", Shared, ((1, 4, 10, 10),), 28_800, 148, 148,
         (1, 4, 10, 10), (5, 5)),
    # 10·10·8·(8/2)·9; 8·4·9 + 8
    Case("grouped", "two groups", conv(8, 8, 3, padding=1, groups=2), ((1, 8, 10, 10),),
         28_800, 296, 296, (1, 8, 10, 10), (3, 3)),
    # 5·5·8·9 + 5·5·16·8; 72 + 128
    Case("depthwise separable", "a group for each channel", Separable, ((1, 8, 10, 10),),
         5_000, 200, 200, (1, 16, 5, 5), (3, 3)),
    # 6·6·4·3·9: 10 - 2·(3 - 1) = 6; 4·27 + 4. Sees 1 + 2·2 = 5
    Case("dilated", "a kernel with holes", conv(3, 4, 3, dilation=2), IMAGE, 3_888, 112, 112,
         (1, 4, 6, 6), (5, 5)),
    # Every one of 10·10·3 values meets 4·16 weights: 19,200, not 21·21·4·3·16 of the output grid.
    # 3·4·16 + 4. (10 - 1)·2 - 2 + 4 + 1 = 21; 4 taps at stride 2 meet 2 positions at most.
    Case("transposed", "counts on the input's grid", lambda:
         nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1, output_padding=1), IMAGE, 19_200,
         196, 196, (1, 4, 21, 21), (2, 2)),
    # (10 + 1 - 2)/2 + 1 = 5 by (10 + 3 - 4)/2 + 1 = 5; 5·5·4·3·8; 4·24 + 4
    Case("asymmetric padding", "padded before the convolution", Padded, IMAGE, 2_400, 100, 100,
         (1, 4, 5, 5), (2, 4)),
    # 8 = 10 - 3 + 1 rows, 10 columns: 8·10·4·3·3; 4·9 + 4
    Case("asymmetric kernel", "3 by 1", conv(3, 4, (3, 1)), IMAGE, 2_880, 40, 40,
         (1, 4, 8, 10), (3, 1)),
    # 'same' with an even kernel pads 1 before and 2 after; 10·10·4·3·16; 4·48 + 4
    Case("same padding", "an even kernel", conv(3, 4, 4, padding="same"), IMAGE, 19_200, 196,
         196, (1, 4, 10, 10), (4, 4)),
    # ceil((10 - 3)/2) + 1 = 5, not 4; 5·5·4·3; 12 + 4. Sees 3
    Case("ceil mode", "the last window overhangs", plain(nn.MaxPool2d(3, 2, ceil_mode=True),
         nn.Conv2d(3, 4, 1)), IMAGE, 300, 16, 16, (1, 4, 5, 5), (3, 3)),
    # 10 - 3 + 1 = 8: 8·4·3·3; 36 + 4
    Case("one axis", "a signal", lambda: nn.Conv1d(3, 4, 3), ((1, 3, 10),), 288, 40, 40,
         (1, 4, 8), (1, 3)),
    # 4·8·8·2·27; 54 + 2: (6 - 3 + 1)·8·8 positions
    Case("three axes", "a film", lambda: nn.Conv3d(1, 2, 3), ((1, 1, 6, 10, 10),), 13_824, 56,
         56, (1, 2, 4, 8, 8), (3, 3)),
    # 10·10·8·27; 8·27, no bias
    Case("no bias", "fewer parameters", conv(3, 8, 3, padding=1, bias=False), IMAGE, 21_600,
         216, 216, (1, 8, 10, 10), (3, 3)),
    # 8·8·4·27 + 8·8·4·25 + 8·8·2·8; 112 + 104 + 18
    Case("two inputs", "an image and its depth", TwoInputs, ((1, 3, 10, 10), (1, 1, 10, 10)),
         14_336, 234, 234, (1, 2, 8, 8), (5, 5)),
    # 10·10·8·27 + 8·5; 224 + 45, and 36 + 2005 that prediction never reads
    Case("auxiliary head", "a part that prediction skips", Auxiliary, IMAGE, 21_640, 269,
         2_310, (1, 5), (10, 10)),
    # 10·10·8·27 + 8·2 + 2·8; 224 + 18 + 24. The gate has seen the whole map
    Case("squeeze and excitation", "a gate from the whole map", Gated, IMAGE, 21_632, 266, 266,
         (1, 8, 10, 10), (10, 10)),
    # 5·5·8·4·9; 8·36 + 8
    Case("padded shortcut", "slices and zeros, no weights", Shortcut, ((1, 4, 10, 10),), 7_200,
         296, 296, (1, 8, 5, 5), (3, 3)),
    # 12·4 + 4·12; 48 once
    Case("tied", "one weight in two layers", Tied, ((1, 12),), 96, 48, 48, (1, 12), None),
    # 2 · 10·10·8·2·9; 8·18 + 8
    Case("channel shuffle", "views between grouped convolutions", Shuffled, ((1, 8, 10, 10),),
         28_800, 152, 152, (1, 8, 10, 10), (5, 5)),
    # 9 tokens: 9·8·48 + 9·24·8 in layers (the products of attention, 2·9·9·8, are none);
    # 8·48 + 8 + 24·8 + 24
    Case("attention", "products of activations are no layer", Attention, ((1, 3, 12, 12),),
         5_184, 608, 608, (1, 9, 8), (12, 12)),
    # 5·5·4·12 + 10·10·2·7; 52 + 16. A cell of the 5×5 grid sees 2 pixels, shared by its 2 copies:
    # 3 pixels hold both copies' views, wherever a position lies in its pair
    Case("upsampled branch", "two resolutions meet", UpAndDown, IMAGE, 2_600, 68, 68,
         (1, 2, 10, 10), (3, 3)),
    # 10·10·4·27; 112 + 8: normalisation is no multiply-accumulate of a layer
    Case("batch norm", "normalisation is no layer", plain(nn.Conv2d(3, 4, 3, padding=1),
         nn.BatchNorm2d(4), nn.ReLU(inplace=True)), IMAGE, 10_800, 120, 120, (1, 4, 10, 10),
         (3, 3)),
    # 6·5·7; 35 + 7. Three axes are (N, C, length), as PyTorch's signals are: it sums over 5
    Case("linear on tokens", "more rows than one", lambda: nn.Linear(5, 7), ((1, 6, 5),), 210,
         42, 42, (1, 6, 7), (1, 5)),
)
# fmt: on
