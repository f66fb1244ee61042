"""Several networks as one: the mean of their probabilities, or of their values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

_LEAST = 1e-30
"""Probabilities below it are this much, so that they have a logarithm."""

Scale = tuple[Sequence[float], Sequence[float]]
"""Means and standard deviations: of channels, or of targets."""


class Ensemble(nn.Module, ABC):
    """Networks that see the same pixels, as one that stands wherever a single network does.

    Args:
        members: each maps normalised images (N, C, H, W) to (N, K).
        orders: for each member, the number of its output for each of the ensemble's; None where
            they are in the same order.
        normalisations: (mean, std) of each member, one number a channel. The images are normalised
            by those of the first.
    """

    def __init__(
        self,
        members: Sequence[nn.Module],
        orders: Sequence[Sequence[int] | None],
        normalisations: Sequence[Scale],
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.orders, self.normalisations = tuple(orders), tuple(normalisations)
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

    @abstractmethod
    def with_members(self, members: Sequence[nn.Module]) -> Ensemble:
        """The same of other networks, each in the place of one of its own."""

    @abstractmethod
    def answers(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to what each member says, (N, members, K).

        That is what people are told of, probabilities or values, in the ensemble's order.
        """

    def _outputs(self, x: Tensor) -> Iterator[Tensor]:
        """What each member gives for images as it sees them, (N, K), in its own order."""
        for number, member in enumerate(self.members):
            scale, shift = getattr(self, f"scale{number}"), getattr(self, f"shift{number}")
            yield member(x if scale is None else x * scale + shift)

    def _ordered(self, number: int, found: Tensor) -> Tensor:
        """What a member gives, in the ensemble's order."""
        order = getattr(self, f"order{number}")
        return found if order is None else found.index_select(1, order)


class ClassEnsemble(Ensemble):
    """The mean of the probabilities of networks.

    Maps normalised images (N, C, H, W) to logits (N, classes) whose softmax is that mean.

    Args:
        members: each maps images to logits (N, classes).
        orders: as for `Ensemble`.
        normalisations: as for `Ensemble`.
        temperatures: by which the logits of each member are divided; None for 1.
    """

    def __init__(
        self,
        members: Sequence[nn.Module],
        orders: Sequence[Sequence[int] | None],
        normalisations: Sequence[Scale],
        temperatures: Sequence[float] | None = None,
    ) -> None:
        super().__init__(members, orders, normalisations)
        self.temperatures = tuple(temperatures or (1.0 for _ in members))

    def with_members(self, members: Sequence[nn.Module]) -> ClassEnsemble:
        """The same of other networks, each in the place of one of its own."""
        return ClassEnsemble(members, self.orders, self.normalisations, self.temperatures)

    def answers(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to probabilities (N, members, classes)."""
        found = []
        for number, logits in enumerate(self._outputs(x)):
            temperature = self.temperatures[number]
            shares = torch.softmax(logits if temperature == 1 else logits / temperature, dim=1)
            found.append(self._ordered(number, shares))
        return torch.stack(found, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to logits (N, classes)."""
        return torch.log(self.answers(x).mean(1).clamp(min=_LEAST))


class NumberEnsemble(Ensemble):
    """The mean of the values of networks.

    Maps normalised images (N, C, H, W) to standardised values (N, targets) that are the mean of the
    members' in the targets' units.

    Args:
        members: each maps images to standardised values (N, targets).
        orders: as for `Ensemble`.
        normalisations: as for `Ensemble`.
        scales: (means, deviations) of the targets of each member, in its own order.
        scale: of the ensemble's own targets.
    """

    def __init__(
        self,
        members: Sequence[nn.Module],
        orders: Sequence[Sequence[int] | None],
        normalisations: Sequence[Scale],
        scales: Sequence[Scale],
        scale: Scale,
    ) -> None:
        super().__init__(members, orders, normalisations)
        self.mean: Tensor
        self.deviation: Tensor
        self.scales, self.scale = tuple(scales), scale
        every = {"": scale} | {str(number): each for number, each in enumerate(scales)}
        for name, each in every.items():
            for part, numbers in zip(("mean", "deviation"), each, strict=True):
                own = torch.tensor(numbers, dtype=torch.float32)
                self.register_buffer(f"{part}{name}", own, persistent=False)

    def with_members(self, members: Sequence[nn.Module]) -> NumberEnsemble:
        """The same of other networks, each in the place of one of its own."""
        return NumberEnsemble(members, self.orders, self.normalisations, self.scales, self.scale)

    def answers(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to values (N, members, targets)."""
        found = []
        for number, output in enumerate(self._outputs(x)):
            values = output * getattr(self, f"deviation{number}") + getattr(self, f"mean{number}")
            found.append(self._ordered(number, values))
        return torch.stack(found, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to standardised values (N, targets)."""
        found: Tensor = (self.answers(x).mean(1) - self.mean) / self.deviation
        return found


class EachMember(nn.Module):
    """What every member of an ensemble says, one after the other.

    Maps normalised images (N, C, H, W) to (N, members · K).
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, members · K)."""
        return self.ensemble.answers(x).flatten(1)
