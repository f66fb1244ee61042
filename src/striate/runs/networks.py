"""From a run's decisions to its network, without what it learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from striate.hub.heads import make_head
from striate.hub.resolve import resolve
from striate.hub.surgery import Headless, Transferred
from striate.runs.config import RunConfig
from striate.support import settings
from striate.zoo.weightless import weightless


def network_with(
    config: RunConfig, weights: Mapping[str, Tensor], *, allow_code: bool = False
) -> nn.Module:
    """The network that `config` describes, with `weights` in it, on the CPU.

    First weights, which take a large network seconds, are drawn only where the network cannot be
    made without or keeps something beside `weights`.

    Raises:
        RuntimeError: `weights` do not fit, as PyTorch says it.
        NetworkError: as for `make_network`.
    """
    with settings.seeded(config.seed):
        network = make_network(config, device="meta", allow_code=allow_code)
        # Copies: a file's bytes do not stand where memory would have been allocated.
        copies = {name: value.clone() for name, value in weights.items()}
        network.load_state_dict(copies, assign=True)
        if any(each.is_meta for each in _held(network)):
            network = make_network(config, allow_code=allow_code)
            network.load_state_dict(weights)
    return network


def _held(network: nn.Module) -> Iterator[Tensor]:
    """Every tensor that `network` computes with: parameters, buffers, and plain attributes."""
    yield from network.parameters()
    yield from network.buffers()
    for module in network.modules():
        yield from (value for value in vars(module).values() if isinstance(value, Tensor))


def make_network(config: RunConfig, device: str = "cpu", *, allow_code: bool = False) -> nn.Module:
    """The network that `config` describes, with initial weights.

    The one place that makes a run's network, whoever asks: on the CPU, or on `device` as
    `striate.hub.resolve.resolve` takes it, ``meta`` for none where the network can be made without.

    A transferred one is a backbone, made of ``transfer.spec`` and ``transfer.options`` as `resolve`
    takes them, whose layer ``transfer.classifier`` was taken out, and a head of the
    sizes in ``transfer.head``.

    `allow_code` lets a run from a file name Python code as its network, and run it.

    Raises:
        NetworkError: there is no such network, it is code that is not allowed, or the library that
            it comes from is not installed.
    """
    transfer = config.transfer
    if transfer is None:
        return resolve(
            config.network,
            device=device,
            classes=len(config.outputs),
            in_channels=config.in_channels,
            variant=config.variant,
            allow_code=allow_code,
        ).network
    options = dict(transfer.options)
    backbone = resolve(
        transfer.spec,
        device=device,
        classes=options.pop("classes", None),
        in_channels=options.pop("in_channels", None),
        variant=options,
        allow_code=allow_code,
    ).network
    with weightless() if device == "meta" else torch.device(device):
        head = make_head(**transfer.head)
    return Transferred(Headless(backbone, transfer.classifier), head)
