"""Other libraries' networks with weights that show a difference, and what "the same" means."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from striate.anatomy.costs.counting import count_macs


def filled(reference: nn.Module) -> nn.Module:
    """Give a network made on meta weights and statistics that would show a wrong constant or order.

    Quickly: a start of its own, where the network is large, takes longer than everything else.
    """
    torch.manual_seed(0)
    reference.to_empty(device="cpu")
    pattern = torch.randn(4093)  # a prime: rows differ
    with torch.no_grad():
        for module in reference.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.2)
                module.running_mean.normal_(std=0.2)
                module.running_var.uniform_(0.5, 1.5)
                module.num_batches_tracked.zero_()
            elif isinstance(module, nn.Conv2d | nn.Linear):
                weight = module.weight
                values = pattern.repeat(-(-weight.numel() // len(pattern)))[: weight.numel()]
                weight.copy_(values.view_as(weight) * (2.0 / weight[0].numel()) ** 0.5)
                if module.bias is not None:
                    module.bias.normal_(std=0.1)
    return reference


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-5 of the largest output; and the outputs tell images or classes apart."""
    theirs = theirs.detach()
    assert float(theirs.std()) > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


def count_parameters(network: nn.Module) -> int:
    """Count what training changes."""
    return sum(parameter.numel() for parameter in network.parameters())


def counts(network: nn.Module) -> tuple[int, int]:
    """Parameters, and multiply-accumulates for one image of the network's own size."""
    return count_parameters(network), count_macs(network, network.input_size)
