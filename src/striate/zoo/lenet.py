"""LeNet: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998.

Convolution and sub-sampling in turn, trained from pixels to classes by back-propagation: local
receptive fields, shared weights, and coarser grids upwards. `lenet5` is Sec. II-B's network: an
error of 0.95 % on MNIST without, 0.8 % with distorted training digits. `lenet` is the form that
textbooks teach, with sigmoids, plain average pooling, a full second convolution and a linear
classifier.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.layers import Conv2d, Linear, Network, check_input, collect, set_zero

# Table I: the S2 maps that feed each of the 16 maps of C3. 6·3 + 9·4 + 1·6 = 60 kernels.
TABLE_I = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)

# The targets of the output units are pictures of the classes, 7 wide and 12 high (Fig. 3): +1 where
# there is ink. The paper shows its own stylised characters; these digits are drawn in their manner.
DIGITS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...##..  .#####.  .#####.  .....#.  #######  ..####.  #######  .#####.  .#####.
.#...#.  ..###..  ##...##  ##...##  ....##.  ##.....  .##....  #######  ##...##  ##...##
##...##  .#.##..  .....##  .....##  ...###.  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  .....##  .....##  ..#.##.  ######.  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  ....##.  ..####.  .##.##.  .....##  ######.  ...##..  .#####.  .######
##...##  ...##..  ...##..  .....##  ##..##.  .....##  ##...##  ...##..  ##...##  .....##
##...##  ...##..  ..##...  .....##  #######  .....##  ##...##  ..##...  ##...##  .....##
##...##  ...##..  .##....  .....##  .....#.  ##...##  ##...##  ..##...  ##...##  ....##.
.#...#.  ...##..  ##.....  ##...##  .....#.  ##...##  ##...##  .##....  ##...##  ...##..
..###..  .######  #######  .#####.  .....#.  .#####.  .#####.  .##....  .#####.  .##....
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


def class_codes(classes: int) -> list[list[float]]:
    """Give the 84 values of ±1 that F6 should show for each class, row by row of the bitmap.

    Ten classes have the bitmaps of the digits, whatever the classes are called. Any other number
    has no pictures in the paper and gets pseudo-random codes, always the same ones: two of them
    differ in about 42 of their 84 places.
    """
    if classes == 10:
        rows = [line.split() for line in DIGITS.strip().splitlines()]
        bitmaps = ["".join(row[digit] for row in rows) for digit in range(10)]
        return [[1.0 if ink == "#" else -1.0 for ink in bitmap] for bitmap in bitmaps]
    bits = random.Random(1998)  # Python promises the same numbers for a seed in every version
    return [[1.0 if bits.random() < 0.5 else -1.0 for _ in range(84)] for _ in range(classes)]


class LeNet(Network):
    """The textbook network: takes (N, in_channels, 32, 32), gives logits (N, classes).

    Glorot initialisation with zero biases, our choice: there is no paper of this form, and sigmoid
    layers do not start learning from PyTorch's own smaller weights.
    """

    def __init__(self, classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.input_size = (in_channels, 32, 32)
        self.strides = (1, 2, 4)
        self.channels = (6, 16, 16)
        self.conv1 = Conv2d(in_channels, 6, 5)
        self.pool1 = nn.AvgPool2d(2)
        self.conv2 = Conv2d(6, 16, 5)
        self.pool2 = nn.AvgPool2d(2)
        self.fc1 = Linear(400, 120)
        self.fc2 = Linear(120, 84)
        self.fc3 = Linear(84, classes)
        for layer in (self.conv1, self.conv2, self.fc1, self.fc2, self.fc3):
            nn.init.xavier_uniform_(layer.weight)
            set_zero(layer.bias)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 16, 5, 5)."""
        check_input(x, "LeNet", self.input_size[0], size=32)
        x = torch.sigmoid(self.conv1(x))  # 6×28×28
        x = self.pool1(collect(x, finer))  # 6×14×14
        x = torch.sigmoid(self.conv2(x))  # 16×10×10
        x = self.pool2(collect(x, finer))  # 16×5×5
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 84)."""
        x = self.features(x).flatten(1)
        x = torch.sigmoid(self.fc1(x))  # 120
        x = torch.sigmoid(self.fc2(x))  # 84
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, 32, 32) to logits (N, classes)."""
        x = self.fc3(self.embed(x))  # 10
        return x


def squash(x: Tensor) -> Tensor:
    """The paper's 1.7159 tanh(2x/3): ±1 maps to ±1 and lies where the curve bends most (App. A)."""
    return 1.7159 * torch.tanh(x * (2.0 / 3.0))


