"""How well a network does on the validation images, as the final evaluation measures it too."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.data.loader import Loader
from striate.training.distributed import Group


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Where operators compute in `precision`: ``float32`` or ``bfloat16``."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def zeros(count: int, device: torch.device) -> Tensor:
    """What figures are added up in: float64 where the device has it."""
    # Apple's devices know no numbers of 64 bits.
    kind = torch.float32 if device.type == "mps" else torch.float64
    return torch.zeros(count, dtype=kind, device=device)


@torch.inference_mode()
def validate(
    network: nn.Module,
    images: Loader,
    *,
    precision: str,
    device: torch.device,
    group: Group,
    by_class: bool = False,
) -> dict[str, float]:
    """Mean negative log likelihood, top-1 and top-5 on `images`, each of them once.

    Args:
        network: put into evaluation mode and left in it.
        images: this process's share of them.
        precision: ``float32``, which the final evaluation computes in, so that the same weights
            have the same figures on the same images; what a run was begun with otherwise.
        device: of the network.
        group: whose shares are added up.
        by_class: find ``balanced`` accuracy and mean ``f1`` of the classes as well, as
            `striate.evaluation.metrics` does.
    """
    network.eval()
    group.align(network)
    sums, classes = zeros(4, device), zeros(0, device)
    for batch in images.batches(0):
        labels = batch.labels.to(device)
        with autocast(precision, device):
            logits = network(batch.inputs(device))
        logits = logits.float()
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices
        ranked = best == labels[:, None]
        loss = F.cross_entropy(logits, labels, reduction="sum")
        hits, hits5 = ranked[:, 0].sum(), ranked.sum()
        sums += torch.stack((loss, hits, hits5, torch.full_like(loss, len(labels))))
        if by_class:
            classes = classes if len(classes) else zeros(3 * logits.shape[1], device)
            parts = (labels[ranked[:, 0]], labels, best[:, 0])
            classes += torch.cat(
                [torch.bincount(each, minlength=logits.shape[1]) for each in parts]
            )
    loss, top1, top5, count = group.total(sums).tolist()
    found = {"loss": loss / count, "top1": top1 / count, "top5": top5 / count}
    return found | (_by_class(group.total(classes)) if by_class else {})


def _by_class(counts: Tensor) -> dict[str, float]:
    """Balanced accuracy and mean F1 of counts, (3 * classes,): hits, images, predicted."""
    hits, images, predicted = counts.reshape(3, -1)
    recall = hits / images
    f1 = 2 * hits / (images + predicted)
    return {
        "balanced": float(recall[images > 0].mean()),
        "f1": float(f1[images + predicted > 0].mean()),
    }
