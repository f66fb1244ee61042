"""Training images whose labels are likely wrong, by heads that were not fitted to them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from striate.evaluation.embeddings import Floats, nearest
from striate.evaluation.wrong_labels import NEARBY, doubtful_labels, ranked
from striate.transfer_learning.heads.cross_validation import Labels
from striate.transfer_learning.heads.fit import FittedHead

SHOWN = 24
"""Images that are kept."""


def training_doubts(fitted: FittedHead, features: Floats, labels: Labels) -> dict[str, Any]:
    """The most doubtful labels of the images that a head was fitted to, as plain values.

    An image is judged by the heads of cross-validation that have not seen it, and beside the labels
    of the other training images that are nearest to it.

    Args:
        fitted: the head.
        features: (images, D), of each image as it is evaluated.
        labels: (images,).

    Returns:
        ``images``, how many were held out in some fold; ``doubted``, how many of these have a
        doubtful label; and ``shown``, the first of them: the fields of a `Doubt`, and ``nearby``,
        the labels of the images nearest to it.
    """
    held = fitted.held
    doubts = doubtful_labels(fitted.held_shares, labels[held]) if len(held) else []
    few = [replace(doubt, image=int(held[doubt.image])) for doubt in doubts[: 2 * SHOWN]]
    own = np.array([doubt.image for doubt in few], np.int64)
    found = nearest(features[own], features, NEARBY + 1)[0]
    others = [row[row != image][:NEARBY] for row, image in zip(found, own, strict=True)]
    width = min(map(len, others), default=0)
    nearby = np.array([labels[row[:width]] for row in others], np.int64).reshape(len(few), width)
    return {
        "images": len(held),
        "doubted": len(doubts),
        "shown": [
            asdict(doubt) | {"nearby": row.tolist()} for doubt, row in ranked(few, nearby)[:SHOWN]
        ],
    }
