"""Boxes with their names and scores, drawn into pictures."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from striate.data.finding.inputs import Item
from striate.detection.boxes import Boxes, Detections
from striate.support.files import sweep, write_atomically
from striate.support.picture_files import PictureFiles, encoded

#: Where systems keep fonts that have Chinese, Japanese and Korean characters as well as Latin ones,
#: and some that have Latin, Greek and Cyrillic ones alone.
_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "DejaVuSans.ttf",
    "arial.ttf",
)
Area = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

_GOLDEN = 0.618034  # of a circle: neighbouring classes get colours far apart


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of a class: always the same."""
    shares = colorsys.hls_to_rgb(number * _GOLDEN % 1, 0.62, 0.85)
    red, green, blue = (round(255 * each) for each in shares)
    return red, green, blue


def drawn(image: NDArray[np.uint8], boxes: Boxes, names: Sequence[str]) -> Image.Image:
    """A picture with its boxes, the surest above the others.

    Args:
        image: uint8 (H, W, 3).
        boxes: in pixels of it.
        names: of all classes.
    """
    picture = Image.fromarray(image).convert("RGB")
    pen = ImageDraw.Draw(picture)
    shorter = min(picture.size)
    line = max(round(shorter / 200), 1)
    letters = font(max(round(shorter / 32), 11))
    for at in reversed(range(len(boxes))):
        left, top, right, bottom = (round(float(each)) for each in boxes.xyxy[at])
        number = int(boxes.classes[at])
        corners = (left, top, max(right - 1, left), max(bottom - 1, top))
        pen.rectangle(corners, outline=colour_of(number), width=line)
    taken: list[Area] = []
    for at in range(len(boxes)):
        number = int(boxes.classes[at])
        text = f"{_one_line(names[number])} {boxes.scores[at]:.0%}"
        x, y, wide, high = pen.textbbox((0, 0), text, font=letters)
        size = round(wide - x) + 6, round(high - y) + 4
        area = _beside(boxes.xyxy[at], size, picture.size, taken)
        taken.append(area)
        pen.rectangle(area, fill=colour_of(number))
        pen.text(
            (area[0] + 3 - x, area[1] + 2 - y),
            text,
            fill=_readable(colour_of(number)),
            font=letters,
        )
    return picture


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of the system's, with Chinese characters where there is one; else Pillow's own."""
    for name in _FONTS:
        if "/" in name and not Path(name).is_file():
            continue
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _readable(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever stands out more from `colour`, by its luminance (ITU-R BT.709)."""
    red, green, blue = ((each / 255) ** 2.2 for each in colour)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if light > 0.18 else (255, 255, 255)


def _beside(
    box: NDArray[np.float32], size: tuple[int, int], picture: tuple[int, int], taken: list[Area]
) -> Area:
    """Where a text of `size` (width, height) goes: above the box, or lower where that is taken.

    Never beyond the picture's edges; where all is taken, over another text.
    """
    (wide, high), (width, height) = size, picture
    x = min(max(round(float(box[0])), 0), max(width - wide, 0))
    start = min(max(round(float(box[1])) - high, 0), max(height - high, 0))
    for y in range(start, max(height - high, 0) + 1, high + 1):
        if not any(
            x < right and left < x + wide and y < bottom and top < y + high
            for left, top, right, bottom in taken
        ):
            return x, y, x + wide, y + high
    return x, start, x + wide, start + high


def _one_line(name: str) -> str:
    return " ".join(name.split())


class Drawer:
    """Writes pictures with their boxes.

    Args:
        target: a file for the one picture that there is, or a folder, which is made if need be.
        single: whether there is one picture.

    Raises:
        StriateError: nothing can be written at `target`.
    """

    def __init__(self, target: str | Path, *, single: bool) -> None:
        self._files = PictureFiles(target, option="output", ending=".boxes.jpg", single=single)

    def draw(self, item: Item, found: Detections, names: Sequence[str]) -> str:
        """Draw what was `found` in `item`; gives the path of the file.

        Raises:
            StriateError: it cannot be written, or the picture, which was there, is gone.
        """
        with item.opened(3) as image:
            picture = drawn(image, found.boxes, names)
        target = self._files.path(found.file)
        sweep(target)
        write_atomically(target, encoded(picture, target.suffix))
        return str(target)
