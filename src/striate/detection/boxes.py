"""What a detector finds: boxes, and the boxes of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.support.shown import Readable
from striate.support.text import columns, printable
from striate.support.words import plain_percent

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes, each with one class and its score; one place may have several, of several classes.

    Attributes:
        xyxy: float32 (n, 4), left, top, right and bottom in pixels of the picture: its left upper
            corner is (0, 0), its right lower one (width, height).
        scores: float32 (n,), from 0 to 1.
        classes: int64 (n,), indices of class names.
    """

    xyxy: Floats
    scores: Floats
    classes: Integers

    def __post_init__(self) -> None:
        count = len(self.scores)
        shapes = (self.xyxy.shape, self.scores.shape, self.classes.shape)
        if shapes != ((count, 4), (count,), (count,)):
            raise ValueError(f"boxes, scores and classes of shapes {shapes}")

    @classmethod
    def none(cls) -> Boxes:
        """No box at all."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Boxes:
        """Those at the indices, or under the mask, `which`."""
        return Boxes(self.xyxy[which], self.scores[which], self.classes[which])

    def clipped(self, size: tuple[int, int]) -> Boxes:
        """The same with what lies beyond a picture of `size` (height, width) cut off."""
        height, width = size
        most = np.array([width, height, width, height], np.float32)
        return Boxes(np.clip(self.xyxy, np.float32(0), most), self.scores, self.classes)


@dataclass(frozen=True, eq=False)
class Detections(Readable):
    """What was found in one picture, or one frame of a video.

    Attributes:
        file: what a person calls the picture.
        size: its (height, width) in pixels, as it is shown: a photograph's orientation is applied.
        boxes: the surest first.
        error: why there are none, of a picture that cannot be read; else "".
        labels: what the class of each box is called.
        picture: the file with the boxes drawn into the picture, or the video, which is there once
            its last frame is; "" where none was asked for.
        settings: what decided about the boxes: network, decoding, thresholds; plain values.
        frame: its number in the video `file`, from 0; None of a picture.
        time: seconds from the video's beginning; None of a picture.
    """

    file: str
    size: tuple[int, int]
    boxes: Boxes = field(default_factory=Boxes.none)
    error: str = ""
    labels: tuple[str, ...] = ()
    picture: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    frame: int | None = None
    time: float | None = None

    def summary(self) -> str:
        """The picture and its boxes, whatever it and the classes are called."""
        if self.error:
            return f"{printable(self.file)}: {printable(self.error)}"
        count = len(self.boxes)
        lines = [
            f"{printable(self.file)}: {self.size[1]}×{self.size[0]}, "
            f"{'no boxes' if not count else '1 box' if count == 1 else f'{count} boxes'}"
            + (f" -> {printable(self.picture)}" if self.picture else "")
        ]
        labels = [printable(label) for label in self.labels]
        wide = max(5, *map(columns, labels), 0)
        if count:
            lines.append(f"  {'class':<{wide}}   score   left    top  right bottom")
        for label, score, box in zip(labels, self.boxes.scores, self.boxes.xyxy, strict=True):
            sides = " ".join(f"{each:6.0f}" for each in box)
            lines.append(
                f"  {label}{' ' * (wide - columns(label))} {plain_percent(float(score)):>7} {sides}"
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """``{"file", "width", "height", "boxes"}``, or ``{"file", "error"}``.

        A frame of a video has ``frame`` and ``time`` after ``file``.
        Of a box: ``class``, ``score`` and ``box``, [left, top, right, bottom] in pixels.
        """
        named: dict[str, Any] = {"file": self.file}
        if self.frame is not None:
            named |= {"frame": self.frame, "time": self.time}
        if self.error:
            return named | {"error": self.error}
        found: dict[str, Any] = named | {
            "width": self.size[1],
            "height": self.size[0],
            "boxes": [
                {"class": label, "score": float(score), "box": [float(each) for each in box]}
                for label, score, box in zip(
                    self.labels, self.boxes.scores, self.boxes.xyxy, strict=True
                )
            ],
        }
        return found | ({"picture": self.picture} if self.picture else {})
