"""Images as evaluation sees them, without loss: a photograph is decoded once for all that measures.

They are exactly what `Preprocessing.fit_image` gives of the originals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from striate.data.decoding.decode import decoders
from striate.data.working_copies.shrink import SHARP, is_much_larger
from striate.data.working_copies.store import Place, Store

if TYPE_CHECKING:
    from pathlib import Path

    from striate.data.images import Array, ImageSet
    from striate.data.preprocessing import Preprocessing

#: Bytes that they may take in memory.
MOST_HELD = 1 << 30


class FittedImages:
    """Images that are much larger than a network's input, at the size of that.

    It is a `striate.data.scan.Visitor`. Smaller images are decoded as often as they are asked for.

    Args:
        preprocessing: from the images to the network.
        cache: the cache's folder; None to hold them in memory.
        among: whether an image, by its content hash and split, is to be fitted where it is shown;
            the others are when they are asked for. None for all.
        again: whether images may be asked for more than once, so that those that are fitted when
            they are asked for are kept as well.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        cache: Path | None = None,
        *,
        among: Callable[[str, str], bool] | None = None,
        again: bool = True,
    ) -> None:
        self.preprocessing, self._again = preprocessing, again
        self._geometry = _geometry(preprocessing)
        self._side = int(SHARP * max(preprocessing.height, preprocessing.width))
        self._among = among
        place: Place = "memory" if cache is None else "auto"
        size = f"{preprocessing.height:,} x {preprocessing.width:,}"
        self.store = Store(
            cache,
            {"fitted": [*self._geometry, *decoders()]},
            {"made": f"images as evaluated at {size} pixels"},
            place=place,
            memory=MOST_HELD,
        )

    def suits(self, preprocessing: Preprocessing) -> bool:
        """Whether images for `preprocessing` are these: mean and std come after them."""
        return _geometry(preprocessing) == self._geometry

    def visit(self, digest: str, pixels: Array, split: str = "") -> None:
        """Fit a large image, unless that was done."""
        if (
            is_much_larger(pixels.shape[:2], self._side)
            and (self._among is None or self._among(digest, split))
            and digest not in self.store
        ):
            self.store.put(digest, self.preprocessing.fit_image(pixels).tobytes())

    def read(self, images: ImageSet, index: int) -> Array:
        """An image at the network's size: uint8 (height, width, channels).

        Raises:
            DataError: it is not here, and can no longer be read.
        """
        digest = images.digest(index)
        large = is_much_larger(images.sizes[index].tolist(), self._side)
        channels, height, width = self.preprocessing.input_size
        content = self.store.get(digest) if large else None
        if content is not None:
            return np.frombuffer(content, np.uint8).reshape(height, width, channels)
        with images.reading(index, channels) as image:
            fitted = self.preprocessing.fit_image(image)
        if large and self._again:
            self.store.put(digest, fitted.tobytes())
        return fitted


def _geometry(preprocessing: Preprocessing) -> list[str | int]:
    """What decides the pixels of a fitted image: all but mean and std."""
    it = preprocessing
    return [it.fit, it.resize, it.height, it.width, it.channels, it.fill, it.interpolation]