class SubSampling(nn.Module):
    """S2, S4: the sum of each 2×2 field times a trainable coefficient plus a bias, a pair a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, channels, H / 2, W / 2)."""
        return F.avg_pool2d(x, 2) * (4.0 * self.coefficient) + self.bias


class TableConv2d(nn.Module):
    """C3: 5×5 convolution in which each output map sees only the input maps of its row of `table`.

    Only the kernels that exist are parameters, in the table's order. They are computed as a dense
    convolution with zeros between: ten times as fast as gathering maps for grouped convolutions.
    """

    def __init__(self, inputs: int, table: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, len(table)
        self.fan_in = tuple(25 * len(row) for row in table)
        places = [out * inputs + source for out, row in enumerate(table) for source in row]
        self.absent_kernels = inputs * len(table) - len(places)
        self.weight = nn.Parameter(torch.empty(len(places), 25))
        self.bias = nn.Parameter(torch.empty(len(table)))
        self.position = nn.Buffer(torch.tensor(places), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, len(table), H - 4, W - 4)."""
        kernels = self.weight.new_zeros(self.outputs * self.inputs, 25)
        kernels = kernels.index_copy(0, self.position, self.weight)
        return F.conv2d(x, kernels.view(self.outputs, self.inputs, 5, 5), self.bias)


class EuclideanRBF(nn.Module):
    """OUTPUT: squared distance of F6 to each class's fixed code (Sec. II-B, eq. 7)."""

    def __init__(self, codes: list[list[float]]) -> None:
        super().__init__()
        self.codes = nn.Buffer(torch.tensor(codes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 84) to distances (N, classes), in float32."""
        return (x.float().unsqueeze(1) - self.codes).square().sum(2)


class LeNet5(Network):
    """LeNet-5 of 1998: takes (N, in_channels, 32, 32), gives minus the distances (N, classes).

    The least distance is the class, hence the sign: argmax works as everywhere else. The paper's
    loss is eq. 9 on the distances. With more than one input channel each C1 map sees all of them.
    """

    has_linear_outputs = False

    def __init__(self, classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.input_size = (in_channels, 32, 32)
        self.strides = (1, 2, 4)
        self.channels = (6, 16, 120)
        self.C1 = Conv2d(in_channels, 6, 5)
        self.S2 = SubSampling(6)
        self.C3 = TableConv2d(6, TABLE_I)
        self.S4 = SubSampling(16)
        self.C5 = Conv2d(16, 120, 5)
        self.F6 = Linear(120, 84)
        self.OUTPUT = EuclideanRBF(class_codes(classes))
        self._initialise()

    def _initialise(self) -> None:
        """App. A: uniform in ±2.4 / F, where F is the number of inputs of the unit."""
        for parameter, fan_in in (
            (self.C1.weight, self.C1.weight[0].numel()),
            (self.C1.bias, self.C1.weight[0].numel()),
            (self.S2.coefficient, 4),
            (self.S2.bias, 4),
            (self.S4.coefficient, 4),
            (self.S4.bias, 4),
            (self.C5.weight, 400),
            (self.C5.bias, 400),
            (self.F6.weight, 120),
            (self.F6.bias, 120),
        ):
            if parameter is not None:
                nn.init.uniform_(parameter, -2.4 / fan_in, 2.4 / fan_in)
        bound = 2.4 / torch.tensor(self.C3.fan_in)
        with torch.no_grad():
            kernels = [fan_in // 25 for fan_in in self.C3.fan_in]
            per_kernel = bound.repeat_interleave(torch.tensor(kernels), output_size=sum(kernels))
            self.C3.weight.uniform_(-1.0, 1.0).mul_(per_kernel.unsqueeze(1))
            self.C3.bias.uniform_(-1.0, 1.0).mul_(bound)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 120, 1, 1)."""
        check_input(x, "LeNet5", self.input_size[0], size=32)
        x = squash(self.C1(x))  # 6×28×28
        x = squash(self.S2(collect(x, finer)))  # 6×14×14
        x = squash(self.C3(x))  # 16×10×10
        x = squash(self.S4(collect(x, finer)))  # 16×5×5
        x = squash(self.C5(x))  # 120×1×1
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the output units compare with their codes, (N, 84)."""
        x = self.features(x).flatten(1)
        x = squash(self.F6(x))  # 84
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, 32, 32) to minus the distances, (N, classes)."""
        x = -self.OUTPUT(self.embed(x))  # 10
        return x


def lenet(classes: int = 10, in_channels: int = 1) -> LeNet:
    """LeNet as textbooks have it: 61,706 parameters with ten classes."""
    return LeNet(classes, in_channels)


def lenet5(classes: int = 10, in_channels: int = 1) -> LeNet5:
    """LeNet-5 of 1998: 60,000 parameters."""
    return LeNet5(classes, in_channels)
