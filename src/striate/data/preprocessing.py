"""From an image of any size to what a network takes, described once for every use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.reduction import Reduction, factor_for
from striate.errors import RecipeError, RunError, nearest
from striate.support.limits import LARGEST_SIDE
from striate.support.tables import ADDED

if TYPE_CHECKING:
    import torch

    from striate.data.finding.inputs import Source

Opened: TypeAlias = AbstractContextManager[NDArray[np.uint8]]

#: Mean and std of ImageNet's channels (red, green, blue), of values from 0 to 1.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: Of an image that is resized for it, before it is cropped.
LARGEST_RESIZE = 2 * LARGEST_SIDE

Interpolation = Literal["bilinear", "bicubic"]
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

#: Above this many pixels for each pixel kept, the resized image is not computed as a whole: a
#: strip of 1 x 10,000 pixels would otherwise become one of 256 x 2,560,000.
WHOLE_RESIZE = 16


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What happens to an image between its file and the network, without any chance in it.

    ``crop`` resizes the short side to `resize` and keeps the centre; ``pad`` resizes the long side
    to `resize` and centres the image on a ground of grey level `fill`. Resizing is Pillow's, which
    is antialiased; the other side is rounded down, as in torchvision; the centre's offset is
    ``(size - crop) // 2``.

    Args:
        fit: ``"crop"`` or ``"pad"``.
        resize: length in pixels of the short (crop) or long (pad) side after resizing.
        height: of what the network takes, in pixels.
        width: of what the network takes, in pixels.
        channels: 1 (grey) or 3 (RGB).
        fill: grey level, 0 to 255, around a padded image.
        interpolation: ``"bilinear"`` or ``"bicubic"``: the filter of the resize.
        mean: one number a channel, in the range 0 to 1, as in ``(image / 255 - mean) / std``.
        std: one number a channel, in the same range.

    Raises:
        RecipeError: the numbers contradict each other.
    """

    fit: Literal["crop", "pad"] = "crop"
    resize: int
    height: int
    width: int
    channels: int = 3
    fill: int = 0
    interpolation: Interpolation = field(default="bilinear", metadata=ADDED)
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise RecipeError("preprocessing", problem)

    def _problem(self) -> str:
        """What is wrong with the numbers, or an empty string."""
        demands = (
            (self.fit in ("crop", "pad"), f"fit (={self.fit!r}) must be 'crop' or 'pad'"),
            (
                min(self.resize, self.height, self.width) > 0,
                f"resize, height, width (={self.resize, self.height, self.width}) must be positive",
            ),
            (
                max(self.height, self.width) <= LARGEST_SIDE,
                f"height, width (={self.height, self.width}) must be at most {LARGEST_SIDE:,}",
            ),
            (
                self.resize <= LARGEST_RESIZE,
                f"resize (={self.resize}) must be at most {LARGEST_RESIZE:,}",
            ),
            (
                self.fit != "crop" or self.resize >= max(self.height, self.width),
                f"resize (={self.resize}) is less than the crop of {self.height} x {self.width}",
            ),
            (
                self.fit != "pad" or self.resize <= min(self.height, self.width),
                f"resize (={self.resize}) does not fit into {self.height} x {self.width}",
            ),
            (self.channels in (1, 3), f"channels (={self.channels}) must be 1 or 3"),
            (
                self.interpolation in RESAMPLING,
                f"interpolation (={self.interpolation!r}) must be 'bilinear' or 'bicubic'",
            ),
            (0 <= self.fill <= 255, f"fill (={self.fill}) must lie between 0 and 255"),
            (
                len(self.mean) == len(self.std) == self.channels,
                f"mean and std must hold {self.channels} numbers each",
            ),
            (
                all(np.isfinite(self.mean)) and all(0 < value < np.inf for value in self.std),
                f"mean (={self.mean}) must be finite and std (={self.std}) positive",
            ),
        )
        return next((problem for holds, problem in demands if not holds), "")

    @property
    def input_size(self) -> tuple[int, int, int]:
        """(channels, height, width) of what the network takes."""
        return self.channels, self.height, self.width

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) that an image of that size is resized to, before cropping or padding."""
        anchor = min(height, width) if self.fit == "crop" else max(height, width)
        return max(1, self.resize * height // anchor), max(1, self.resize * width // anchor)

    def __call__(self, image: Source) -> torch.Tensor:
        """What the network takes of one image: float32 (channels, height, width), normalised.

        So it is the transform of a data set or a loop of one's own.

        Args:
            image: a file's path, a Pillow image, a NumPy array (H, W) or (H, W, 1, 3 or 4), or a
                tensor (1, 3 or 4, H, W).

        Raises:
            DataError: it cannot be read as an image.
        """
        import torch

        from striate.data.finding.inputs import item_of

        with item_of(image, "image").opened(self.channels) as pixels:
            fitted = self.fit_image(pixels)
        return self.normalise(torch.from_numpy(fitted.copy())[None])[0]  # Pillow's are read-only

    def fitted(
        self, opened: Callable[[Reduction | None], Opened], *, reduced: bool = False
    ) -> NDArray[np.uint8]:
        """What `fit_image` gives of an image that is opened for it.

        Args:
            opened: gives the image, uint8 (H, W, 1 or 3), for the time of a block.
            reduced: let a large JPEG be reduced while it is decoded.
        """
        reduction = Reduction(self.reduction) if reduced else None
        with opened(reduction) as image:
            return self.fit_image(image, reduction)

    def reduction(self, height: int, width: int) -> int:
        """The factor by which the sides of an image of that size may be divided beforehand."""
        return factor_for(
            min(height, width) if self.fit == "crop" else max(height, width), self.resize
        )

    def fit_image(
        self, image: NDArray[np.uint8], reduction: Reduction | None = None
    ) -> NDArray[np.uint8]:
        """From uint8 (H, W, 1 or 3) of any size to uint8 (height, width, channels).

        Args:
            image: of any size.
            reduction: by how much it was reduced, if it was.
        """
        image = with_channels(image, self.channels)
        if reduction is None or reduction.factor == 1:
            reduction = Reduction(self.reduction, 1, *image.shape[:2])
        height, width = self.resized(reduction.height, reduction.width)
        if self.fit == "pad":
            ground = np.full((self.height, self.width, self.channels), self.fill, np.uint8)
            top, left = (self.height - height) // 2, (self.width - width) // 2
            ground[top : top + height, left : left + width] = resize(
                image, height, width, _box(reduction), interpolation=self.interpolation
            )
            return ground
        top, left = (height - self.height) // 2, (width - self.width) // 2
        if height * width > WHOLE_RESIZE * self.height * self.width:
            return self._resize_part(image, reduction, (height, width), (top, left))
        whole = resize(image, height, width, _box(reduction), interpolation=self.interpolation)
        return np.ascontiguousarray(whole[top : top + self.height, left : left + self.width])

    def _resize_part(
        self,
        image: NDArray[np.uint8],
        reduction: Reduction,
        size: tuple[int, int],
        corner: tuple[int, int],
    ) -> NDArray[np.uint8]:
        """The crop at `corner` alone of `image` resized to `size`: equal up to rounding."""
        (height, width), (top, left) = size, corner
        down = reduction.height / reduction.factor / height
        across = reduction.width / reduction.factor / width
        box = (left * across, top * down, (left + self.width) * across, (top + self.height) * down)
        return resize(image, self.height, self.width, box, interpolation=self.interpolation)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """From uint8 (N, H, W, C) to float32 (N, C, H, W), channels-last in memory, same device."""
        import torch

        scale = torch.tensor([1 / (255 * std) for std in self.std], device=images.device)
        shift = torch.tensor(
            [-mean / std for mean, std in zip(self.mean, self.std, strict=True)],
            device=images.device,
        )
        # Whole rows of pixels at once: an inner loop over three channels takes four times as long.
        count, height, width, channels = images.shape
        rows = images.reshape(count * height, width * channels).to(torch.float32, copy=True)
        rows = rows.mul_(scale.repeat(width)).add_(shift.repeat(width))
        return rows.view(images.shape).permute(0, 3, 1, 2)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that TOML and JSON can hold."""
        values = asdict(self)
        return {**values, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The opposite of `to_dict`.

        Raises:
            RunError: a value is unknown, missing or impossible.
        """
        known = [each.name for each in fields(cls)]
        for key in values:
            if key not in known:
                raise RunError(f"[preprocessing] {key}", "unknown key", nearest(key, known))
        for key in ("resize", "height", "width", "mean", "std"):
            if key not in values:
                raise RunError("[preprocessing]", f"{key} is missing")
        try:
            numbers = {key: tuple(float(v) for v in values[key]) for key in ("mean", "std")}
            whole = {
                key: int(values[key])
                for key in ("resize", "height", "width", "channels", "fill")
                if key in values
            }
            named = {key: values[key] for key in ("fit", "interpolation") if key in values}
            return cls(**named, **whole, **numbers)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise RunError("[preprocessing]", str(error)) from None
        except RecipeError as error:
            raise RunError("[preprocessing]", error.why) from None


def _box(reduction: Reduction) -> tuple[float, float, float, float] | None:
    """The part of a reduced image that the whole one had: its last row and column may stand out."""
    if reduction.factor == 1:
        return None
    return 0, 0, reduction.width / reduction.factor, reduction.height / reduction.factor


def resize(
    image: NDArray[np.uint8],
    height: int,
    width: int,
    box: tuple[float, float, float, float] | None = None,
    *,
    interpolation: Interpolation = "bilinear",
) -> NDArray[np.uint8]:
    """`image`, uint8 (H, W, C), as uint8 (height, width, C): Pillow's antialiased resize.

    `box` is the part of the image to use: (left, top, right, bottom), fractions of pixels allowed.
    """
    if box is None and image.shape[:2] == (height, width):
        return image
    grey = image.shape[2] == 1
    picture = Image.fromarray(image[:, :, 0] if grey else image)
    array = np.asarray(picture.resize((width, height), RESAMPLING[interpolation], box))
    return array[:, :, None] if grey else array


def with_channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """`image`, uint8 (H, W, 1 or 3), with that many channels; grey is Pillow's (ITU-R 601)."""
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(image).convert("L"))[:, :, None]
