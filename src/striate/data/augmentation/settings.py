"""What may be done at random to a training image: the ``[augmentation]`` table of a recipe.

`crops` cuts and flips the uint8 image on the loader's threads; `colour` and `mixing` change
the batch on the device, around its normalisation. Each draw is a function of (seed, epoch, index
of the image) alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from striate.errors import RecipeError, nearest
from striate.support.limits import LARGEST_SIDE
from striate.support.tables import stored
from striate.support.words import plain_percent, plain_span

Crop = Literal["resized", "padded", "corner", "none"]
_CROPS = ("auto", "resized", "padded", "corner", "none")
_BORDERS = ("fill", "reflect")
_MOST_PADDING = 512  # on each side of every image of a batch at once
_SMALL = 64  # inputs up to this size: "auto" pads and crops; above, it crops and resizes


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes to training images.

    Args:
        crop: ``"resized"``, a random part of the image at the network's size (Szegedy et al. 2015);
            ``"padded"``, the image as in evaluation, padded and cut back (He et al. 2016, Sec.
            4.2); ``"corner"``, a random crop after the short side was resized (Krizhevsky et al.
            2012); ``"none"``, the same crop as in evaluation; ``"auto"``, padded for networks whose
            input has at most 64 pixels a side and resized for larger ones. Where the pre-processing
            pads images, every crop starts from the padded one.
        scale: smallest and greatest area of a resized crop, as a share of the image.
        ratio: smallest and greatest width over height of a resized crop.
        padding: pixels on each side of a padded crop.
        border: what that padding is: ``"fill"``, the level that the pre-processing pads with, or
            ``"reflect"``, the image reflected at its border, where photographs go on more
            naturally.
        sizes: the short side before a corner crop is drawn from this range of pixels, ends
            included.
        horizontal_flip: exchange left and right in half of the images. Runs store it as
            ``mirror``, and recipes may call it so.
        brightness: a factor is drawn from 1 - value to 1 + value, as torchvision's ColorJitter;
            applied with `contrast` and `saturation` as one affine map and clipped once. 0 turns
            this off.
        contrast: a factor, drawn as that of `brightness`. 0 turns this off.
        saturation: a factor, drawn as that of `brightness`. 0 turns this off.
        pca: standard deviation of AlexNet's shift along the principal colours (the paper: 0.1); 0
            turns this off.
        erasing: probability that a rectangle is erased to the data's mean; 0 turns this off.
        mixup: alpha of the Beta distribution of the weights (the paper: 0.2); 0 turns this off.
        cutmix: alpha of the Beta distribution of the areas (the paper: 1); 0 turns this off.

    Raises:
        RecipeError: a value is outside its range.
    """

    crop: str = "auto"
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    padding: int = 4
    border: str = "fill"
    sizes: tuple[int, int] = (256, 256)
    horizontal_flip: bool = field(default=True, metadata=stored("mirror"))
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    pca: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        if self.crop not in _CROPS:
            raise _wrong("crop", self.crop, "unknown", nearest(str(self.crop), _CROPS))
        if self.border not in _BORDERS:
            raise _wrong("border", self.border, "unknown", nearest(str(self.border), _BORDERS))
        if not isinstance(self.horizontal_flip, bool):
            raise _wrong("horizontal_flip", self.horizontal_flip, "must be true or false")
        if not _whole(self.padding) or not 0 <= self.padding <= _MOST_PADDING:
            why = f"must be a whole number of pixels, 0 to {_MOST_PADDING}"
            raise _wrong("padding", self.padding, why)
        if not _range(self.sizes) or not all(_whole(size) for size in self.sizes):
            raise _wrong("sizes", self.sizes, "must be two rising whole numbers of pixels")
        if self.sizes[1] > LARGEST_SIDE:
            raise _wrong("sizes", self.sizes, f"must be at most {LARGEST_SIDE:,} pixels")
        if not _range(self.ratio):
            raise _wrong("ratio", self.ratio, "must be two rising positive numbers")
        if not _range(self.scale) or self.scale[1] > 1:
            raise _wrong("scale", self.scale, "must be two rising shares of the area, at most 1")
        for name in ("brightness", "contrast", "saturation", "pca", "erasing", "mixup", "cutmix"):
            value = getattr(self, name)
            if not _number(value) or value < 0:
                raise _wrong(name, value, "must be a number, 0 (off) or more")
        if self.erasing > 1:
            raise _wrong("erasing", self.erasing, "is a probability, at most 1")

    def crop_for(self, height: int, width: int) -> Crop:
        """Which crop is meant for a network that takes `height` x `width` pixels."""
        if self.crop == "auto":
            return "padded" if max(height, width) <= _SMALL else "resized"
        return self.crop  # type: ignore[return-value]

    def scaled(self, size: tuple[int, int], own: tuple[int, int]) -> Augmentation:
        """The same for images trained at `size` (height, width) instead of at `own`: pixels scale.

        Those are `sizes`, which must stay large enough to cut from, and `padding`.
        """
        if size == own:
            return self
        share = max(size) / max(own)
        smallest, largest = (max(round(share * px), *size) for px in self.sizes)
        return replace(self, sizes=(smallest, largest), padding=round(share * self.padding))

    def describe(self, height: int, width: int) -> str:
        """One line for people: what happens to images on their way to `height` x `width` pixels."""
        small, large = self.sizes
        reflected = "reflected " if self.border == "reflect" else ""
        crops = {
            "resized": f"random crop of {plain_span(*self.scale, 0)} of the area, "
            f"resized to {height} × {width}",
            "padded": f"{self.padding} pixels of {reflected}padding, "
            f"random crop of {height} × {width}",
            "corner": f"short side to {small if small == large else f'{small} to {large}'} pixels, "
            f"random crop of {height} × {width}",
            "none": f"centre crop of {height} × {width}",
        }
        parts = [crops[self.crop_for(height, width)]]
        parts += ["horizontal flip"] if self.horizontal_flip else []
        for name in ("brightness", "contrast", "saturation"):
            value = getattr(self, name)
            parts += [f"{name} ± {value:g}"] if value else []
        parts += [f"PCA colour shift {self.pca:g}"] if self.pca else []
        parts += [f"erasing in {plain_percent(self.erasing, 0)}"] if self.erasing else []
        parts += [f"mixup α = {self.mixup:g}"] if self.mixup else []
        parts += [f"cutmix α = {self.cutmix:g}"] if self.cutmix else []
        return ", ".join(parts)


def _wrong(key: str, value: object, why: str, remedy: str = "") -> RecipeError:
    return RecipeError(f"[augmentation] {key} = {value!r}", why, remedy)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _range(values: object) -> bool:
    """Whether `values` are two positive numbers, the second not below the first."""
    return (
        isinstance(values, tuple)
        and len(values) == 2
        and all(_number(value) for value in values)
        and 0 < values[0] <= values[1]
    )


NOTHING = Augmentation(crop="none", horizontal_flip=False)
"""Images as in evaluation."""
