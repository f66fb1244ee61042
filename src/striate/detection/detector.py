"""`Detector`: pictures in, boxes out, whatever computes them.

Everything that changes a box is in `Detector.settings`, which the output shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.data.finding.inputs import Item
from striate.detection.boxes import Boxes, Detections
from striate.detection.suppression import Rule
from striate.errors import DataError
from striate.support.closing import Closable
from striate.support.prefetch import prefetch

Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class Choice:
    """Which boxes count.

    Attributes:
        threshold: the least score, and the least objectness; above it a box counts.
        rule: how much two boxes of a class have in common; the detector's own if None.
        limit: a box that has more in common with a surer one is dropped.
        in_pixels: whether distances between boxes are those in the picture, as Darknet's ``valid``
            measures them; else those in the picture stretched to a square, as its ``test`` does.
    """

    threshold: float = 0.25
    rule: Rule | None = None
    limit: float = 0.45
    in_pixels: bool = False


class Detector(Closable, ABC, Generic[Prepared]):
    """What finds boxes in pictures, in whatever engine.

    Attributes:
        names: what its classes are called.
        batch_size: the most pictures that it computes together.
        rule: how its boxes are suppressed, where nobody chooses.
        any_rule: whether somebody may choose, and how distances are measured.
    """

    names: tuple[str, ...]
    batch_size: int = 1
    rule: Rule = "greedy"
    any_rule: bool = True

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Network, decoding, input and all else that decides about boxes, as plain values."""

    @abstractmethod
    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """What becomes of a picture, uint8 (H, W, 3), before it is computed; on any thread."""

    @abstractmethod
    def compute(self, prepared: Sequence[Prepared], choice: Choice) -> list[Boxes]:
        """The boxes of prepared pictures, in pixels, within the picture, the surest first."""

    def boxes(self, image: NDArray[np.uint8], choice: Choice | None = None) -> Boxes:
        """The boxes of one picture, uint8 (H, W, 3)."""
        return self.compute([self.prepare(image)], self.full(choice))[0]

    def full(self, choice: Choice | None) -> Choice:
        """A choice with the detector's own rule where it leaves that open."""
        found = choice or Choice()
        return replace(found, rule=found.rule or self.rule)

    def detections(
        self, items: Iterable[Item], choice: Choice | None = None, *, workers: int = 0
    ) -> Generator[Detections]:
        """The boxes of each of `items`, in their order, as they come.

        What cannot be read has an error in its place. The same for any number of `workers`.

        Args:
            items: see `striate.data.finding.inputs.items`.
            choice: which boxes count.
            workers: threads that read pictures; with 0 none beside the caller's.
        """
        chosen = self.full(choice)
        settings = self.settings | {
            "threshold": chosen.threshold,
            "nms": chosen.rule,
            "iou": chosen.limit,
        }

        def read(item: Item) -> tuple[Item, tuple[int, int], Prepared | DataError]:
            try:
                with item.opened(3) as image:
                    return item, (image.shape[0], image.shape[1]), self.prepare(image)
            except DataError as error:
                return item, (0, 0), error

        ahead = max(self.batch_size, workers) + 1
        reading = prefetch(read, items, workers=workers, ahead=ahead, name="striate-images")
        with closing(reading):
            while asked := list(islice(reading, self.batch_size)):
                sound = [each for _, _, each in asked if not isinstance(each, DataError)]
                found = iter(self.compute(sound, chosen) if sound else [])
                for item, size, each in asked:
                    if isinstance(each, DataError):
                        why = each.why + (f"; {each.remedy}" if each.remedy else "")
                        yield Detections(item.name, size, error=why, settings=settings)
                        continue
                    boxes = next(found)
                    labels = tuple(self.names[number] for number in boxes.classes)
                    yield Detections(item.name, size, boxes, labels=labels, settings=settings)
