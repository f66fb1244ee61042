"""From a run's decisions to its network, without what it learnt."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from torch import Tensor, nn

from striate.errors import StriateError
from striate.runs.config import RunConfig
from striate.zoo.create import create
from striate.zoo.heads import make_head
from striate.zoo.resolve import resolve, weightless
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
    try:
        network = make_network(config, device="meta")
    except StriateError:
        raise
    except Exception:  # a constructor that reads values; it is made with them below
        network = None
    if network is not None:
        # Copies: a file's bytes do not stand where memory would have been allocated.
        network.load_state_dict({k: v.clone() for k, v in weights.items()}, assign=True)
        if not any(each.is_meta for each in (*network.parameters(), *network.buffers())):
            return network
    network = make_network(config)
    network.load_state_dict(weights)
    return network


def make_network(config: RunConfig, device: str = "cpu") -> nn.Module:
    """The network that `config` describes, with initial weights, on the CPU or without on ``meta``.

    A transferred one is a backbone, made of ``transfer.spec`` and ``transfer.options`` as
    `striate.zoo.resolve.resolve` takes them, whose layer ``transfer.classifier`` was taken out, and
    a head of the sizes in ``transfer.head``.

    Raises
    ------
    NetworkError: there is no such network, or the library that it comes from is not installed.
    """
    transfer = config.transfer
    if not transfer:
        with weightless() if device == "meta" else nullcontext():
            return create(
                config.network,
                classes=len(config.classes),
                in_channels=config.in_channels,
                **config.variant,
            )
    backbone = resolve(transfer["spec"], device=device, **transfer["options"]).network
    return Transferred(Headless(backbone, transfer["classifier"]), make_head(**transfer["head"]))
