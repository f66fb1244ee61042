"""Images behind the figures, as the network saw them, small enough to travel in the page."""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.scan import threads
from striate.report.inputs import PageInputs, Pictures, ReportInputs
from striate.report.insight import surest_wrong
from striate.support.html import data_address
from striate.support.prefetch import prefetch
from striate.support.words import percent

#: Characters of embedded pictures in one page.
BUDGET = 4_500_000
THUMBNAIL = 112
"""Side in pixels of a picture behind a cell of the confusion matrix."""
LARGE = 192
"""Side in pixels of a picture among the worst mistakes."""
A_CELL = 12
"""Pictures behind one cell."""
_PIXEL_ART = 64
"""Images up to this size are kept as they are, since shrinking or JPEG would blur them."""
_AHEAD = 32


def picture(inputs: PageInputs, index: int, side: int, images: Pictures | None = None) -> str:
    """Image `index` as a ``data:`` address, its longer side at most `side`.

    It is one of those that were evaluated, unless other `images` are given.
    """
    return encoded((images or inputs.images).read_fitted(index, inputs.preprocessing), side)


def encoded(pixels: NDArray[np.uint8], side: int) -> str:
    """`pixels`, (height, width, 1 or 3), as a ``data:`` address, the longer side at most `side`."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    small = max(image.size) <= _PIXEL_ART
    if not small:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return address(image, lossless=small)


def address(image: Image.Image, *, lossless: bool = False) -> str:
    """`image` as a ``data:`` address."""
    held = io.BytesIO()
    if lossless:
        image.save(held, "PNG", optimize=True)
    else:
        image.save(held, "JPEG", quality=76, optimize=True)
    kind = "png" if lossless else "jpeg"
    return data_address(f"image/{kind}", held.getvalue())


def pictures(
    inputs: PageInputs, indices: Sequence[int], side: int, images: Pictures | None = None
) -> Generator[str, None, None]:
    """`picture` of each of `indices`, in order; decoders run on threads, a few images ahead."""
    return prefetch(
        lambda index: picture(inputs, index, side, images),
        indices,
        workers=threads(None),
        ahead=_AHEAD,
        name="striate-pictures",
    )


def is_pixel_art(inputs: PageInputs) -> bool:
    """Whether the images are so small that smoothing them would only blur."""
    return max(inputs.preprocessing.height, inputs.preprocessing.width) <= _PIXEL_ART


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One image that was named wrongly."""

    index: int
    source: str
    name: str
    """The image's path within the data."""
    file: str
    """The last part of `name`."""
    true: str
    predicted: str
    probability: float
    """Of the predicted class."""
    true_probability: float


def surest_mistakes(inputs: ReportInputs, most: int = 24) -> list[Mistake]:
    """The mistakes that the network was most confident about, surest first."""
    predicted, confidence, labels = verdicts(inputs)
    order = surest_wrong(inputs.probabilities, labels, most)
    classes = inputs.evaluation.classes
    return [
        Mistake(
            index=i,
            source=source,
            name=str(inputs.images.names[i]),
            file=_file(inputs, i),
            true=classes[labels[i]],
            predicted=classes[predicted[i]],
            probability=float(confidence[i]),
            true_probability=float(inputs.probabilities[i, labels[i]]),
        )
        for i, source in zip(order, pictures(inputs, order, LARGE), strict=True)
    ]


def examples(inputs: ReportInputs, most: int = 24) -> list[tuple[str, str]]:
    """(class, picture) of the first training image of each of up to `most` classes.

    As the network sees it in evaluation: what is cut off or turned grey is seen at a glance.
    """
    if inputs.train is None:
        return []
    labels = labels_of(inputs.train)
    present, first = np.unique(labels, return_index=True)
    chosen = [int(i) for i in first[:most]]
    found = pictures(inputs, chosen, THUMBNAIL, inputs.train)
    classes = inputs.evaluation.classes
    return [
        (classes[label], source) for label, source in zip(present.tolist(), found, strict=False)
    ]


def _file(inputs: ReportInputs, index: int) -> str:
    return PurePath(inputs.images.names[index]).name


def verdicts(
    inputs: ReportInputs,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """(predicted class, its probability, true class) of every image."""
    predicted = inputs.probabilities.argmax(axis=1).astype(np.int64)
    return predicted, inputs.probabilities.max(axis=1), labels_of(inputs.images)


def labels_of(images: Pictures) -> NDArray[np.int64]:
    """The true classes as an array."""
    return np.asarray(images.labels, dtype=np.int64)


def behind_cells(
    inputs: ReportInputs, cells: Sequence[tuple[int, int]], budget: int = BUDGET
) -> dict[str, dict[str, Any]]:
    """The pictures behind `cells` of the confusion matrix, ``"true,predicted"`` for a key.

    Mistakes come surest first; right answers the least sure first, since those are worth a look.
    At most `A_CELL` pictures a cell; where the budget is short, every cell is given its first
    picture before any is given a second, in the order of `cells`.
    """
    predicted, confidence, labels = verdicts(inputs)
    members: dict[tuple[int, int], list[int]] = {}
    for cell in cells:
        held = np.flatnonzero((labels == cell[0]) & (predicted == cell[1]))
        sign = 1 if cell[0] == cell[1] else -1
        order = held[np.argsort(sign * confidence[held], kind="stable")]
        members[cell] = [int(i) for i in order]
    shown: dict[tuple[int, int], list[dict[str, Any]]] = {cell: [] for cell in members}
    wanted = [
        (cell, held_here[depth])
        for depth in range(A_CELL)
        for cell, held_here in members.items()
        if depth < len(held_here)
    ]
    sources = pictures(inputs, [index for _, index in wanted], THUMBNAIL)
    for cell, index in wanted:
        if budget <= 0:
            break
        source = next(sources)
        budget -= len(source)
        shown[cell].append(
            {
                "source": source,
                "name": str(inputs.images.names[index]),
                "file": _file(inputs, index),
                "probability": percent(float(confidence[index]), 0),
            }
        )
    sources.close()
    return {
        f"{true},{given}": {"images": len(members[true, given]), "shown": found}
        for (true, given), found in shown.items()
    }
