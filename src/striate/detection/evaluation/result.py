"""What an evaluation of a detector gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.detection.evaluation.average_precision import FIGURES
from striate.detection.evaluation.mistakes import Counts, Mistake

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """One class of the detector that is labelled.

    Attributes:
        name: of the class.
        boxes: how many are labelled and count.
        ap: mean of AP at the limits .50 to .95; None where nothing of the class counts.
        ap50: at .50.
        ap75: at .75.
        seen: boxes above the threshold, at .50.
        curve50: precision at the recalls 0, .01 … 1, at .50; 0 where that recall is not reached.
        curve75: likewise at .75.
    """

    name: str
    boxes: int
    ap: float | None
    ap50: float | None
    ap75: float | None
    seen: Counts
    curve50: tuple[float, ...]
    curve75: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "class": self.name,
            "boxes": self.boxes,
            "ap": self.ap,
            "ap50": self.ap50,
            "ap75": self.ap75,
            "right": self.seen.right,
            "wrong": self.seen.wrong,
            "missed": self.seen.missed,
            "precision": self.seen.precision,
            "recall": self.seen.recall,
        }


@dataclass(frozen=True, kw_only=True)
class BoxEvaluation:
    """How good a detector is.

    Attributes:
        source: the file or folder of the labelled boxes.
        form: which of the three forms these have.
        part: ``test`` or ``val`` where that part alone was measured on; else "".
        images: pictures that were measured on.
        boxes: labelled boxes in them that count.
        figures: COCO's twelve, by the names in `FIGURES`; None where nothing of a size is labelled.
        per_class: of each class that is labelled, in the order of the detector's.
        threshold: of `seen`, and of what counts as missed.
        settings: of the detector: network, decoding, input, suppression.
        false: the wrong boxes of the highest scores.
        missed: the largest boxes that nothing above the threshold found.
        pictures: the files of these, by the numbers that they give.
        skipped: (file, why) of what could not be used.
        notes: what else there is to know.
        page: the page, where one was written.
    """

    source: Path
    form: str
    part: str
    images: int
    boxes: int
    figures: Mapping[str, float | None]
    per_class: tuple[ClassFigures, ...]
    classes: tuple[str, ...]
    threshold: float
    settings: Mapping[str, Any]
    false: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]
    pictures: Mapping[int, Path]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    page: Path | None = None

    @property
    def ap(self) -> float:
        """COCO's AP: the mean over classes and limits."""
        return self.figures["ap"] or 0.0

    @property
    def ap50(self) -> float:
        """AP at a limit of .50, which Darknet's ``map`` gives."""
        return self.figures["ap50"] or 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": str(self.source),
            "form": self.form,
            "part": self.part or None,
            "images": self.images,
            "boxes": self.boxes,
            **{name: self.figures[name] for name in FIGURES},
            "threshold": self.threshold,
            "per_class": [each.to_json() for each in self.per_class],
            "settings": dict(self.settings),
            "skipped": [{"file": file, "error": why} for file, why in self.skipped],
            "notes": list(self.notes),
            "page": None if self.page is None else str(self.page),
        }

    def show(self, console: Console) -> None:
        """Print the figures, and a table of the classes."""
        from striate.detection.evaluation.terminal import show

        show(self, console)
