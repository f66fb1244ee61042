"""What gives heat maps of predictions, in whatever way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from striate.support.closing import Closable

if TYPE_CHECKING:
    from striate.engines.heat_maps import HeatMaps, Laid, Maps
    from striate.engines.session import Pixels
    from striate.support.progress import Progress

Method: TypeAlias = Literal["auto", "grad-cam", "cam", "occlusion"]
TITLES = {"cam": "CAM", "grad-cam": "Grad-CAM", "occlusion": "occlusion"}
"""What people call the ways."""

Labels: TypeAlias = Sequence[int]
"""The number of a class for each image."""


class Explainer(Closable, ABC):
    """Heat maps of one network, in one way.

    Args:
        method: a key of `TITLES`.
        grid: height and width of its maps.
        layer: what gives the feature map that they are of; empty where they are of none.
        laid: where their positions lie; None where they share what the network sees evenly.

    Attributes:
        method: a key of `TITLES`.
        grid: height and width of its maps.
        layer: what gives the feature map that they are of; empty where they are of none.
        laid: where their positions lie; None where they share what the network sees evenly.
    """

    def __init__(
        self, *, method: str, grid: tuple[int, int], layer: str = "", laid: Laid | None = None
    ) -> None:
        self.method, self.grid, self.layer, self.laid = method, grid, layer, laid

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

    def close(self) -> None:
        """Free what it holds."""

    @property
    def told(self) -> str:
        """The way in words: ``Grad-CAM of pool5, 6 × 6``."""
        title, (height, width) = TITLES[self.method], self.grid
        return f"{title} of {self.layer}, {height} × {width}" if self.layer else title


class ExportedMaps(Explainer):
    """The heat maps that a file has as an output.

    Args:
        maps: of the file.
        method: what the file's metadata call them.
        grid: height and width.
        laid: where their positions lie.
    """

    def __init__(
        self, maps: HeatMaps, method: str, grid: tuple[int, int], laid: Laid | None = None
    ) -> None:
        super().__init__(method=method, grid=grid, laid=laid)
        self._maps = maps

    def of(self, pixels: Pixels, labels: Labels, progress: Progress | None = None) -> Maps:
        """The maps of a batch; see `Explainer.of`."""
        found = [
            self._maps.of(image[None], label) for image, label in zip(pixels, labels, strict=True)
        ]
        return np.concatenate(found)

    def close(self) -> None:
        """Free the graph."""
        self._maps.close()
