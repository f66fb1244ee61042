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
        temperature: by which the logits are divided, T in Guo et al. 2017, "On Calibration of
            Modern Neural Networks", Sec. 4.2; 1 for the network's own probabilities.
    """

    def __init__(self, network: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, image: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to probabilities (N, classes)."""
        return self.answers(self.network(image))

    def answers(self, logits: Tensor) -> Tensor:
        """Map logits (N, classes) to probabilities."""
        # Nothing is divided by 1, so that a graph has no operator that does nothing.
        scaled = logits if self.temperature == 1 else logits / self.temperature
        return torch.softmax(scaled, dim=1)
