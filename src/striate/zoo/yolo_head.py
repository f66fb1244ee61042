"""How the map of a YOLO head is to be read: what a detector's network says of each of its maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SizeRule = Literal["exponential", "squared"]


@dataclass(frozen=True)
class YOLOHead:
    """How one head's map is read; `striate.detection.decode` does so.

    Attributes:
        stride: pixels of the network's input from one position to the next.
        anchors: (width, height) of each, in pixels of the network's input.
        scale: Darknet's ``scale_x_y``, by which the range of a centre within its position is
            widened; 1 leaves it between the grid's lines.
        sizes: what makes a size of a number, see `striate.detection.decode`.
    """

    stride: int
    anchors: tuple[tuple[float, float], ...]
    scale: float = 1.0
    sizes: SizeRule = "exponential"
