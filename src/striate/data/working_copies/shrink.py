"""How large a working copy is, which images have one, and its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from striate.data.augmentation.settings import Augmentation
from striate.data.decoding.decode import decoders
from striate.data.preprocessing import Preprocessing
from striate.support.limits import LARGEST_COPY

#: Short side of a copy, in sizes of the network: of a photograph of 3 : 4, an upright crop of
#: `TINY` of the area, as is usual, has 1 / 3.5 of the short side.
SHARP = 3.5
TINY = 0.08
#: Short sides are multiples of this, so that networks of about the same size share their copies.
STEP = 64
#: How many times the short side of its copy that of an image must be: the copy then has less than
#: half of the pixels, and is decoded in less than half of the time.
MUCH_LARGER = 1.5
#: Sides of a JPEG, in pixels, at most: a strip that is longer has no copy.
_LONGEST = 65_500
#: Of JPEG, colour at full resolution. Crops come within a fifth of a decibel of copies without
#: loss; 95 takes 42 % more room and a seventh more time, and the usual 4:2:0 at 95 is further off.
QUALITY = 90
#: Shrunk by whole steps to twice the size, then by a filter: as near to what crops of the original
#: give as any filter alone, in half the time.
_GAP = 2.0
_RULES = 1  # raised by whatever changes the pixels of a copy


def side_for(preprocessing: Preprocessing, augmentation: Augmentation) -> int:
    """Short side in pixels of copies that the smallest crop of a network's images is sharp in.

    0 where training images are not cut from what they are in their files, but are as in evaluation.
    """
    size = max(preprocessing.height, preprocessing.width)
    crop = augmentation.crop_for(preprocessing.height, preprocessing.width)
    if preprocessing.fit == "pad" or crop in ("none", "padded"):
        return 0
    wanted = SHARP * size
    if crop == "resized":
        wanted *= max(1.0, (TINY / augmentation.scale[0]) ** 0.5)
    else:
        wanted = max(wanted, augmentation.sizes[1])
    return min(int(-(-wanted // STEP)) * STEP, LARGEST_COPY)


def is_much_larger(size: Sequence[int], side: int) -> bool:
    """Whether an image of that height and width has a copy whose short side is `side` pixels."""
    return min(size) > MUCH_LARGER * side and max(size) * side <= _LONGEST * min(size)


def key_of(side: int) -> dict[str, Any]:
    """All that decides the pixels of a copy beside its image, as plain values."""
    return {"copy": [side, QUALITY, _RULES, *decoders()]}


def encoded(image: NDArray[np.uint8], side: int) -> bytes:
    """The copy of an image, uint8 (H, W, 1 or 3): a JPEG file."""
    height, width = image.shape[:2]
    short = min(height, width)
    size = (max(side, round(width * side / short)), max(side, round(height * side / short)))
    grey = image.shape[2] == 1
    picture = Image.fromarray(image[:, :, 0] if grey else image)
    small = np.asarray(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=_GAP))
    found: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(small[:, :, None] if grey else small),
        quality=QUALITY,
        colorspace="GRAY" if grey else "RGB",
        colorsubsampling="Gray" if grey else "444",
        fastdct=False,
    )
    return found


def decoded(content: bytes) -> NDArray[np.uint8]:
    """The pixels of a copy, uint8 (H, W, 1 or 3)."""
    grey = simplejpeg.decode_jpeg_header(content)[2] == "Gray"
    found: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, "GRAY" if grey else "RGB")
    return found
