"""Averages of the weights over many steps: what is evaluated and kept, where the recipe asks."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from striate.recipes.recipe import Averaging


class AveragedNetwork:
    """A running mean of a network's weights and batch-norm statistics.

    ``ema``: mean ← d·mean + (1-d)·weights with d = min(decay, (1+n)/(10+n)) at step n, so that the
    first steps, far from any good, are soon forgotten. ``polyak``: the plain mean of all steps
    after `start` of the run (Polyak and Juditsky 1992); until then it is the network itself.
    """

    def __init__(self, network: nn.Module, spec: Averaging, total_updates: int) -> None:
        self.spec = spec
        self.first = int(spec.start * total_updates)
        self.updates = 0
        self.network = copy.deepcopy(network)
        self.network.requires_grad_(requires_grad=False)

    def expect(self, updates: int) -> None:
        """So many updates are to come, by a decision made on the way.

        A mean that has not begun begins at its share of the run as it is now.
        """
        if self.updates <= self.first:
            self.first = max(int(self.spec.start * (self.updates + updates)), self.updates)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights that `network` has now."""
        self.updates += 1
        mean, new = self._tensors(self.network), self._tensors(network)
        torch._foreach_lerp_(mean, new, self._share())
        # Counters, such as batch norm's number of batches, have no mean: the newest is right.
        for old, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            if not buffer.is_floating_point():
                old.copy_(buffer)

    def _share(self) -> float:
        """How much of the newest weights goes into the mean."""
        if self.spec.name == "ema":
            return 1 - min(self.spec.decay, (1 + self.updates) / (10 + self.updates))
        return 1.0 / max(self.updates - self.first, 1)

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        buffers = [b for b in network.buffers() if b.is_floating_point()]
        return [p.detach() for p in network.parameters()] + buffers

    def state(self) -> dict[str, object]:
        """For the checkpoint."""
        return {
            "updates": self.updates,
            "first": self.first,
            "network": self.network.state_dict(),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Take over what `state` gave."""
        self.updates = state["updates"]  # type: ignore[assignment]
        self.first = state.get("first", self.first)  # type: ignore[assignment] # not in old ones
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
