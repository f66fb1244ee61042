"""Random colours: one affine map of the channels for each image.

Brightness, contrast and saturation as torchvision's ColorJitter defines them are affine in the
pixel, and so is AlexNet's shift along the principal components. They compose to one map that is
applied at once to the batch and clipped once, at the end, where a chain of separate operations
would clip after each. Without those clips the order of the three factors makes no difference:
brightness multiplies all, and saturation leaves the grey level, which contrast turns about, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.data.random import COLOUR, SHIFT, Key, normals, uniforms

if TYPE_CHECKING:
    import torch

    from striate.data.augmentation.settings import Augmentation

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601, as Pillow and torchvision


class ColourStatistics(Protocol):
    """Principal axes of the data's channels, in the range 0 to 1; row i belongs to eigenvalue i."""

    @property
    def eigenvalues(self) -> Sequence[float] | NDArray[np.float64]:
        """(C,)."""

    @property
    def eigenvectors(self) -> Sequence[Sequence[float]] | NDArray[np.float64]:
        """(C, C)."""


@dataclass(frozen=True)
class Colours:
    """``matrix @ x + towards_grey · (mean grey level of the image) + shift``, x from 0 to 1."""

    matrix: NDArray[np.float32]  # (N, C, C)
    towards_grey: NDArray[np.float32]  # (N,)
    shift: NDArray[np.float32]  # (N, C)
    luma: NDArray[np.float32]  # (C,)

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, H, W, C) with values 0 to 255 to new ones with values 0 to 255, clipped."""
        import torch

        n, channels = self.shift.shape
        pixels = images.reshape(n, -1, channels)
        matrix, shift, weight, luma = (
            torch.from_numpy(values).to(images.device)
            for values in (self.matrix, self.shift, self.towards_grey, self.luma)
        )
        offset = 255 * shift
        if self.towards_grey.any():
            offset = offset + (weight * (pixels.mean(1) @ luma))[:, None]
        moved = torch.baddbmm(offset[:, None], pixels, matrix.transpose(1, 2))
        return moved.clamp_(0, 255).view(images.shape)


def draw_colours(
    augmentation: Augmentation,
    statistics: ColourStatistics | None,
    channels: int,
    key: Key,
) -> Colours | None:
    """The colours of a batch's images, or None if they keep their own."""
    strengths = np.array([augmentation.brightness, augmentation.contrast, augmentation.saturation])
    if not (strengths.any() or augmentation.pca):
        return None
    low = np.maximum(0, 1 - strengths)
    draws = uniforms(*key, 3, COLOUR)
    brightness, contrast, saturation = (low + draws * (1 + strengths - low)).T
    luma = _LUMA if channels == 3 else np.ones(1)
    grey = np.broadcast_to(luma, (channels, channels))
    mixture = saturation[:, None, None]
    matrix = (brightness * contrast)[:, None, None] * (
        mixture * np.eye(channels) + (1 - mixture) * grey
    )
    shift = np.zeros((len(key.indices), channels))
    if augmentation.pca and statistics is not None:
        shift = augmentation.pca * _along(statistics, key)
    return Colours(
        matrix=matrix.astype(np.float32),
        towards_grey=(brightness * (1 - contrast)).astype(np.float32),
        shift=shift.astype(np.float32),
        luma=luma.astype(np.float32),
    )


def _along(statistics: ColourStatistics, key: Key) -> NDArray[np.float64]:
    """Σ pᵢ αᵢ λᵢ with standard normal α, (N, C): Krizhevsky et al. 2012, Sec. 4.1.

    The paper takes the eigenvalues, not their roots, and does not say in which range of pixel
    values; we take them in the range 0 to 1, which is what gives shifts of a few grey levels.
    """
    values, vectors = np.asarray(statistics.eigenvalues), np.asarray(statistics.eigenvectors)
    alpha = normals(uniforms(*key, 2 * len(values), SHIFT))
    return np.asarray((alpha * values) @ vectors)
