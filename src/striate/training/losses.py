"""What training minimises: a main loss, auxiliary ones with their weights, mixed targets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.data.batch import Targets
from striate.errors import RecipeError, parameter
from striate.recipes.choices import NUMBER_LOSSES
from striate.recipes.recipe import Loss
from striate.zoo.layers import TrainingOutput


class TotalLoss(NamedTuple):
    """The loss and its parts, each a scalar on the device."""

    total: Tensor
    main: Tensor
    auxiliary: tuple[Tensor, ...]
    outputs: Tensor


class Criterion:
    """The recipe's loss for one network.

    Args:
        spec: the recipe's table.
        network: asked for its `auxiliary_weights`.
        class_weights: (classes,) float, or None where all weigh the same.
    """

    def __init__(self, spec: Loss, network: nn.Module, class_weights: Tensor | None = None) -> None:
        if spec.name == "map" and spec.label_smoothing:
            raise RecipeError(
                f"loss: label_smoothing = {spec.label_smoothing}",
                "would teach the map loss's competitor, which is no class",
                "set it to 0, or take cross_entropy",
            )
        self.spec, self.class_weights = spec, class_weights
        own: tuple[float, ...] = tuple(getattr(network, "auxiliary_weights", ()))
        self.auxiliary_weights = own if spec.auxiliary_weights is None else spec.auxiliary_weights
        if len(self.auxiliary_weights) != len(own):
            raise RecipeError(
                f"auxiliary_weights = {list(self.auxiliary_weights)}",
                f"the network has {len(own)} auxiliary head{'' if len(own) == 1 else 's'}",
                f"give {len(own)} weights" if own else "leave it out",
            )

    def __call__(self, output: Tensor | TrainingOutput, targets: Targets) -> TotalLoss:
        """Main + Σ wᵢ · auxiliaryᵢ for `output`, the network's in training mode."""
        if not isinstance(output, TrainingOutput):
            main = self._one(output, targets)
            return TotalLoss(main, main.detach(), (), output.detach())
        main = self._one(output.logits, targets)
        auxiliary = tuple(self._one(logits, targets) for logits in output.auxiliary)
        total = main
        for weight, loss in zip(self.auxiliary_weights, auxiliary, strict=True):
            total = total + weight * loss
        parts = tuple(loss.detach() for loss in auxiliary)
        return TotalLoss(total, main.detach(), parts, output.logits.detach())

    def _one(self, outputs: Tensor, targets: Targets) -> Tensor:
        outputs = outputs.float()
        if targets.other is None or targets.weight is None:
            return self._against(outputs, targets.labels, "mean")
        share = targets.weight
        own = self._against(outputs, targets.labels, "none")
        other = self._against(outputs, targets.other, "none")
        return (share * own + (1 - share) * other).mean()

    def _against(self, outputs: Tensor, labels: Tensor, reduction: str) -> Tensor:
        if self.spec.name in NUMBER_LOSSES:
            each = number_loss(self.spec, outputs, labels)
            return each.mean() if reduction == "mean" else each
        return self._of_classes(outputs, labels, reduction)

    def _of_classes(self, logits: Tensor, labels: Tensor, reduction: str) -> Tensor:
        weight = self.class_weights
        if self.spec.name == "map":
            # LeCun et al. 1998, eq. 9: y_d + log(e^-j + Σ e^-y), where the logits are -y.
            ground = logits.new_full((len(logits), 1), -self.spec.map_j)
            logits = torch.cat([logits, ground], dim=1)
            weight = None if weight is None else torch.cat([weight, weight.new_ones(1)])
        return F.cross_entropy(
            logits,
            labels,
            weight=weight,
            reduction=reduction,
            label_smoothing=self.spec.label_smoothing,
        )


def number_loss(spec: Loss, outputs: Tensor, values: Tensor) -> Tensor:
    """The loss of each image, (N,): the mean of its targets'.

    Args:
        spec: ``squared`` and ``absolute`` errors, or ``huber``: half the square of an error up to
            `huber_delta`, and beyond it straight on (Huber 1964, "Robust estimation of a location
            parameter", Sec. 4).
        outputs: standardised values, float32 (N, targets).
        values: what they should be, likewise.
    """
    if spec.name == "squared":
        found = F.mse_loss(outputs, values, reduction="none")
    elif spec.name == "absolute":
        found = F.l1_loss(outputs, values, reduction="none")
    else:
        found = F.huber_loss(outputs, values, reduction="none", delta=spec.huber_delta)
    return found.mean(1)


def balanced_weights(labels: np.ndarray[Any, np.dtype[np.int64]], classes: int) -> Tensor:
    """(classes,) weights inversely proportional to how often each class occurs, their mean 1."""
    counts = np.bincount(labels, minlength=classes).clip(min=1)
    weights = len(labels) / (classes * counts)
    return torch.tensor(weights, dtype=torch.float32)


def parse_weights(text: str) -> tuple[float, ...]:
    """Numbers with commas between them; one number stands for itself.

    Raises:
        RecipeError: something in it is not a number.

    Examples:
        >>> parse_weights("0.3,0.3"), parse_weights("0.4")
        ((0.3, 0.3), (0.4,))
    """
    try:
        return tuple(float(each) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise RecipeError(
            parameter("auxiliary_weights", text),
            "holds something that is not a number",
            "e.g. 0.3,0.3",
        ) from error
