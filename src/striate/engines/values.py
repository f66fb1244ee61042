"""The one place where a network's outputs get the units of their targets, whatever executes it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Values(nn.Module):
    """A network of numbers with the way back to their units behind it.

    What is exported is this, and what a `striate.inference.regressor.Regressor` of a run computes:
    both give values.

    Args:
        network: maps normalised images (N, C, H, W) to standardised values (N, targets).
        means: of each target, in its own unit.
        deviations: likewise, more than 0.
    """

    def __init__(
        self, network: nn.Module, means: Sequence[float], deviations: Sequence[float]
    ) -> None:
        super().__init__()
        self.network = network
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(means, dtype=torch.float32), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(deviations, dtype=torch.float32), persistent=False
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to values (N, targets), in their own units."""
        return self.answers(self.network(image))

    def answers(self, outputs: Tensor) -> Tensor:
        """Map standardised values (N, targets) to values in their own units."""
        return outputs * self.deviation + self.mean
