"""The network of PyTorch's own MNIST example: two convolutions, two dense layers, no paper.

The first network that many people train: 3×3 convolutions without padding, one max pool, dropout
that drops whole channels of the map (`Dropout2d`) and then single units, and log-softmax at the
end, trained with Adadelta for 14 epochs. There is no published score.

Departures: later versions of the example drop single positions of the map instead of channels.
What comes out are logarithms of probabilities, not logits; softmax turns both into probabilities,
and cross-entropy on them is the example's negative log-likelihood.
"""

# ruff: noqa: RET504 - every stage is a line of its own, with its shape

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from striate.zoo.layers import Network, check_input, collect

# class Net: (layer, outputs, kernel size, output grid).
TABLE = (
    ("conv1", 32, 3, 26),
    ("conv2", 64, 3, 24),
    ("pool", 64, 2, 12),
    ("fc1", 128, 1, 1),
    ("fc2", 10, 1, 1),
)


class MnistExample(Network):
    """Takes (N, in_channels, 28, 28), gives logarithms of probabilities (N, classes).

    Weights start as PyTorch starts them: uniform within ±1 / √fan-in, biases too.
    """

    def __init__(self, classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.input_size = (in_channels, 28, 28)
        self.strides = (1, 2)
        self.channels = (64, 64)
        self.conv1 = nn.Conv2d(in_channels, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.pool = nn.MaxPool2d(2)
        self.dropout1 = nn.Dropout2d(0.25)
        self.fc1 = nn.Linear(64 * 12 * 12, 128)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, classes)

    def features(self, x: Tensor, finer: list[Tensor] | None = None) -> Tensor:
        """Give the last feature map, (N, 64, 12, 12)."""
        check_input(x, "the MNIST example", self.input_size[0], size=28)
        x = F.relu(self.conv1(x), inplace=True)  # 32×26×26
        x = F.relu(self.conv2(x), inplace=True)  # 64×24×24
        x = self.pool(collect(x, finer))  # 64×12×12
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Give the vector that the classifier sees, (N, 128)."""
        x = self.dropout1(self.features(x))  # 64×12×12
        x = x.flatten(1)
        x = F.relu(self.fc1(x), inplace=True)  # 128
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, 28, 28) to logarithms of probabilities (N, classes)."""
        x = self.dropout2(self.embed(x))  # 128
        x = self.fc2(x)  # 10
        return F.log_softmax(x, dim=1)


def mnist_example(classes: int = 10, in_channels: int = 1) -> MnistExample:
    """The network of PyTorch's MNIST example."""
    return MnistExample(classes, in_channels)
