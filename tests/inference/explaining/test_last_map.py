"""Where a network's image stops being one, found on its graph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from striate.anatomy.graph.record import record
from striate.errors import NetworkError
from striate.inference.explaining.last_map import LastMap, last_map
from striate.zoo.create import create


def found(network: nn.Module, *size: int) -> LastMap:
    with torch.device("meta"):
        return last_map(record(network.eval(), torch.empty(1, *size)))


@pytest.mark.parametrize(
    ("name", "size", "layer", "grid", "averaged"),
    [
        ("lenet", (1, 32, 32), "pool2", (5, 5), False),
        ("resnet20", (3, 32, 48), "stage3.2.relu#2", (8, 12), True),
        ("nin_cifar", (3, 32, 32), "relu#9", (8, 8), True),
        ("alexnet", (3, 227, 227), "pool5", (6, 6), False),
        ("googlenet_bn", (3, 96, 96), "inception_5b.concatenate", (3, 3), True),
    ],
)
def test_of_networks_of_ours(
    name: str, size: tuple[int, ...], layer: str, grid: tuple[int, int], averaged: bool
) -> None:
    with torch.device("meta"):
        map_ = found(create(name), *size)
    assert (map_.name, map_.grid, map_.averaged) == (layer, grid, averaged)
    assert map_.axes == (2, 3)


@pytest.mark.parametrize(
    ("name", "size", "first", "step"),
    # Three strides of 2 with padding 1 on both sides; none with padding; by AlexNet's own strides.
    [
        ("resnet20", (3, 32, 32), 0, 4),
        ("alexnet", (3, 227, 227), 33, 32),
        ("vgg11", (3, 224, 224), 15.5, 32),
    ],
)
def test_where_its_positions_lie(
    name: str, size: tuple[int, ...], first: float, step: float
) -> None:
    with torch.device("meta"):
        assert found(create(name), *size).laid == ((first, step), (first, step))


class Made(nn.Module):
    """A convolution, and what a test puts behind it."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        for name, layer in layers.items():
            setattr(self, name, layer)


class ChannelsLast(Made):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2)))


class Gated(Made):
    """A gate made of the whole map comes together with it again: the product is the last map."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.fc((x * torch.sigmoid(x.mean((2, 3), keepdim=True))).mean((2, 3)))


class Skipping(Made):
    """The image itself goes past every map."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.cat([self.conv(x).mean((2, 3)), x.mean((2, 3))], 1))


class Bent(Made):
    """What follows the average is no sum any more."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.conv(x).mean((2, 3))))


class Partly(Made):
    """Each half of the image has weights of its own: averages, but not over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(nn.functional.adaptive_avg_pool2d(self.conv(x), (2, 1)).flatten(1))


def test_axes_are_followed_wherever_they_are() -> None:
    map_ = found(ChannelsLast(norm=nn.LayerNorm(8), fc=nn.Linear(8, 2)), 3, 10, 12)
    assert (map_.axes, map_.grid, map_.averaged) == ((1, 2), (8, 10), True)


@pytest.mark.parametrize(
    ("kind", "width", "grid", "averaged"),
    [(Gated, 8, (6, 6), True), (Bent, 8, (6, 6), False), (Partly, 16, (6, 6), False)],
)
def test_what_counts_as_an_average(
    kind: Any, width: int, grid: tuple[int, int], averaged: bool
) -> None:
    map_ = found(kind(fc=nn.Linear(width, 2)), 3, 8, 8)
    assert (map_.grid, map_.averaged) == (grid, averaged)


def test_networks_without_one() -> None:
    with pytest.raises(NetworkError, match="no map lies between the image and the classes"):
        found(Skipping(fc=nn.Linear(11, 2)), 3, 8, 8)
    attending = nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=4),
        nn.Flatten(2),
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        nn.Flatten(),
        nn.Linear(32, 2),
    )
    with pytest.raises(NetworkError, match="mixes the positions"):
        found(attending, 3, 8, 8)
