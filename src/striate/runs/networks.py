"""From a run's decisions to its network, without what it learnt."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from striate.runs.config import RunConfig
from striate.zoo.heads import make_head
from striate.zoo.resolve import resolve
from striate.zoo.transferred import Headless, Transferred


def network_with(config: RunConfig, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network that `config` describes, with `weights` in it, on the CPU.

    First weights, which take a large network seconds, are drawn only where the network cannot be
    made without or keeps something beside `weights`.

    Raises
    ------
    RuntimeError: `weights` do not fit, as PyTorch says it.
    NetworkError: as for `make_network`.
    """
    network = make_network(config, device="meta")
    # Copies: a file's bytes do not stand where memory would have been allocated.
    network.load_state_dict({name: value.clone() for name, value in weights.items()}, assign=True)
    if any(each.is_meta for each in (*network.parameters(), *network.buffers())):
        network = make_network(config)
        network.load_state_dict(weights)
    return network


def make_network(config: RunConfig, device: str = "cpu") -> nn.Module:
    """The network that `config` describes, with initial weights.

    On the CPU, or on `device` as `striate.zoo.resolve.resolve` takes it: ``meta`` for none where
    the network can be made without.

    A transferred one is a backbone, made of ``transfer.spec`` and ``transfer.options`` as `resolve`
    takes them, whose layer ``transfer.classifier`` was taken out, and a head of the
    sizes in ``transfer.head``.

    Raises
    ------
    NetworkError: there is no such network, or the library that it comes from is not installed.
    """
    transfer = config.transfer
    if not transfer:
        return resolve(
            config.network,
            device=device,
            classes=len(config.classes),
            in_channels=config.in_channels,
            **config.variant,
        ).network
    backbone = resolve(transfer["spec"], device=device, **transfer["options"]).network
    return Transferred(Headless(backbone, transfer["classifier"]), make_head(**transfer["head"]))
