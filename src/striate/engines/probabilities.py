"""The one place of the softmax: behind the network, in whatever executes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Probabilities(nn.Module):
    """A classifying network with the softmax behind it.

    What is exported is this, and what a `striate.inference.classifier.Classifier` of a run
    computes: both give probabilities.

    Args:
        network: maps normalised images (N, C, H, W) to logits (N, classes).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to probabilities (N, classes)."""
        logits: Tensor = self.network(image)
        return torch.softmax(logits, dim=1)
