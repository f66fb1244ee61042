"""A small run that exports in a second, and images of many sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing

CLASSES = ("daisy", "“quoted” <b>", "向日葵")


class SmallNetwork(nn.Module):
    """What exporters trip over: batch norm, equal tensors, adaptive pooling to a grid."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, stride=2)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, groups=2)
        self.bn2 = nn.BatchNorm2d(6)
        self.pool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Linear(6 * 6 * 6, len(CLASSES))
        # Logits far apart, so that a wrong pixel shows in the probabilities.
        with torch.no_grad():
            self.classifier.weight.mul_(8)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.classifier(torch.flatten(self.pool(x), 1))


@dataclass
class FakeRun:
    """The part of a run that exporting uses."""

    preprocessing: Preprocessing
    make: Callable[[], nn.Module]
    classes: tuple[str, ...] = CLASSES
    config: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            network="small", variant={}, identity="ab" * 32, epochs=3
        )
    )
    epochs_done: int = 2
    temperature: float = 1.0
    has_members: bool = False
    targets: tuple[()] = ()
    answers_numbers: bool = False

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return self.make().eval()


@pytest.fixture
def run() -> FakeRun:
    preprocessing = Preprocessing(
        resize=36, height=32, width=32, mean=(0.48, 0.45, 0.4), std=(0.22, 0.23, 0.24)
    )
    return FakeRun(preprocessing, SmallNetwork)


@pytest.fixture
def grey_run() -> FakeRun:
    preprocessing = Preprocessing(
        fit="pad", resize=28, height=32, width=32, channels=1, fill=255, mean=(0.1,), std=(0.3,)
    )
    return FakeRun(preprocessing, lambda: SmallNetwork(1))


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng([height, width, seed])
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def images() -> list[NDArray[np.uint8]]:
    return [noise(40, 33), noise(64, 120), noise(7, 5)]


@pytest.fixture
def make_image() -> Callable[..., NDArray[np.uint8]]:
    """Noise, uint8 (height, width, channels), which no two sizes or seeds share."""
    return noise
