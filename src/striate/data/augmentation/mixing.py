"""Random erasing, mixup and cutmix: what is drawn for a batch and done to its normalised images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.data.random import ERASING, MIXING, Key, uniforms

if TYPE_CHECKING:
    import torch

    from striate.data.augmentation.settings import Augmentation

_TRIES = 10
_AREA, _ASPECT = (0.02, 0.33), (0.3, 1 / 0.3)  # Zhong et al. 2020, Sec. 5.2

Boxes = NDArray[np.int64]
"""(N, 4): top, left, bottom, right in pixels; empty where an image has none."""


def draw_erasing(probability: float, size: Sequence[int], key: Key) -> Boxes | None:
    """What is erased in each image of height and width `size`; None if `probability` is 0.

    Zhong et al. 2020, Random erasing data augmentation, Algorithm 1: a rectangle of 2 to 33 % of
    the area and an aspect of 0.3 to 3.3 (here log-uniform, as torchvision); after ten tries that
    do not fit, none.
    """
    if not probability:
        return None
    height, width = size
    draws = uniforms(*key, 2 * _TRIES + 3, ERASING)
    areas = (_AREA[0] + draws[:, :_TRIES] * (_AREA[1] - _AREA[0])) * height * width
    low, high = np.log(_ASPECT)
    aspects = np.exp(low + draws[:, _TRIES : 2 * _TRIES] * (high - low))
    heights = np.rint(np.sqrt(areas * aspects)).astype(np.int64)
    widths = np.rint(np.sqrt(areas / aspects)).astype(np.int64)
    fits = (heights < height) & (widths < width) & (heights > 0) & (widths > 0)
    first = fits.argmax(1)[:, None]
    happens = fits.any(1) & (draws[:, -1] < probability)
    h = np.take_along_axis(heights, first, 1)[:, 0] * happens
    w = np.take_along_axis(widths, first, 1)[:, 0] * happens
    top = (draws[:, -3] * (height - h + 1)).astype(np.int64)
    left = (draws[:, -2] * (width - w + 1)).astype(np.int64)
    return np.stack([top, left, top + h, left + w], axis=1)


def erase(images: torch.Tensor, boxes: Boxes) -> None:
    """Set the boxes of `images` (N, H, W, C) to 0, in place: the data's mean once normalised."""
    for index, (top, left, bottom, right) in enumerate(boxes.tolist()):
        if bottom > top:
            images[index, top:bottom, left:right] = 0


@dataclass(frozen=True)
class Mixing:
    """How the images of one batch are mixed with one another."""

    partner: NDArray[np.int64]  # (N,) position in the batch of the image that each is mixed with
    weight: NDArray[np.float32]  # (N,) share of the image's own label
    faded: NDArray[np.float32] | None  # (N,) share of the image's own pixels, all over (mixup)
    boxes: Boxes | None  # part of each image that is its partner's (cutmix)

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Mix `images`, float (N, H, W, C)."""
        import torch

        partner = torch.from_numpy(self.partner).to(images.device)
        mixed = images
        if self.faded is not None:
            share = torch.from_numpy(self.faded).to(images.device)[:, None, None, None]
            mixed = torch.lerp(images[partner], images, share)
        if self.boxes is not None:
            mixed = mixed.clone() if mixed is images else mixed
            for index, (top, left, bottom, right) in enumerate(self.boxes.tolist()):
                part = (slice(top, bottom), slice(left, right))
                mixed[(index, *part)] = images[(int(self.partner[index]), *part)]
        return mixed


def draw_mixing(augmentation: Augmentation, size: Sequence[int], key: Key) -> Mixing | None:
    """How a batch of images of height and width `size` is mixed; None if it is not.

    Mixup: Zhang et al. 2018, mixup: beyond empirical risk minimization, Sec. 2. Cutmix: Yun et al.
    2019, CutMix, Sec. 3.1. Either draws a weight for each image from Beta(alpha, alpha); with both
    switched on, each image gets one of them with even chances. The partners are one random cycle
    through the batch, so none is mixed with itself.
    """
    if not (augmentation.mixup or augmentation.cutmix) or len(key.indices) < 2:
        return None
    order, coin, level, down, across = uniforms(*key, 5, MIXING).T
    cycle = np.argsort(order, kind="stable")
    partner = np.empty_like(cycle)
    partner[cycle] = np.roll(cycle, 1)
    cut = coin < (0.5 if augmentation.mixup else 1.0) * (augmentation.cutmix > 0)
    weight = np.ones(len(key.indices))
    faded = boxes = None
    if augmentation.mixup:
        weight = np.where(cut, 1.0, _beta(augmentation.mixup, level))
        faded = weight.astype(np.float32)
    if augmentation.cutmix:
        kept = np.where(cut, _beta(augmentation.cutmix, level), 1.0)
        boxes = _cut_boxes(kept, down, across, size)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        weight = np.where(cut, 1 - areas / (size[0] * size[1]), weight)
    return Mixing(partner.astype(np.int64), weight.astype(np.float32), faded, boxes)


def _cut_boxes(
    kept: NDArray[np.float64],
    down: NDArray[np.float64],
    across: NDArray[np.float64],
    size: Sequence[int],
) -> Boxes:
    """Boxes of a share 1 - `kept` of the area about a random centre, clipped at the border."""
    corners = []
    for length, centre in zip(size, (down, across), strict=True):
        half = length * np.sqrt(1 - kept) / 2
        corners += [np.rint(np.clip(centre * length + way * half, 0, length)) for way in (-1, 1)]
    top, bottom, left, right = corners
    return np.stack([top, left, bottom, right], axis=1).astype(np.int64)


def _beta(alpha: float, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers distributed as Beta(alpha, alpha) from uniform ones, by the inverse distribution."""
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    return np.asarray(betaincinv(alpha, alpha, draws))
