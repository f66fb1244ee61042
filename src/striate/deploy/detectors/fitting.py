"""What `striate.detection.fitting.Fitting` does with a picture, as ONNX nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.detection.fitting import Fitting
from striate.engines.preprocessing.nodes import Nodes, Value
from striate.errors import ExportError

_COORDINATES = {"aligned": "align_corners", "bilinear": "half_pixel"}
"""What ONNX calls the ways to sample that its `Resize` has in common with PyTorch."""


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the input, in parts of it: float32 (4,), for both corners of a box.

    Attributes:
        corner: x, y, x, y of the picture's left upper corner.
        size: width, height, width, height.
    """

    corner: Value
    size: Value

    def of_picture(self, graph: Nodes, xyxy: Value) -> Value:
        """Boxes (n, 4) in parts of the input, in parts of the picture."""
        return graph.add("Div", xyxy - self.corner, self.size)


def check_fitting(fitting: Fitting) -> None:
    """Raise for what no graph can do as the detector does it.

    Raises:
        ExportError: pictures are sampled in a way that ONNX does not have.
    """
    if fitting.sampling not in _COORDINATES:
        raise ExportError(
            "the exported graph",
            f"cannot resize as this layout's repository does ({fitting.sampling}, Pillow's)",
            "convert the weights to Darknet's layout",
        )


def fit_nodes(graph: Nodes, image: Value, fitting: Fitting, name: str) -> Place | None:
    """Add the nodes from uint8 (1, H, W, 3) to float32 (1, 3, h, w) from 0 to 1, called `name`.

    Returns:
        Where the picture lies in the input; None where it fills it.
    """
    planes = graph.add("Transpose", graph.cast(image, np.float32), perm=[0, 3, 1, 2])
    scale = np.array(1 / 255, np.float32)
    height, width = fitting.size
    if fitting.fit == "stretch":
        stretched = _resized(graph, planes, np.array([1, 3, height, width], np.int64), fitting)
        graph.add("Mul", stretched, scale, name=name)
        return None
    shape = graph.cast(graph.add("Shape", image), np.int32)
    high, wide = graph.part(shape, 0, 1, 2), graph.part(shape, 0, 2, 3)
    inner_high = graph.least(graph.largest(high * width // wide, 1), height)
    inner_wide = graph.least(graph.largest(wide * height // high, 1), width)
    batch = np.array([1, 3], np.int64)
    inner = [graph.cast(each, np.int64) for each in (inner_high, inner_wide)]
    inside = _resized(graph, planes, graph.concatenate([batch, *inner], 0), fitting) * scale
    free_down, free_across = height - inner_high, width - inner_wide
    row, column = free_down // 2, free_across // 2
    ends = [row, column, free_down - row, free_across - column]
    top, left, bottom, right = (graph.cast(each, np.int64) for each in ends)
    none = np.zeros(2, np.int64)
    pads = graph.concatenate([none, top, left, none, bottom, right], 0)
    padded = graph.add("Pad", inside, pads, np.array(fitting.grey, np.float32))
    graph.add("Reshape", padded, np.array([1, 3, height, width], np.int64), name=name)
    return _place(graph, inner_high, inner_wide, fitting.size)


def _resized(
    graph: Nodes, planes: Value, sizes: Value | NDArray[np.int64], fitting: Fitting
) -> Value:
    none = np.array([], np.float32)
    how = _COORDINATES[fitting.sampling]
    return graph.add(
        "Resize", planes, none, none, sizes, mode="linear", coordinate_transformation_mode=how
    )


def _place(graph: Nodes, high: Value, wide: Value, size: tuple[int, int]) -> Place:
    """Of a letterbox; see `striate.detection.fitting` for its halves of pixels."""
    whole = np.array([size[1], size[0]], np.float32)
    inner = graph.cast(graph.concatenate([wide, high], 0), np.float32)
    parts = graph.add("Div", inner, whole)
    corner = graph.add("Sub", np.array(0.5, np.float32), parts * np.array(0.5, np.float32))
    return Place(graph.concatenate([corner, corner], 0), graph.concatenate([parts, parts], 0))
