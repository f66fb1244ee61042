"""A detector's convolutions in Darknet's order: what all files of its weights have in common.

Darknet knows no modules. Its layers stand in a list, and a file of weights holds the convolutions
one after the other. Two things differ here: the two 1×1 convolutions that make the halves of a
cross-stage partial stage are one convolution, whose output is split; and the stage's last
convolution reads these halves the other way round, (past, through) where Darknet joins
(through, past).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from striate.zoo.cspdarknet import CSPStage
from striate.zoo.darknet import Unit
from striate.zoo.yolov4 import Detector, HeadConvolutions


@dataclass(frozen=True)
class Norm:
    """Batch normalisation's tensors, each (outputs,): beta, gamma, running mean and variance."""

    beta: Tensor
    gamma: Tensor
    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Convolution:
    """One convolution as files hold it: its kernel, and either a bias or batch normalisation."""

    kernel: Tensor
    bias: Tensor | None = None
    norm: Norm | None = None


@dataclass(frozen=True)
class Place:
    """Where one of Darknet's convolutions is in a network of ours.

    Attributes:
        conv: path of the convolution.
        norm: path of its batch normalisation, "" where it has a bias.
        half: which half of the outputs it is, None for all of them.
        exchanged: whether the halves of its inputs stand the other way round.
    """

    conv: str
    norm: str
    half: int | None = None
    exchanged: bool = False


def places(network: Detector) -> list[Place]:
    """Every convolution of Darknet's, in its order."""
    return list(_places(network, ""))


def _places(module: nn.Module, path: str) -> Iterator[Place]:
    def unit(name: str, half: int | None = None, *, exchanged: bool = False) -> Place:
        return Place(f"{path}{name}.conv", f"{path}{name}.bn", half, exchanged)

    if isinstance(module, Unit):
        yield Place(f"{path}conv", f"{path}bn")
        return
    for name, child in module.named_children():
        if isinstance(module, CSPStage) and name == "split":
            yield from (unit(name, 0), unit(name, 1))
        elif isinstance(module, CSPStage) and name == "union":
            yield unit(name, exchanged=True)
        elif isinstance(module, HeadConvolutions) and name == "out":
            yield Place(f"{path}{name}", "")
        else:
            yield from _places(child, f"{path}{name}.")


def shapes(network: Detector) -> list[tuple[Place, tuple[int, ...]]]:
    """Every place with the shape of the kernel that a file has for it."""
    found = []
    for place in places(network):
        outputs, *rest = network.get_parameter(f"{place.conv}.weight").shape
        found.append((place, (outputs if place.half is None else outputs // 2, *rest)))
    return found


def put_into(network: Detector, convolutions: Sequence[Convolution]) -> None:
    """Give `network`, which may be without values, the tensors of as many convolutions as it has.

    They have to have the shapes that `shapes` gives.
    """
    state: dict[str, Tensor] = {}
    for place, each in zip(places(network), convolutions, strict=True):
        kernel = _exchanged(each.kernel) if place.exchanged else each.kernel
        _add(state, f"{place.conv}.weight", kernel)
        if each.norm is None:
            assert each.bias is not None
            _add(state, f"{place.conv}.bias", each.bias)
            continue
        norm = each.norm
        for name, value in zip(
            ("bias", "weight", "running_mean", "running_var"),
            (norm.beta, norm.gamma, norm.mean, norm.variance),
            strict=True,
        ):
            _add(state, f"{place.norm}.{name}", value)
        state[f"{place.norm}.num_batches_tracked"] = torch.tensor(0)
    network.load_state_dict(state, assign=True)
    for parameter in network.parameters():
        parameter.requires_grad_(True)


def _add(state: dict[str, Tensor], name: str, value: Tensor) -> None:
    """Put a tensor down, the second half of one below the first."""
    state[name] = torch.cat([state[name], value]) if name in state else value


def taken_from(network: Detector) -> list[Convolution]:
    """The tensors of all convolutions as files hold them: what `put_into` puts there."""
    state = network.state_dict()
    return [_taken(state, place) for place in places(network)]


def _taken(state: Mapping[str, Tensor], place: Place) -> Convolution:
    def part(name: str) -> Tensor:
        value = state[name]
        return value if place.half is None else value.chunk(2)[place.half]

    kernel = part(f"{place.conv}.weight")
    if place.exchanged:
        kernel = _exchanged(kernel)
    if not place.norm:
        return Convolution(kernel, bias=part(f"{place.conv}.bias"))
    names = ("bias", "weight", "running_mean", "running_var")
    return Convolution(kernel, norm=Norm(*(part(f"{place.norm}.{name}") for name in names)))


def _exchanged(kernel: Tensor) -> Tensor:
    first, second = kernel.chunk(2, 1)
    return torch.cat([second, first], 1)
