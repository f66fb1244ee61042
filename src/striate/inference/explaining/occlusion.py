"""Occlusion: which parts of an image a class's probability, or a number, falls without.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, Sec. 4.2 and
fig. 7: a grey square covers one part of the image after the other, and the network is asked each
time. A pixel's number is by how much the probability falls on average over all places of the
square that cover the pixel; below 0 where it rises. It needs nothing of the network but its
answers: of a number, the map is in its unit.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from striate.inference.explaining.explainer import Labels, NetworkMaps

if TYPE_CHECKING:
    from striate.data.preprocessing import Preprocessing
    from striate.engines.heat_maps import Maps
    from striate.engines.session import Pixels, Session
    from striate.support.progress import Progress

WINDOWS_ACROSS = 5
"""The square's usual side is the network's shorter side divided by this."""
STEPS_A_WINDOW = 3
"""The square usually moves by its side divided by this."""


@dataclass(frozen=True, kw_only=True)
class Square:
    """A square that moves over an image.

    Attributes:
        side: in pixels of the network's input.
        stride: pixels between neighbouring places.
    """

    side: int
    stride: int

    @classmethod
    def of(cls, preprocessing: Preprocessing, side: int | None, stride: int | None) -> Square:
        """The square with that `side` and `stride`, or what is usual for the network."""
        most = min(preprocessing.height, preprocessing.width)
        side = side or max(round(most / WINDOWS_ACROSS), 1)
        return cls(side=side, stride=stride or max(side // STEPS_A_WINDOW, 1))

    def places(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """Rows and columns that it covers in each place, first along the top of the image.

        Its last places may hang over the border, so that every pixel is covered.

        Examples:
            >>> [rows for rows, _ in Square(side=4, stride=3).places(9, 2)]
            [slice(0, 4, None), slice(3, 7, None), slice(6, 9, None)]
        """
        rows, columns = (
            [
                slice(at * self.stride, min(at * self.stride + self.side, extent))
                for at in range(math.ceil(max(extent - self.side, 0) / self.stride) + 1)
            ]
            for extent in (height, width)
        )
        return [(each, other) for each in rows for other in columns]


class OcclusionMaps(NetworkMaps):
    """Heat maps by covering parts of images, of whatever gives answers.

    Args:
        session: gives probabilities or values of batches of fitted images; it is not closed here.
        preprocessing: its network's; the square has the colour that becomes 0 in it.
        square: that covers.
    """

    def __init__(self, session: Session, preprocessing: Preprocessing, square: Square) -> None:
        grid = preprocessing.input_size[1:]
        super().__init__(method="occlusion", preprocessing=preprocessing, grid=grid)
        self._session, self._square = session, square
        self.grey = np.clip(np.rint(255 * np.array(preprocessing.mean)), 0, 255).astype(np.uint8)

    def of(self, pixels: Pixels, labels: Labels, progress: Progress | None = None) -> Maps:
        """The maps of a batch, (n, height, width); see `NetworkMaps.of`.

        Each image is computed as it is and once for each place of the square, in full batches.
        """
        height, width = pixels.shape[1:3]
        places = self._square.places(height, width)
        falls = np.zeros((len(pixels), height, width))
        counts = np.zeros((height, width))
        for rows, columns in places:
            counts[rows, columns] += 1
        number, each = 0, 1 + len(places)
        whole = 0.0
        with closing(self._batches(pixels, places)) as batches:
            for answers in self._session.run(batches):
                for row in answers:
                    image, place = divmod(number, each)
                    share = float(row[labels[image]])
                    if place == 0:
                        whole = share
                    else:
                        falls[(image, *places[place - 1])] += whole - share
                    number += 1
                if progress is not None:
                    progress(number, each * len(pixels))
        maps: Maps = (falls / counts).astype(np.float32)
        return maps

    def _batches(self, pixels: Pixels, places: list[tuple[slice, slice]]) -> Generator[Pixels]:
        """Each image, then the same with the square in each place, batch by batch."""
        waiting: list[Pixels] = []
        for image in self._covered(pixels, places):
            waiting.append(image)
            if len(waiting) == self._session.batch_size:
                yield np.stack(waiting)
                waiting = []
        if waiting:
            yield np.stack(waiting)

    def _covered(self, pixels: Pixels, places: list[tuple[slice, slice]]) -> Iterator[Pixels]:
        for image in pixels:
            yield image
            for place in places:
                covered = image.copy()
                covered[place] = self.grey
                yield covered
