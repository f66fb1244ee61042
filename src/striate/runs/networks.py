"""From a run's decisions to its network, without what it learnt."""

from __future__ import annotations

from torch import nn

from striate.runs.config import RunConfig
from striate.zoo.create import create
from striate.zoo.heads import make_head
from striate.zoo.resolve import resolve
from striate.zoo.transferred import Headless, Transferred


def make_network(config: RunConfig) -> nn.Module:
    """The network that `config` describes, with initial weights, on the CPU.

    A transferred one is a backbone, made of ``transfer.spec`` and ``transfer.options`` as
    `striate.zoo.resolve.resolve` takes them, whose layer ``transfer.classifier`` was taken out, and
    a head of the sizes in ``transfer.head``.

    Raises
    ------
    NetworkError: there is no such network, or the library that it comes from is not installed.
    """
    transfer = config.transfer
    if not transfer:
        return create(
            config.network,
            classes=len(config.classes),
            in_channels=config.in_channels,
            **config.variant,
        )
    backbone = resolve(transfer["spec"], device="cpu", **transfer["options"]).network
    return Transferred(Headless(backbone, transfer["classifier"]), make_head(**transfer["head"]))
