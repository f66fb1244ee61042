"""What gives heat maps of predictions, in whatever way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from striate.support.closing import Closable

if TYPE_CHECKING:
    from striate.data.preprocessing import Preprocessing
    from striate.engines.heat_maps import HeatMaps, Laid, Maps
    from striate.engines.session import Pixels
    from striate.support.progress import Progress

Method: TypeAlias = Literal["auto", "grad-cam", "cam", "occlusion"]
TITLES = {"cam": "CAM", "grad-cam": "Grad-CAM", "occlusion": "occlusion"}
"""What people call the ways."""

Labels: TypeAlias = Sequence[int]
"""The number of a class for each image."""


class Heat(NamedTuple):
    """A heat map of a picture.

    Attributes:
        values: float32 (h, w): above 0 what speaks for the class, below what speaks against it.
        preprocessing: what it makes of the picture is what the map lies over.
        laid: where the map's positions lie over that; None where they share it evenly.
    """

    values: Maps
    preprocessing: Preprocessing
    laid: Laid | None = None


class Explainer(Closable, ABC):
    """Heat maps of a classifier, in one way.

    Args:
        method: a key of `TITLES`.
        layer: what gives the feature map that they are of; empty where they are of none.

    Attributes:
        method: a key of `TITLES`.
        layer: what gives the feature map that they are of; empty where they are of none.
    """

    def __init__(self, *, method: str, layer: str = "") -> None:
        self.method, self.layer = method, layer

    @abstractmethod
    def of_picture(self, picture: Pixels, label: int, progress: Progress | None = None) -> Heat:
        """The map of one picture.

        Args:
            picture: uint8 (H, W, 1 or 3), of any size.
            label: the class that is explained.
            progress: called as it goes on, by ways that take their time.
        """

    def close(self) -> None:
        """Free what it holds."""


class NetworkMaps(Explainer):
    """Heat maps of one network.

    Args:
        method: a key of `TITLES`.
        preprocessing: the network's.
        grid: height and width of its maps.
        layer: what gives the feature map that they are of; empty where they are of none.
        laid: where their positions lie; None where they share what the network sees evenly.
        fits: whether pictures are fitted before `of` has them; False for a file that does so.

    Attributes:
        grid: height and width of its maps.
        laid: where their positions lie; None where they share what the network sees evenly.
    """

    def __init__(
        self,
        *,
        method: str,
        preprocessing: Preprocessing,
        grid: tuple[int, int],
        layer: str = "",
        laid: Laid | None = None,
        fits: bool = True,
    ) -> None:
        super().__init__(method=method, layer=layer)
        self.preprocessing, self.grid, self.laid, self._fits = preprocessing, grid, laid, fits

    @abstractmethod
    def of(self, pixels: Pixels, labels: Labels, progress: Progress | None = None) -> Maps:
        """The maps of a batch: above 0 what speaks for the class, below what speaks against it.

        Args:
            pixels: uint8 (n, height, width, channels), as the classifier's session takes them.
            labels: of each image the class that is explained.
            progress: called as it goes on, by ways that take their time.

        Returns:
            float32 (n, h, w), from the top left corner of what the network sees to its bottom
            right one.
        """

    def of_picture(self, picture: Pixels, label: int, progress: Progress | None = None) -> Heat:
        """The map of one picture; see `Explainer.of_picture`."""
        pixels = self.preprocessing.fit_image(picture) if self._fits else picture
        found = self.of(np.stack([pixels]), [label], progress)
        return Heat(found[0], self.preprocessing, self.laid)

    @property
    def told(self) -> str:
        """The way in words: ``Grad-CAM of pool5, 6 × 6``."""
        title, (height, width) = TITLES[self.method], self.grid
        return f"{title} of {self.layer}, {height} × {width}" if self.layer else title


class ExportedMaps(NetworkMaps):
    """The heat maps that a file has as an output.

    Args:
        maps: of the file.
        method: what the file's metadata call them.
        preprocessing: the file's.
        grid: height and width.
        laid: where their positions lie.
        fits: as for `NetworkMaps`.
    """

    def __init__(
        self,
        maps: HeatMaps,
        method: str,
        preprocessing: Preprocessing,
        grid: tuple[int, int],
        laid: Laid | None = None,
        *,
        fits: bool = True,
    ) -> None:
        super().__init__(
            method=method, preprocessing=preprocessing, grid=grid, laid=laid, fits=fits
        )
        self._maps = maps

    def of(self, pixels: Pixels, labels: Labels, progress: Progress | None = None) -> Maps:
        """The maps of a batch; see `NetworkMaps.of`."""
        found = [
            self._maps.of(image[None], label) for image, label in zip(pixels, labels, strict=True)
        ]
        return np.concatenate(found)

    def close(self) -> None:
        """Free the graph."""
        self._maps.close()
