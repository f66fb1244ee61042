"""A small network that a trace cannot capture, and pixels for it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(
    resize=10, height=8, width=10, mean=(0.5, 0.4, 0.3), std=(0.25, 0.3, 0.2)
)


class Untraceable(nn.Module):
    """Asks for the size of a feature map, which a trace with a free batch does not know."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(channels, 4, 3)
        self.classifier = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        odd = (x.shape[2] % 2, x.shape[3] % 2)
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=odd)
        result: Tensor = self.classifier(x.mean((2, 3)))
        return result


def make_pixels(count: int, size: tuple[int, int] = (8, 10), seed: int = 0) -> NDArray[np.uint8]:
    """Random pictures, (count, height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), np.uint8)
