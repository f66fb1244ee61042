"""Which parts of an image a network sees, and at which sizes: the test-time views of the papers.

==========  ======================================================================================
``center``  the one that the network was validated on: the middle of the resized image
``10``      AlexNet's (Krizhevsky 2012, Sec. 4.1): the four corners and the middle, and those of the
            horizontally flipped image, in torchvision's order
``144``     GoogLeNet's (Szegedy 2014, Sec. 7): the short side at 256, 288, 320 and 352; the left,
            middle and right square of each (of an upright image the top, middle and bottom one);
            in each square its four corners, its middle and the square itself, resized; flipped
``dense``   VGG's (Simonyan 2014, Sec. 3.2) and, at several sizes, ResNet's (He 2015, Sec. 3.4): the
            whole image and its horizontal flip, on which the network is applied as a convolution
==========  ======================================================================================

Sizes are the papers', for networks of 224 pixels, and in proportion for others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from striate.data.preprocessing import LARGEST_RESIZE, Preprocessing, resize, with_channels
from striate.errors import StriateError, nearest, parameter
from striate.support.shared_options import Crops

Pixels = NDArray[np.uint8]

PAPERS_SIZE = 224
"""Side in pixels of what the networks see in whose papers the sizes stand."""
GOOGLENET_SCALES = (256, 288, 320, 352)
ROOMY = 256
"""Short side where the network's own resize leaves the crops no room to move in."""
LONGEST = 16
"""A strip that is longer than so many times its short side is not resized whole."""


class View(NamedTuple):
    """One view: the image is resized, a part of it is cut out, and resized if it is no crop.

    Attributes:
        resized: (height, width) of the resized image.
        top: of the part in the resized image, in pixels.
        left: likewise.
        height: of the part.
        width: of the part.
        size: (height, width) of what the network gets; for another part than that it is resized.
        flipped: horizontally, at last.
    """

    resized: tuple[int, int]
    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]
    flipped: bool = False


