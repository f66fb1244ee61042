"""What a comparison of runs of numbers found: errors of each, paired differences of each two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.data.targets import Target
from striate.evaluation.comparing.differing import Setting
from striate.evaluation.regression.result import plain
from striate.support.shown import Shown


@dataclass(frozen=True, kw_only=True)
class ComparedNumbers:
    """One of those that are compared, on the images that all have in common.

    Attributes:
        name: what tells it from the others.
        path: resolved.
        network: its network.
        maes: mean absolute error of each target, in its unit.
        intervals: 95 % interval of each of `maes`, by bootstrap; not a number of one image.
        rmses: root mean squared error of each target.
        curve: (epoch, validation mean absolute error, validation loss) of its training, epoch 0
            being the start; empty where there was none.
    """

    name: str
    path: Path
    network: str
    maes: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    rmses: tuple[float, ...]
    curve: tuple[tuple[int, float, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "path": str(self.path),
            "network": self.network,
            "maes": list(self.maes),
            "intervals": [[plain(end) for end in each] for each in self.intervals],
            "rmses": list(self.rmses),
            "curve": [list(point) for point in self.curve],
        }


@dataclass(frozen=True, kw_only=True)
class NumberPair:
    """Two of those that are compared, by one target.

    Attributes:
        first: place of the one, among all.
        second: place of the other.
        target: place of the target.
        difference: mean absolute error of the first, less that of the second: below 0 where the
            first is better.
        interval: 95 % interval of `difference`, by bootstrap of the same images in both.
        nearer_first: images on which the first is nearer to the true value.
        nearer_second: images on which the second is.
        p_value: of Wilcoxon's signed-rank test of the absolute errors.
        adjusted: `p_value` after Holm, for all pairs and targets together.
    """

    first: int
    second: int
    target: int
    difference: float
    interval: tuple[float, float]
    nearer_first: int
    nearer_second: int
    p_value: float
    adjusted: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for the ends of an interval of one image."""
        return {**vars(self), "interval": [plain(end) for end in self.interval]}


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberComparison(Shown):
    """Runs of numbers side by side on the same images; it prints as tables.

    Attributes:
        compared: in the order in which they were given.
        pairs: each with each, by each target.
        targets: what is predicted.
        names: how each image is called.
        digests: the content hash of each image, hexadecimal.
        true: float64 (n, targets), in the targets' units.
        predicted: float32 (compared, n, targets), likewise.
        settings: in which their ``run.toml`` differ.
        notes: what a person should know and need not mend.
        images: the images themselves, where they are at hand.
        page: the page that was written, if one was.
    """

    shown_by: ClassVar[str] = "striate.evaluation.comparing.number_terminal:show"

    compared: tuple[ComparedNumbers, ...]
    pairs: tuple[NumberPair, ...]
    targets: tuple[Target, ...]
    names: Sequence[str]
    digests: Sequence[str]
    true: NDArray[np.float64]
    predicted: NDArray[np.float32]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    images: ImageSet | None = None
    page: Path | None = None

    @property
    def errors(self) -> NDArray[np.float64]:
        """Absolute errors of each, in standard deviations of the true values, (compared, n).

        Of several targets it is their mean.
        """
        scale = self.true.std(axis=0)
        off = np.abs(self.predicted.astype(np.float64) - self.true) / np.where(scale > 0, scale, 1)
        errors: NDArray[np.float64] = off.mean(axis=-1)
        return errors

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "images": len(self.true),
            "targets": [{"name": each.name, "unit": each.unit} for each in self.targets],
            "compared": [each.to_json() for each in self.compared],
            "pairs": [each.to_json() for each in self.pairs],
            "settings": [each.to_json() for each in self.settings],
            "notes": list(self.notes),
            "page": None if self.page is None else str(self.page),
        }
