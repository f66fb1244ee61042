"""How a network's answers are judged while it trains: the figures of a batch and of an epoch.

Right and wrong of classes, errors of numbers: the loop knows neither.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.runs.headline import TOP1, Headline, headline_of
from striate.runs.targets import ScaledTarget


class Tally(ABC):
    """What the batches of a set add up to.

    Attributes:
        sums: a vector that is added up over processes.
    """

    sums: Tensor

    @abstractmethod
    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Take in a batch: outputs (N, K) in float32, and what they should be."""

    @abstractmethod
    def figures(self, sums: Tensor) -> dict[str, float]:
        """The figures of all batches of all processes, by their `sums`."""


class Judge(ABC):
    """Judges a network's outputs by what they should be.

    Attributes:
        headline: the figure that people look at first; each batch has it, and so has a tally.
    """

    headline: Headline

    @abstractmethod
    def of_batch(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The headline's figure of a batch, a scalar on its device."""

    @abstractmethod
    def tally(self, device: torch.device) -> Tally:
        """An empty tally."""


def zeros(count: int, device: torch.device) -> Tensor:
    """What figures are added up in: float64 where the device has it."""
    # Apple's devices know no numbers of 64 bits.
    kind = torch.float32 if device.type == "mps" else torch.float64
    return torch.zeros(count, dtype=kind, device=device)


# --- classes -------------------------------------------------------------------------------------


class ClassJudge(Judge):
    """Of logits, and the class of each image, int64 (N,).

    Args:
        by_class: how many classes there are, to find ``balanced`` accuracy and mean ``f1`` of them
            as well, as `striate.evaluation.metrics` does; 0 to leave that.
    """

    headline = TOP1

    def __init__(self, by_class: int = 0) -> None:
        self.by_class = by_class

    def of_batch(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The share of the images whose likeliest class is the right one."""
        return (outputs.argmax(1) == labels).float().mean()

    def tally(self, device: torch.device) -> Tally:
        """Of mean negative log likelihood, top-1 and top-5."""
        return _ClassTally(device, self.by_class)


class _ClassTally(Tally):
    def __init__(self, device: torch.device, by_class: int) -> None:
        self.sums, self.by_class = zeros(4 + 3 * by_class, device), by_class

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        best = outputs.topk(min(5, outputs.shape[1]), dim=1).indices
        ranked = best == labels[:, None]
        loss = F.cross_entropy(outputs, labels, reduction="sum")
        hits, hits5 = ranked[:, 0].sum(), ranked.sum()
        found = torch.stack((loss, hits, hits5, torch.full_like(loss, len(labels))))
        if self.by_class:
            parts = (labels[ranked[:, 0]], labels, best[:, 0])
            counts = [torch.bincount(each, minlength=self.by_class) for each in parts]
            found = torch.cat([found.to(self.sums.dtype), *counts])
        self.sums += found

    def figures(self, sums: Tensor) -> dict[str, float]:
        loss, top1, top5, count = sums[:4].tolist()
        found = {"loss": loss / count, "top1": top1 / count, "top5": top5 / count}
        return found | (_by_class(sums[4:]) if self.by_class else {})


def _by_class(counts: Tensor) -> dict[str, float]:
    """Balanced accuracy and mean F1 of counts, (3 * classes,): hits, images, predicted."""
    hits, images, predicted = counts.reshape(3, -1)
    recall = hits / images
    f1 = 2 * hits / (images + predicted)
    return {
        "balanced": float(recall[images > 0].mean()),
        "f1": float(f1[images + predicted > 0].mean()),
    }


# --- numbers -------------------------------------------------------------------------------------

_LEAST_VARIANCE = 1e-9
"""Of the true values, in their training variance: with less, no share of it can be explained."""


class NumberJudge(Judge):
    """Of standardised values, (N, targets), and what they should be, float32 likewise.

    Errors are in the target's unit; of several targets it is the mean of each in deviations of the
    training images.

    Args:
        targets: with the scale that the values are standardised by.
        loss: from outputs and what they should be to the loss of each image, (N,).
    """

    def __init__(
        self, targets: Sequence[ScaledTarget], loss: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        self.headline, self.targets = headline_of(targets), len(targets)
        self.loss = loss
        self.scale = targets[0].deviation if len(targets) == 1 else 1.0

    def of_batch(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean absolute error."""
        return (outputs.float() - labels).abs().mean() * self.scale

    def tally(self, device: torch.device) -> Tally:
        """Of the loss, mean absolute and root mean squared error, and R²."""
        return _NumberTally(self, device)


class _NumberTally(Tally):
    """Sums of images and losses; then, by target, of errors, their squares, values, theirs."""

    def __init__(self, judge: NumberJudge, device: torch.device) -> None:
        self.judge, self.sums = judge, zeros(2 + 4 * judge.targets, device)

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        kind = self.sums.dtype
        loss = self.judge.loss(outputs, labels).to(kind).sum()
        true = labels.to(kind)
        errors = outputs.to(kind) - true
        parts = (errors.abs(), errors.square(), true, true.square())
        counted = torch.stack((torch.full_like(loss, len(labels)), loss))
        self.sums += torch.cat([counted, *(part.sum(0) for part in parts)])

    def figures(self, sums: Tensor) -> dict[str, float]:
        count, loss = sums[:2].tolist()
        absolute, squared, values, squares = (sums[2:] / count).reshape(4, -1)
        scale, variance = self.judge.scale, squares - values.square()
        found = {
            "loss": loss / count,
            "mae": float(absolute.mean()) * scale,
            "rmse": float(squared.sqrt().mean()) * scale,
        }
        if float(variance.min()) > _LEAST_VARIANCE:
            found["r2"] = float((1 - squared / variance).mean())
        return found
