"""From a run's decisions to its network, without what it learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from striate.hub.heads import make_head
from striate.hub.names import GIVEN, not_given, parse
from striate.hub.resolve import resolve
from striate.hub.subject import copied
from striate.hub.surgery import Headless, Transferred
from striate.runs.config import RunConfig
from striate.runs.own_code import code_in
from striate.support import settings
from striate.zoo.weightless import weightless


@dataclass(frozen=True, kw_only=True)
class OwnCode:
    """What may make a network that is a person's own.

    Attributes:
        folder: of the run, which may hold a copy of the code.
        allowed: whether code that the run names may run.
        given: the module that the network was trained as; None where nobody gave it.
    """

    folder: Path | None = None
    allowed: bool = False
    given: nn.Module | None = None


_NONE = OwnCode()


def network_with(
    config: RunConfig, weights: Mapping[str, Tensor], own: OwnCode = _NONE
) -> nn.Module:
    """The network that `config` describes, with `weights` in it, on the CPU.

    First weights, which take a large network seconds, are drawn only where the network cannot be
    made without or keeps something beside `weights`.

    Raises:
        RuntimeError: `weights` do not fit, as PyTorch says it.
        NetworkError: as for `make_network`.
    """
    with settings.seeded(config.seed):
        network = make_network(config, "meta", own)
        # Copies: a file's bytes do not stand where memory would have been allocated.
        copies = {name: value.clone() for name, value in weights.items()}
        network.load_state_dict(copies, assign=True)
        if any(each.is_meta for each in _held(network)):
            network = make_network(config, own=own)
            network.load_state_dict(weights)
    return network


def _held(network: nn.Module) -> Iterator[Tensor]:
    """Every tensor that `network` computes with: parameters, buffers, and plain attributes."""
    yield from network.parameters()
    yield from network.buffers()
    for module in network.modules():
        yield from (value for value in vars(module).values() if isinstance(value, Tensor))


def make_network(config: RunConfig, device: str = "cpu", own: OwnCode = _NONE) -> nn.Module:
    """The network that `config` describes, with initial weights.

    The one place that makes a run's network, whoever asks: on the CPU, or on `device` as
    `striate.hub.resolve.resolve` takes it, ``meta`` for none where the network can be made without.

    A transferred one is a backbone, made of ``transfer.spec`` and ``transfer.options`` as `resolve`
    takes them, whose layer ``transfer.classifier`` was taken out, and a head of the
    sizes in ``transfer.head``.

    `own` lets a run from a file name Python code as its network, and run it, or gives the module.

    Raises:
        NetworkError: there is no such network, it is code that is not allowed, or the library that
            it comes from is not installed.
        RunError: the run's copy of the code is not what it was.
    """
    transfer = config.transfer
    sizes: tuple[int | None, int | None]
    if transfer is None:
        sizes = len(config.outputs), config.in_channels
        return _make(config, config.network, config.variant, sizes, device, own)
    options = dict(transfer.options)
    sizes = options.pop("classes", None), options.pop("in_channels", None)
    backbone = _make(config, transfer.spec, options, sizes, device, own)
    with weightless() if device == "meta" else torch.device(device):
        head = make_head(**transfer.head)
    return Transferred(Headless(backbone, transfer.classifier), head)


def _make(  # noqa: PLR0917 - all that decides about it
    config: RunConfig,
    named: str,
    variant: Mapping[str, Any],
    sizes: tuple[int | None, int | None],
    device: str,
    own: OwnCode,
) -> nn.Module:
    """The network called `named` in a run, for so many classes and channels."""
    spec = parse(named)
    if spec.source == GIVEN:
        if own.given is None:
            raise not_given(spec, str(own.folder or "the run"))
        made = copied(own.given, named)
        return made.to("meta") if device == "meta" else made
    if spec.source == "file" and config.code is not None and own.allowed:
        assert own.folder is not None, "there is no copy of code without a run"
        named = f"{code_in(own.folder, config.code)}:{spec.name}"
    classes, in_channels = sizes
    return resolve(
        named,
        device=device,
        classes=classes,
        in_channels=in_channels,
        variant=variant,
        allow_code=own.allowed,
    ).network
