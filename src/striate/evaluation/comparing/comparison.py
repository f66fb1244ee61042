"""What a comparison found: figures of each, differences of each pair, answers to each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.evaluation.comparing.differing import Setting
from striate.support.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One of those that are compared, on the images that all have in common.

    Attributes:
        name: what tells it from the others.
        path: resolved.
        network: its network; empty where a file does not say it.
        top1: share of the images that it gets right.
        interval: 95 % Wilson interval of `top1`.
        curve: (epoch, validation top-1, validation loss) of its training, epoch 0 being the start;
            empty where there was none.
    """

    name: str
    path: Path
    network: str
    top1: float
    interval: tuple[float, float]
    curve: tuple[tuple[int, float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "path": str(self.path),
            "network": self.network,
            "top1": self.top1,
            "interval": list(self.interval),
            "curve": [list(point) for point in self.curve],
        }


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two of those that are compared.

    Attributes:
        first: place of the one, among all.
        second: place of the other.
        difference: top-1 of the first, less that of the second.
        interval: 95 % interval of `difference`, from the same images in both.
        only_first: images that only the first gets right.
        only_second: images that only the second gets right.
        p_value: of McNemar's exact test.
        adjusted: `p_value` after Holm, for all pairs together.
    """

    first: int
    second: int
    difference: float
    interval: tuple[float, float]
    only_first: int
    only_second: int
    p_value: float
    adjusted: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "interval": list(self.interval)}


@dataclass(frozen=True, kw_only=True, eq=False)
class RunComparison(Shown):
    """Classifiers side by side on the same images; it prints as tables.

    Attributes:
        compared: in the order in which they were given.
        pairs: each with each.
        classes: names, to whose places `labels` and `predicted` refer.
        names: how each image is called.
        digests: the content hash of each image, hexadecimal.
        labels: the class of each image, int64 (n,).
        predicted: the likeliest class of each image, int64 (compared, n).
        confidence: its probability, float32 (compared, n).
        settings: in which their ``run.toml`` differ.
        notes: what a person should know and need not mend.
        images: the images themselves, where they are at hand.
        page: the page that was written, if one was.
    """

    shown_by: ClassVar[str] = "striate.evaluation.comparing.terminal:show"

    compared: tuple[Compared, ...]
    pairs: tuple[Pair, ...]
    classes: tuple[str, ...]
    names: Sequence[str]
    digests: Sequence[str]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    images: ImageSet | None = None
    page: Path | None = None

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images each gets right, (compared, n)."""
        right: NDArray[np.bool_] = self.predicted == self.labels
        return right

    @property
    def differing(self) -> NDArray[np.int64]:
        """Images that some get right and others wrong, the surest mistakes first."""
        right = self.right
        mixed = right.any(axis=0) & ~right.all(axis=0)
        surest = np.where(right, 0, self.confidence).max(axis=0)
        found = np.flatnonzero(mixed)
        return found[np.argsort(-surest[found], kind="stable")]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "images": len(self.labels),
            "compared": [each.to_json() for each in self.compared],
            "pairs": [each.to_json() for each in self.pairs],
            "differing": [self._image(index) for index in self.differing.tolist()],
            "settings": [each.to_json() for each in self.settings],
            "notes": list(self.notes),
            "page": None if self.page is None else str(self.page),
        }

    def _image(self, index: int) -> dict[str, Any]:
        predictions = zip(self.predicted[:, index], self.confidence[:, index], strict=True)
        return {
            "file": self.names[index],
            "class": self.classes[self.labels[index]],
            "predictions": [
                {"class": self.classes[place], "probability": float(probability)}
                for place, probability in predictions
            ],
        }
