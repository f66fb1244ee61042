"""From a recipe's ``[optimiser]`` to PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from striate.recipes.recipe import Optimiser


def make_optimiser(
    network: nn.Module,
    spec: Optimiser,
    factors: Mapping[str, float] | None = None,
    decays: Mapping[str, float] | None = None,
) -> Optimizer:
    """PyTorch's optimiser for `network`, with weight decay where the recipe wants it.

    Parameters of one dimension are biases and batch norm's scales and shifts. Decaying them is what
    the papers' code did; leaving them alone is one of the tricks of He et al. 2019 (Sec. 3.1).

    `factors`, where given, says for each parameter by name what its learning rate is multiplied by;
    those that it leaves out never train. `decays` goes with it: the weight decay of those that have
    one of their own.
    """
    if factors is None:
        groups = _decayed([p for p in network.parameters() if p.requires_grad], spec)
    else:
        parameters, own = dict(network.named_parameters()), decays or {}
        alike = {name: factor for name, factor in factors.items() if name not in own}
        groups = [
            {**group, "factor": factor}
            for factor in sorted(set(alike.values()))
            for group in _decayed([parameters[n] for n, f in alike.items() if f == factor], spec)
        ]
        groups += [
            {"params": [parameters[name]], "weight_decay": decay, "factor": factors[name]}
            for name, decay in own.items()
        ]
    # The fused kernels update all parameters in one pass: on a processor the plain loop costs a
    # small network a fifth of its step.
    options: dict[str, Any] = {"lr": spec.rate}
    if spec.name == "sgd":
        return torch.optim.SGD(
            groups, momentum=spec.momentum, nesterov=spec.nesterov, fused=True, **options
        )
    if spec.name == "rmsprop":
        return torch.optim.RMSprop(
            groups, momentum=spec.momentum, alpha=spec.alpha, eps=spec.eps, **options
        )
    if spec.name == "adadelta":
        return torch.optim.Adadelta(groups, rho=spec.alpha, eps=spec.eps, **options)
    kind = torch.optim.AdamW if spec.name == "adamw" else torch.optim.Adam
    return kind(groups, betas=spec.betas, eps=spec.eps, fused=True, **options)


def _decayed(trained: list[nn.Parameter], spec: Optimiser) -> list[dict[str, Any]]:
    """`trained` as groups that weight decay pulls on alike."""
    if spec.decay_norms:
        return [{"params": trained, "weight_decay": spec.weight_decay}]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate `rate`, times its own factor if it has one."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
