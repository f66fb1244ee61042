"""The views that features are computed of, taken while images are checked: one decoding for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.data.augmentation import crops
from striate.data.augmentation.settings import Augmentation
from striate.data.preprocessing import Preprocessing, with_channels
from striate.data.random import CROP, FLIP, uniforms
from striate.data.working_copies.fitted import MOST_HELD
from striate.data.working_copies.shrink import SHARP, is_much_larger
from striate.data.working_copies.store import Store

if TYPE_CHECKING:
    from striate.data.images import Array, ImageSet

#: How the views after the first are drawn. Smaller parts than a quarter rarely show the class, and
#: nothing behind a frozen backbone can learn to forgive that.
VIEWS = Augmentation(scale=(0.25, 1.0))


class DrawnViews:
    """The views after the first of large images, held in memory as far as they have room.

    It is a `striate.data.scan.Visitor`.

    Args:
        preprocessing: of the backbone.
        views: how many views there are, the first among them.
        seed: of the draws.
        held_out: whether an image, by its content hash and split, is seen as evaluated alone.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        views: int,
        seed: int,
        *,
        held_out: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        self.preprocessing, self.views, self.seed = preprocessing, views, seed
        self._held_out = held_out
        self._side = int(SHARP * max(preprocessing.height, preprocessing.width))
        self._store = Store(None, {}, {}, place="memory", memory=MOST_HELD)

    def visit(self, digest: str, pixels: Array, split: str = "") -> None:
        """Draw all views of a large image that is not held out."""
        if self.views < 2 or not is_much_larger(pixels.shape[:2], self._side):
            return
        if self._held_out(digest, split):
            return
        image = with_channels(pixels, self.preprocessing.channels)
        drawn = (
            draw_view(image, self.preprocessing, digest, view, self.seed).tobytes()
            for view in range(1, self.views)
        )
        self._store.put(digest, b"".join(drawn))

    def read(self, images: ImageSet, index: int, view: int) -> Array:
        """A view after the first: uint8 (height, width, channels).

        Raises:
            DataError: it has to be drawn, and the image can no longer be read.
        """
        digest = images.digest(index)
        channels, height, width = self.preprocessing.input_size
        found = self._store.get(digest)
        if found is not None and view < self.views:
            shape = (self.views - 1, height, width, channels)
            pixels: Array = np.frombuffer(found, np.uint8).reshape(shape)[view - 1]
            return pixels
        with images.reading(index, channels) as image:
            return draw_view(image, self.preprocessing, digest, view, self.seed)


def draw_view(
    image: NDArray[np.uint8], preprocessing: Preprocessing, digest: str, view: int, seed: int
) -> NDArray[np.uint8]:
    """A view after the first, uint8 (height, width, channels), of an image with that `digest`.

    A random part of the image (`VIEWS`), or, where networks take at most 64 pixels a side, the
    image as evaluated, shifted by a few pixels. Every other view is flipped horizontally, which of
    the two
    being drawn: with an even number of views each image is seen both ways.
    """
    index = np.array([int(digest[:15], 16)], np.int64)
    channels, height, width = preprocessing.input_size
    flipped = bool(uniforms(seed, 0, index, 1, FLIP)[0, 0] < 1 / 2) ^ bool(view % 2)
    if preprocessing.fit == "pad" or VIEWS.crop_for(height, width) == "padded":
        pixels = preprocessing.fit_image(image)[None]
        draws = uniforms(seed, view, index, 2, CROP)
        pixels = crops.padded_crops(pixels, draws, VIEWS.padding, preprocessing.fill)[0]
    else:
        draws = uniforms(seed, view, index, crops.RESIZED_DRAWS, CROP)
        how = preprocessing.interpolation
        crop = crops.resized_crop(
            image, (height, width), draws[0].tolist(), VIEWS.scale, VIEWS.ratio, interpolation=how
        )
        pixels = np.asarray(crop).reshape(height, width, channels)
    return np.ascontiguousarray(pixels[:, ::-1] if flipped else pixels)
