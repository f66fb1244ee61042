"""How well a network does on the validation images, as the final evaluation measures it too."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from striate.data.loader import Loader
from striate.training.distributed import Group
from striate.training.judging import Judge


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Where operators compute in `precision`: ``float32`` or ``bfloat16``."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@torch.inference_mode()
def validate(
    network: nn.Module,
    images: Loader,
    judge: Judge,
    *,
    precision: str,
    device: torch.device,
    group: Group,
) -> dict[str, float]:
    """The figures of a network on `images`, each of them once.

    Args:
        network: put into evaluation mode and left in it.
        images: this process's share of them.
        judge: says what its outputs come to.
        precision: ``float32``, which the final evaluation computes in, so that the same weights
            have the same figures on the same images; what a run was begun with otherwise.
        device: of the network.
        group: whose shares are added up.
    """
    network.eval()
    group.align(network)
    tally = judge.tally(device)
    for batch in images.batches(0):
        with autocast(precision, device):
            outputs = network(batch.inputs(device))
        tally.add(outputs.float(), batch.labels.to(device))
    return tally.figures(group.total(tally.sums))
