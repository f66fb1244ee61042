"""What classes are called."""

from __future__ import annotations

from pathlib import Path

from striate.errors import DataError
from striate.support.paths import read_file, resolved, shown

COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""COCO's 80 classes in the order of its category ids, which is Darknet's order."""

_LONGEST = 1 << 20


def default_names(classes: int) -> tuple[str, ...]:
    """COCO's where there are as many, ``class 0`` and so on elsewhere."""
    return COCO if classes == len(COCO) else tuple(f"class {each}" for each in range(classes))


def read_names(path: str | Path, classes: int) -> tuple[str, ...]:
    """A name a line, as Darknet's ``.names`` has them.

    Raises:
        DataError: there is no such file, it is no text, or it has another number of names.
    """
    file = resolved(path, kind=DataError)
    try:
        content = read_file(file, most=_LONGEST, kind=DataError)
    except FileNotFoundError:
        raise DataError(shown(file), "there is no such file", "check the path") from None
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(shown(file), "is no text in UTF-8", "write a name a line") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != classes:
        raise DataError(
            shown(file),
            f"has {len(names):,} names for the {classes:,} classes of the weights",
            "give a file with a name a line, in the order that they were trained in",
        )
    return names
