"""Mistakes of a detector as pictures: what it found, what is labelled, and what lies around."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from striate.data.decoding.decode import decoding
from striate.data.scan import threads
from striate.detection.evaluation.mistakes import Mistake
from striate.support.html import data_address
from striate.support.prefetch import prefetch
from striate.support.words import percent

SIDE = 320
"""Pixels of a picture's side in the page."""
_AROUND = 1.0
"""How much is shown around a box, as a part of its longer side."""
_LEAST = 48
"""Pixels of the photograph that are shown at the least."""
_WRONG, _LABELLED = (226, 76, 46), (64, 200, 120)
_LINE = 3

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """One mistake in the page.

    Attributes:
        source: the picture as a ``data:`` address.
        label: the class that was found, or missed.
        score: in words.
        why: what is wrong.
        file: the last part of the picture's path.
        path: all of it.
    """

    source: str
    label: str
    score: str
    why: str
    file: str
    path: str


def gallery(
    mistakes: Sequence[Mistake], pictures: Mapping[int, Path], classes: Sequence[str]
) -> list[Gallery]:
    """`mistakes` as pictures, decoded on threads.

    Raises:
        DataError: a picture cannot be read any more.
    """
    sources = prefetch(
        lambda each: cropped(pictures[each.picture], each),
        mistakes,
        workers=threads(None),
        ahead=8,
        name="striate-pictures",
    )
    return [
        Gallery(
            source=source,
            label=classes[each.label],
            score=_score(each),
            why=_why(each, classes),
            file=pictures[each.picture].name,
            path=str(pictures[each.picture]),
        )
        for each, source in zip(mistakes, sources, strict=True)
    ]


def _score(mistake: Mistake) -> str:
    return percent(mistake.score) if mistake.score or mistake.kind != "missed" else ""


def _why(mistake: Mistake, classes: Sequence[str]) -> str:
    """What is wrong, in words."""
    overlap = percent(mistake.overlap, 0)
    other = "" if mistake.labelled is None else classes[mistake.labelled[0]]
    return {
        "twice": f"found twice, overlap {overlap}",
        "class": f"is {other}, overlap {overlap}",
        "place": f"out of place, overlap {overlap}",
        "nothing": "nothing labelled there",
        "missed": "below the threshold" if mistake.score else "no box",
    }[mistake.kind]


def cropped(path: Path, mistake: Mistake) -> str:
    """The part of a picture around a mistake, with its boxes, as a ``data:`` address.

    What was found stands in red; what is labelled, and missed, in green.
    """
    with decoding(path, 3) as pixels:
        left, top, right, bottom = window(mistake.xyxy, (pixels.shape[0], pixels.shape[1]))
        image = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    scale = SIDE / max(image.size)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    image = image.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    if mistake.labelled is not None:
        _box(draw, mistake.labelled[1], (left, top), scale, _LABELLED)
    colour = _LABELLED if mistake.kind == "missed" else _WRONG
    _box(draw, mistake.xyxy, (left, top), scale, colour)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=80, optimize=True)
    return data_address("image/jpeg", held.getvalue())


def window(xyxy: Corners, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a picture of `size` (height, width) to show around a box: a square if it fits.

    Returns:
        left, top, right and bottom, whole pixels within the picture.

    Examples:
        >>> window((100, 100, 140, 120), (480, 640))
        (60, 50, 180, 170)
        >>> window((0, 0, 640, 480), (480, 640))
        (0, 0, 640, 480)
    """
    height, width = size
    left, top, right, bottom = xyxy
    side = max((1 + 2 * _AROUND) * max(right - left, bottom - top), _LEAST)

    def span(low: float, high: float, most: int) -> tuple[int, int]:
        length = min(round(side), most)
        start = min(max(round((low + high - length) / 2), 0), most - length)
        return start, start + max(length, 1)

    (x0, x1), (y0, y1) = span(left, right, width), span(top, bottom, height)
    return x0, y0, x1, y1


def _box(
    draw: ImageDraw.ImageDraw,
    xyxy: Corners,
    corner: tuple[int, int],
    scale: float,
    colour: tuple[int, int, int],
) -> None:
    """Draw a box of the photograph into the part of it that begins at `corner`."""
    offset = np.array([*corner, *corner], np.float64)
    scaled: NDArray[np.float64] = (np.array(xyxy, np.float64) - offset) * scale
    left, top, right, bottom = np.rint(scaled).astype(int).tolist()
    draw.rectangle((left, top, max(right, left), max(bottom, top)), outline=colour, width=_LINE)
