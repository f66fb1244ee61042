"""From the maps of a YOLO head to boxes.

At each position of its grid a head gives, for each of its anchors, 5 + classes numbers: the centre
within the position, the size over that of the anchor, whether there is anything (objectness), and
how much it is of each class. Two rules make a box of them:

- ``exponential``, YOLOv3's and v4's (Redmon and Farhadi 2018, Sec. 2.1; Bochkovskiy et al. 2020,
  Sec. 3.4, "eliminate grid sensitivity"): x = (column + s·σ(tx) - (s - 1) / 2) / columns and
  w = anchor · exp(tw) / input width, where s (``scale_x_y``) lets a centre reach its grid's lines;
- ``squared``, Scaled-YOLOv4's (Wang et al. 2021; ``new_coords=1`` in Darknet): the same centre, and
  w = anchor · (2·σ(tw))² / input width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from striate.detection.boxes import Boxes
from striate.zoo.yolo_head import YOLOHead

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decode(maps: Sequence[Tensor], heads: Sequence[YOLOHead]) -> Tensor:
    """Every box of every head.

    Args:
        maps: of each head (N, anchors · (5 + classes), rows, columns), the numbers as the last
            convolution gives them.
        heads: one for each map.

    Returns:
        (N, boxes, 5 + classes), heads in their order and in each row, column, anchor: the box's
        centre x and y, width and height as parts of the network's input, objectness, and of each
        class objectness · probability. They may reach beyond 0 and 1.
    """
    return torch.cat([_decode(each, head) for each, head in zip(maps, heads, strict=True)], 1)


def _decode(found: Tensor, head: YOLOHead) -> Tensor:
    batch, channels, rows, columns = found.shape
    count = len(head.anchors)
    numbers = found.view(batch, count, channels // count, rows, columns).permute(0, 3, 4, 1, 2)
    numbers = numbers.float()  # (N, rows, columns, anchors, 5 + classes)
    grid = numbers.new_tensor([columns, rows])
    y, x = torch.meshgrid(
        torch.arange(rows, device=found.device),
        torch.arange(columns, device=found.device),
        indexing="ij",
    )
    position = torch.stack([x, y], -1)[:, :, None].float()  # (rows, columns, 1, 2)
    centre = numbers[..., :2].sigmoid() * head.scale - (head.scale - 1) / 2
    centre = (position + centre) / grid
    anchors = numbers.new_tensor(head.anchors) / (grid * head.stride)
    if head.sizes == "squared":
        size = (numbers[..., 2:4].sigmoid() * 2) ** 2 * anchors
    else:
        size = numbers[..., 2:4].exp() * anchors
    objectness = numbers[..., 4:5].sigmoid()
    scores = objectness * numbers[..., 5:].sigmoid()
    return torch.cat([centre, size, objectness, scores], -1).flatten(1, 3)


def candidates(rows: NDArray[np.float32], threshold: float) -> Boxes:
    """The boxes of one picture whose objectness and score are above `threshold`.

    Args:
        rows: float32 (boxes, 5 + classes), of one picture, as `decode` gives them.
        threshold: Darknet's ``thresh``. A box stands once for each class that is above it.

    Returns:
        Boxes in parts of the network's input, in the order of `rows`.
    """
    rows = rows[rows[:, 4] > threshold]
    row, which = np.nonzero(rows[:, 5:] > threshold)
    centre, half = rows[row, :2], rows[row, 2:4] / 2
    return Boxes(
        np.concatenate([centre - half, centre + half], 1),
        rows[row, 5 + which],
        which.astype(np.int64),
    )
