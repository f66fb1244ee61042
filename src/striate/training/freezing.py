"""Which parts of a transferred network train, and how fast.

The lower a stage, the more general what it has learned, and the less it should be moved: the first
stages stay as they are, those above them train at rates that fall from the head downwards, and may
be unfrozen one after the other from above (Howard and Ruder 2018, arXiv 1801.06146, Sec. 3.2, 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from striate.anatomy.graph.record import record
from striate.anatomy.stages import Stage, stages
from striate.errors import StriateError, parameter
from striate.hub.surgery import Transferred
from striate.runs.origins import TransferOrigin

#: How much slower a stage trains than the one above it; the head's own rate is the recipe's. Our
#: choice: Howard and Ruder's 1 / 2.6 is for the few layers of their network.
SLOWER = 0.7


@dataclass(frozen=True, kw_only=True)
class Freezing:
    """What of a transferred network stays as it is in each epoch.

    Attributes:
        stages: of the backbone, from its input upwards, by paths within the transferred network.
        frozen: so many of the first stages never train.
        every: epochs after which one more stage begins to train, from the highest downwards; 0
            trains all from the first epoch on.
        decay: weight decay of the head's linear weights; None for the recipe's.
    """

    stages: tuple[Stage, ...]
    frozen: int
    every: int = 0
    decay: float | None = None

    @classmethod
    def of(cls, network: Transferred, shape: tuple[int, ...], transfer: TransferOrigin) -> Freezing:
        """What `transfer` says of `network`, whose images are `shape` (C, H, W)."""
        return cls(
            stages=stages_of(network, shape),
            frozen=0 if transfer.freeze == "none" else int(transfer.freeze),
            every=transfer.unfreeze_every,
            decay=transfer.decay,
        )

    def resting(self, epoch: int) -> int:
        """How many of the first stages do not train in `epoch`, counted from 0."""
        return resting(epoch, stages=len(self.stages), frozen=self.frozen, every=self.every)

    def apply(self, network: nn.Module, epoch: int) -> None:
        """Let `network`, in training mode, train what trains in `epoch`, and nothing else.

        A frozen stage is put into evaluation mode, and so is every batch norm, also of stages that
        train: its scales and shifts do, its statistics stay. The head was fitted to what the
        backbone gives with these. With those of each batch it would see other embeddings than it
        knows, and with running ones that a few small batches have overwritten, others again.
        """
        resting = self.resting(epoch)
        for name, weight in network.named_parameters():
            weight.requires_grad = self._stage(name) >= resting
        for stage in self.stages[:resting]:
            for path in stage.modules:
                network.get_submodule(path).eval()
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def factors(self, network: nn.Module) -> dict[str, float]:
        """The factor on the learning rate of every parameter that trains in some epoch."""
        top = len(self.stages)
        return {
            name: SLOWER ** (top - self._stage(name))
            for name, _ in network.named_parameters()
            if self._stage(name) >= self.frozen
        }

    def decays(self) -> dict[str, float]:
        """The weight decay of parameters that have one of their own, by name."""
        return {} if self.decay is None else {"head.linear.weight": self.decay}

    def _stage(self, parameter: str) -> int:
        """The stage of a parameter: that many stages are below it. The head is above all."""
        for number, stage in enumerate(self.stages):
            if stage.holds(parameter):
                return number
        # What stands in no stage belongs to the network as a whole, such as a table of positions.
        return len(self.stages) if parameter.startswith("head.") else 0


def resting(epoch: int, *, stages: int, frozen: int, every: int) -> int:
    """How many of the first of `stages` do not train in `epoch`: see `Freezing`.

    Examples:
        >>> [resting(epoch, stages=4, frozen=1, every=2) for epoch in range(7)]
        [4, 4, 3, 3, 2, 2, 1]
    """
    return max(frozen, stages - epoch // every) if every else frozen


def stages_of(network: Transferred, shape: tuple[int, ...]) -> tuple[Stage, ...]:
    """The stages of the backbone of `network` by their paths within it; images are (C, H, W)."""
    graph = record(network.backbone, torch.empty(1, *shape, device="meta"))
    return tuple(
        Stage(
            name=each.name.removeprefix("network."),
            modules=tuple(f"backbone.{path}" for path in each.modules),
            layers=each.layers,
        )
        for each in stages(graph)
    )


def is_number(freeze: str) -> bool:
    """Whether it is a number as people type one: Python would read ``２`` and a thousand digits."""
    return freeze.isascii() and freeze.isdecimal() and len(freeze) < 10


def check_freeze(freeze: str, found: tuple[Stage, ...]) -> None:
    """Refuse a number of frozen stages that the network does not have.

    Raises:
        StriateError: neither ``all`` nor ``none`` nor a number below that of the stages, all of
            which are listed.
    """
    if freeze in ("all", "none") or (is_number(freeze) and int(freeze) < len(found)):
        return
    listed = ", ".join(f"{number} {stage.name}" for number, stage in enumerate(found, start=1))
    raise StriateError(
        parameter("freeze", freeze),
        f"must be all, none, or a number below the network's {len(found)} stages ({listed})",
        "all trains the head alone",
    )


def check_unfreezing(freeze: str, every: int, stages: int, epochs: int) -> None:
    """Refuse to unfreeze so slowly that stages which shall train never do.

    Raises:
        StriateError: the last of the `stages` would be unfrozen after the last of the `epochs`.
    """
    frozen = 0 if freeze == "none" else int(freeze)
    needed = every * (stages - frozen) + 1
    if epochs >= needed:
        return
    left = resting(epochs - 1, stages=stages, frozen=frozen, every=every)
    raise StriateError(
        parameter("unfreeze_every", every),
        f"leaves the first {left} of {stages} stages frozen to the end of {epochs} epochs, though "
        f"{parameter('freeze', freeze)} lets {'all' if not frozen else stages - frozen} train",
        f"take {parameter('epochs', needed)} or more, or {parameter('freeze', left)}",
    )