@dataclass(frozen=True)
class Views:
    """The views of every image.

    Args:
        crops: their name.
        scales: short sides of the resized image in pixels, for a network of 224; empty for those of
            the paper, which are one but for ``144``.

    Raises:
        StriateError: there are none of that name, or a scale is no size.
    """

    crops: Crops = "center"
    scales: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        names = get_args(Crops)
        if self.crops not in names:
            known = nearest(str(self.crops), names)
            raise StriateError(parameter("crops", self.crops), "there are no such views", known)
        for scale in self.scales:
            if not 1 <= scale <= LARGEST_RESIZE:
                raise StriateError(
                    parameter("scales", scale), f"must lie between 1 and {LARGEST_RESIZE:,} pixels"
                )

    @property
    def is_plain(self) -> bool:
        """Whether it is the one view that a network was validated on."""
        return self.crops == "center" and not self.scales

    @property
    def whole(self) -> bool:
        """Whether the network is applied to whole images, of any size."""
        return self.crops == "dense"

    @property
    def name(self) -> str:
        """What people call them: ``144 crops``, ``dense at 256, 384``."""
        name = {"center": "the middle", "dense": "dense"}.get(self.crops, f"{self.crops} crops")
        return name + (f" at {', '.join(map(str, self.scales))}" if self.scales else "")

    def check(self, preprocessing: Preprocessing) -> None:
        """See to it that images for this network have such views.

        Raises:
            StriateError: it pads them, or a scale is smaller than what it sees.
        """
        if self.is_plain:
            return
        given = parameter("scales") if self.crops == "center" else parameter("crops", self.crops)
        if preprocessing.fit == "pad":
            raise StriateError(
                given,
                "is for networks that see a crop; this one sees a padded image",
                "leave it out",
            )
        side = max(preprocessing.height, preprocessing.width)
        shorts = self.short_sides(preprocessing) if self.scales else ()
        for scale, short in zip(self.scales, shorts, strict=True):
            if not side <= short <= LARGEST_RESIZE:
                raise StriateError(
                    parameter("scales", scale),
                    f"makes the short side {short:,} pixels, of which the network sees {side}",
                    f"scales are sizes for a network of {PAPERS_SIZE} pixels, which is the least",
                )

    def short_sides(self, preprocessing: Preprocessing) -> tuple[int, ...]:
        """Pixels of the short side of the resized images, one for each scale."""
        side = max(preprocessing.height, preprocessing.width)
        scales = self.scales
        if not scales and self.crops == "144":
            scales = GOOGLENET_SCALES
        if not scales:
            if self.crops == "center" or preprocessing.resize > side:
                return (preprocessing.resize,)
            scales = (ROOMY,)
        return tuple(round(scale * side / PAPERS_SIZE) for scale in scales)

    def count(self, preprocessing: Preprocessing) -> int:
        """How many views an image has."""
        each = {"center": 1, "10": 10, "144": 36, "dense": 2}[self.crops]
        return each * len(self.short_sides(preprocessing))

    def together(self, batch_size: int, preprocessing: Preprocessing) -> int:
        """How many whole images have about as many pixels as a batch of a network's own size."""
        own = preprocessing.height * preprocessing.width
        largest = max(self.short_sides(preprocessing)) ** 2 * 4 / 3
        return max(1, round(batch_size * own / largest))

    def places(self, height: int, width: int, preprocessing: Preprocessing) -> list[View]:
        """The views of an image of that size, in pixels; their order is that of the papers."""
        size = preprocessing.height, preprocessing.width
        found: list[View] = []
        for short in self.short_sides(preprocessing):
            resized = replace(preprocessing, resize=short).resized(height, width)
            if self.crops == "center":
                top, left = ((whole - part) // 2 for whole, part in zip(resized, size, strict=True))
                found.append(View(resized, top, left, *size, size))
            elif self.crops == "10":
                found += _ten(resized, size)
            elif self.crops == "144":
                found += _googlenet(resized, size)
            else:
                found += _whole(resized)
        return found

    def cut(self, image: Pixels, preprocessing: Preprocessing) -> list[Pixels]:
        """The views of an image.

        Args:
            image: uint8 (H, W, 1 or 3).
            preprocessing: of the network.

        Returns:
            uint8 (height, width, channels) each: of the network's size, or, of ``dense``, whole.
        """
        image = with_channels(image, preprocessing.channels)
        how = preprocessing.interpolation
        at, whole = image.shape[:2], image
        found = []
        for view in self.places(image.shape[0], image.shape[1], preprocessing):
            high, wide = view.resized
            if max(high, wide) > LONGEST * min(high, wide):
                down, across = image.shape[0] / high, image.shape[1] / wide
                right, bottom = view.left + view.width, view.top + view.height
                box = (view.left * across, view.top * down, right * across, bottom * down)
                part = resize(image, *view.size, box, interpolation=how)
            else:
                if at != view.resized:
                    at, whole = view.resized, resize(image, high, wide, interpolation=how)
                part = whole[view.top : view.top + view.height, view.left : view.left + view.width]
                part = resize(np.ascontiguousarray(part), *view.size, interpolation=how)
            found.append(part[:, ::-1] if view.flipped else part)
        return found


PLAIN = Views()


def _ten(resized: tuple[int, int], size: tuple[int, int]) -> Iterator[View]:
    """AlexNet's: the flipped image has corners and a middle of its own, as in torchvision."""
    width = resized[1]
    for flipped in (False, True):
        for top, left in _five(resized, size):
            at = width - size[1] - left if flipped else left
            yield View(resized, top, at, *size, size, flipped)


def _five(whole: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the corners and the middle begin, (top, left); the middle rounds as torchvision's."""
    down, across = whole[0] - size[0], whole[1] - size[1]
    corners = [(top, left) for top in (0, down) for left in (0, across)]
    return [*corners, (round(down / 2), round(across / 2))]


def _googlenet(resized: tuple[int, int], size: tuple[int, int]) -> Iterator[View]:
    """Of each of three squares six views, and these flipped."""
    short, room = min(resized), max(resized) - min(resized)
    for begin in (0, room // 2, room):
        top, left = (0, begin) if resized[1] >= resized[0] else (begin, 0)
        parts = [(top + y, left + x, *size) for y, x in _five((short, short), size)]
        parts.append((top, left, short, short))
        for flipped in (False, True):
            for part in parts:
                yield View(resized, *part, size, flipped)


def _whole(resized: tuple[int, int]) -> Iterator[View]:
    """The image and its flip; of a strip the middle."""
    most = LONGEST * min(resized)
    high, wide = (min(side, most) for side in resized)
    top, left = (resized[0] - high) // 2, (resized[1] - wide) // 2
    for flipped in (False, True):
        yield View(resized, top, left, high, wide, (high, wide), flipped)
