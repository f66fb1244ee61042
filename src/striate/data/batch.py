"""One batch on its way to the network: images of a step, and what is left to do to them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from striate.data.augmentation.colour import Colours
from striate.data.augmentation.mixing import Boxes, Mixing, erase
from striate.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch


class Targets(NamedTuple):
    """What a batch's outputs are compared with.

    The loss of image i is ``weight[i] · loss(labels[i]) + (1 - weight[i]) · loss(other[i])``;
    `other` and `weight` are None where images are not mixed.
    """

    labels: torch.Tensor  # int64 (N,); of numbers float32 (N, targets), standardised
    other: torch.Tensor | None  # as `labels`
    weight: torch.Tensor | None  # float32 (N,)

    def to(self, device: torch.device | str) -> Targets:
        """The same on `device`."""
        moved = (None if part is None else part.to(device) for part in self[1:])
        return Targets(self.labels.to(device), *moved)


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Images of one step, cut and flipped, with what is left to do to them on the device."""

    images: torch.Tensor  # uint8 (N, H, W, C)
    labels: torch.Tensor  # int64 (N,); of numbers float32 (N, targets), standardised
    indices: torch.Tensor  # int64 (N,), positions in the image set
    preprocessing: Preprocessing
    colours: Colours | None = None
    erased: Boxes | None = None
    mixing: Mixing | None = None

    def __len__(self) -> int:
        return len(self.images)

    def inputs(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """What the network takes: float32 (N, C, H, W), channels-last in memory, on `device`.

        Colours first, on values from 0 to 1, then normalisation, erasing, and mixing.
        """
        import torch

        images = self.images.to(device, non_blocking=True)
        if self.colours is not None:
            images = self.colours.apply(images.to(torch.float32))
        inputs = self.preprocessing.normalise(images).permute(0, 2, 3, 1)
        if self.erased is not None:
            erase(inputs, self.erased)
        if self.mixing is not None:
            inputs = self.mixing.apply(inputs)
        return inputs.permute(0, 3, 1, 2)

    @property
    def targets(self) -> Targets:
        """The labels and, where images are mixed, the other labels and weights; in main memory."""
        import torch

        if self.mixing is None:
            return Targets(self.labels, None, None)
        other = self.labels[torch.from_numpy(self.mixing.partner)]
        return Targets(self.labels, other, torch.from_numpy(self.mixing.weight))
