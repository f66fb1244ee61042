"""Of boxes that answer for the same thing, one: the surest.

Darknet's rule (`diounms_sort` with ``nms_kind=greedynms``, which is that of YOLOv4's configuration)
drops a box where IoU - (d² / c²)^0.6 with a surer one of its class is above the limit: d is the
distance of the centres, c the diagonal of the smallest box around both. Zheng et al., "Distance-IoU
Loss", AAAI 2020, Sec. 4.3, have the same with the exponent 1. The plain rule asks for IoU alone, as
torchvision's `nms`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from striate.detection.boxes import Floats, Integers

Rule = Literal["greedy", "iou"]
"""``greedy``: Darknet's; ``iou``: the plain one."""

DARKNET_EXPONENT = 0.6


def iou(one: Floats, many: Floats) -> Floats:
    """Intersection over union of a box (4,) with boxes (n, 4), each (left, top, right, bottom).

    Returns:
        float32 (n,), 0 where both are without area.
    """
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    total = _area(one[None]) + _area(many) - shared
    return _ratio(shared, total)


def distance(one: Floats, many: Floats) -> Floats:
    """d² / c² of a box (4,) with boxes (n, 4): 0 where the centres are the same.

    Unlike `iou` it changes with the picture's proportions: what is stretched has other distances.
    """
    around = np.maximum(one[2:], many[:, 2:]) - np.minimum(one[:2], many[:, :2])
    apart = ((one[:2] + one[2:]) - (many[:, :2] + many[:, 2:])) / 2
    diagonal, between = (around**2).sum(axis=1), (apart**2).sum(axis=1)
    return _ratio(between, diagonal)


def suppress(
    xyxy: Floats, scores: Floats, classes: Integers, *, rule: Rule = "greedy", limit: float = 0.45
) -> NDArray[np.intp]:
    """The boxes that stay, class by class.

    Darknet's `test` and `map` measure distances in a picture stretched to a square (coordinates
    from 0 to 1), its `valid` in pixels: the caller gives the coordinates that it means.

    Args:
        xyxy: float32 (n, 4), left, top, right, bottom.
        scores: float32 (n,).
        classes: int64 (n,).
        rule: how much two boxes have in common.
        limit: a box that has more in common with a surer one is dropped.

    Returns:
        Indices, the surest first, the earlier of two equal ones first.
    """
    order = np.argsort(-scores, kind="stable")
    stays = np.zeros(len(scores), bool)
    for each in np.unique(classes):
        left = order[classes[order] == each]
        while len(left):
            best, left = left[0], left[1:]
            stays[best] = True
            left = left[~(_common(xyxy[best], xyxy[left], rule) > limit)]
    return order[stays[order]]


def _common(one: Floats, many: Floats, rule: Rule) -> Floats:
    shared = iou(one, many)
    if rule == "iou":
        return shared
    return shared - distance(one, many) ** np.float32(DARKNET_EXPONENT)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """One over the other, 0 where there is nothing."""
    found = np.zeros_like(part)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _area(xyxy: Floats) -> Floats:
    found: Floats = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    return found
