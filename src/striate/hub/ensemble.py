"""Several networks as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_LEAST = 1e-30
"""Probabilities below it are this much, so that they have a logarithm."""


class Ensemble(nn.Module):
    """The mean of the probabilities of networks that see the same pixels.

    Maps normalised images (N, C, H, W) to logits (N, classes) whose softmax is that mean: it stands
    wherever a single network does.

    Args:
        members: each maps images to logits (N, classes).
        orders: for each member, the number of its output for each class; None where they are the
            ensemble's.
        normalisations: (mean, std) of each member, one number a channel. The images are normalised
            by those of the first.
        temperatures: by which the logits of each member are divided; None for 1.
    """

    def __init__(
        self,
        members: Sequence[nn.Module],
        orders: Sequence[Sequence[int] | None],
        normalisations: Sequence[tuple[Sequence[float], Sequence[float]]],
        temperatures: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.orders, self.normalisations = tuple(orders), tuple(normalisations)
        self.temperatures = tuple(temperatures or (1.0 for _ in members))
        mean, std = (torch.tensor(each) for each in normalisations[0])
        for number, order in enumerate(orders):
            places = None if order is None else torch.tensor(order)
            self.register_buffer(f"order{number}", places, persistent=False)
            own_mean, own_std = (torch.tensor(each) for each in normalisations[number])
            same = normalisations[number] == normalisations[0]
            scale = None if same else (std / own_std).view(1, -1, 1, 1)
            shift = None if same else ((mean - own_mean) / own_std).view(1, -1, 1, 1)
            self.register_buffer(f"scale{number}", scale, persistent=False)
            self.register_buffer(f"shift{number}", shift, persistent=False)

    def with_members(self, members: Sequence[nn.Module]) -> Ensemble:
        """The same of other networks, each in the place of one of its own."""
        return Ensemble(members, self.orders, self.normalisations, self.temperatures)

    def probabilities(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to each member's, (N, members, classes)."""
        found = []
        for number, member in enumerate(self.members):
            scale, shift = getattr(self, f"scale{number}"), getattr(self, f"shift{number}")
            order = getattr(self, f"order{number}")
            logits = member(x if scale is None else x * scale + shift)
            temperature = self.temperatures[number]
            shares = torch.softmax(logits if temperature == 1 else logits / temperature, dim=1)
            found.append(shares if order is None else shares.index_select(1, order))
        return torch.stack(found, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to logits (N, classes)."""
        return torch.log(self.probabilities(x).mean(1).clamp(min=_LEAST))


class EachMember(nn.Module):
    """The probabilities of every member of an ensemble, one after the other.

    Maps normalised images (N, C, H, W) to (N, members · classes).
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, members · classes)."""
        return self.ensemble.probabilities(x).flatten(1)
