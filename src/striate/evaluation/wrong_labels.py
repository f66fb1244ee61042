"""Labels that are likely wrong, by the probabilities of whoever has not seen them.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal
of Artificial Intelligence Research 70, 2021, Sec. 3.1 and 3.2. A network is confident that an image
is of a class where it gives the class at least the probability that it gives it, on average, on the
images that are labelled so. An image of which it is confident that it is of another class than its
label's is doubtful; those come first whose label has the least probability beside the other's (the
normalised margin). Unlike there, an image whose likeliest class is its label's is none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEARBY = 10
"""Similar images whose labels are evidence."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A label that is likely wrong, and why.

    Attributes:
        image: number of the image.
        label: number of the class that it is labelled as.
        other: number of the class that it is likelier of.
        label_probability: of the label's class.
        other_probability: of the other.
        threshold: from which the other is believed: its mean probability over the images that are
            labelled as it.
    """

    image: int
    label: int
    other: int
    label_probability: float
    other_probability: float
    threshold: float


def doubtful_labels(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> list[Doubt]:
    """The images whose label is likely wrong, the most doubtful first.

    Args:
        probabilities: (images, classes), by something that was not fitted to these images.
        labels: (images,), as they are given. Classes without images are believed of none.

    Examples:
        >>> shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> [doubt.image for doubt in doubtful_labels(shares, np.array([0, 0, 1, 1, 1]))]
        [4]
    """
    shares = np.asarray(probabilities, np.float64)
    classes = shares.shape[1]
    own = shares[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    believed = np.where(shares >= thresholds, shares, -1.0)
    other = believed.argmax(axis=1)
    most = believed.max(axis=1, initial=-1.0)
    doubtful = np.flatnonzero((most >= 0) & (other != labels) & (shares.max(axis=1) > own))
    margins = own[doubtful] - most[doubtful]
    return [
        Doubt(
            image=int(image),
            label=int(labels[image]),
            other=int(other[image]),
            label_probability=float(own[image]),
            other_probability=float(most[image]),
            threshold=float(thresholds[other[image]]),
        )
        for image in doubtful[np.argsort(margins, kind="stable")]
    ]


def ranked(
    doubts: Sequence[Doubt], nearby: NDArray[np.int64]
) -> list[tuple[Doubt, NDArray[np.int64]]]:
    """Doubts by the evidence of probabilities and of similar images together, the most first.

    Args:
        doubts: as `doubtful_labels` gives them.
        nearby: (doubts, any number), the labels of the images nearest to each, by embeddings.

    Returns:
        Each doubt with the labels nearby. The margin of its probabilities, and by how much more of
        these labels are the other's than its own, count alike.
    """

    def evidence(doubt: Doubt, labels: NDArray[np.int64]) -> float:
        margin = doubt.other_probability - doubt.label_probability
        if not len(labels):
            return margin
        return margin + float((labels == doubt.other).mean() - (labels == doubt.label).mean())

    pairs = list(zip(doubts, nearby, strict=True))
    return sorted(pairs, key=lambda pair: -evidence(*pair))
