"""A picture of any shape as a detector's input, and boxes of the input as boxes of the picture.

Darknet stretches a picture to the input, whatever its proportions, by bilinear interpolation whose
outermost samples lie on the outermost pixels (`resize_image`); with ``letter_box=1`` it keeps the
proportions and fills the rest with grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from striate.detection.boxes import Floats

Fit = Literal["stretch", "letterbox"]
"""``stretch``: to the input's shape; ``letterbox``: to fit within it, the rest grey."""

Sampling = Literal["aligned", "bilinear", "bicubic"]
"""``aligned``: Darknet's; ``bilinear``: OpenCV's and PyTorch's; ``bicubic``: Pillow's."""


@dataclass(frozen=True)
class Placed:
    """Where a picture lies in an input, in parts of the input: its left upper corner, its size."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def of_picture(self, xyxy: Floats) -> Floats:
        """Boxes (n, 4) in parts of the input, in parts of the picture."""
        corner = np.array([self.x, self.y] * 2, np.float32)
        size = np.array([self.width, self.height] * 2, np.float32)
        return (xyxy - corner) / size


@dataclass(frozen=True)
class Fitting:
    """How pictures become inputs.

    Attributes:
        size: (height, width) of the input.
        fit: see `Fit`.
        sampling: see `Sampling`.
        grey: what fills a letterbox, from 0 to 1.
    """

    size: tuple[int, int]
    fit: Fit = "stretch"
    sampling: Sampling = "aligned"
    grey: float = 0.5

    def __call__(self, image: NDArray[np.uint8]) -> tuple[Tensor, Placed]:
        """An image, uint8 (H, W, 3), as float32 (3, height, width) from 0 to 1, and its place."""
        if self.fit == "stretch":
            return resized(image, self.size, self.sampling), Placed()
        height, width = self.size
        high, wide = image.shape[:2]
        # Whole numbers, cut off, as Darknet has them; what is a thread wide keeps a pixel.
        if width * high < height * wide:
            inner = (max(high * width // wide, 1), width)
        else:
            inner = (height, max(wide * height // high, 1))
        row, column = (height - inner[0]) // 2, (width - inner[1]) // 2
        found = torch.full((3, height, width), self.grey)
        inside = resized(image, inner, self.sampling)
        found[:, row : row + inner[0], column : column + inner[1]] = inside
        # Darknet puts the picture at whole pixels, and reads boxes as if it stood at halves.
        left, top = (width - inner[1]) / 2, (height - inner[0]) / 2
        place = Placed(left / width, top / height, inner[1] / width, inner[0] / height)
        return found, place


def resized(image: NDArray[np.uint8], size: tuple[int, int], sampling: Sampling) -> Tensor:
    """An image, uint8 (H, W, 3), as float32 (3, height, width) from 0 to 1."""
    if sampling == "bicubic":
        pixels = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.asarray(pixels).copy()).permute(2, 0, 1).float() / 255
    # A view, channels last in memory as the pixels are.
    values = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    if values.shape[2:] == size:
        return values[0] / 255
    return F.interpolate(values, size, mode="bilinear", align_corners=sampling == "aligned")[
        0
    ].div_(255)
