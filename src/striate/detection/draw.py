"""Boxes with their names and scores, drawn into pictures and the frames of videos."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from striate.data.finding.frames import FrameItem
from striate.data.finding.inputs import Item
from striate.detection.boxes import Boxes, Detections
from striate.detection.video import SUFFIX, VideoWriter
from striate.errors import StriateError, parameter
from striate.support.closing import Closable
from striate.support.files import sweep, write_atomically
from striate.support.picture_files import SUFFIXES, PictureFiles, encoded
from striate.support.words import plain_percent

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

_PICTURES = ".jpg"
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
        text = f"{_one_line(names[number])} {plain_percent(float(boxes.scores[at]), 0)}"
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


class Drawer(Closable):
    """Writes pictures, and videos, with their boxes.

    Args:
        target: a file for the one picture or video that there is, or a folder, which is made if
            need be.
        single: whether there is one.
        video: whether that one is a video.

    Raises:
        StriateError: nothing can be written at `target`.
    """

    def __init__(self, target: str | Path, *, single: bool, video: bool = False) -> None:
        ours, others = ((SUFFIX,), SUFFIXES) if video else (SUFFIXES, (SUFFIX,))
        given = Path(target)
        if given.suffix.lower() in others and not given.is_dir():
            why = "no video" if video else "a video, and what it is made of is not one video alone"
            remedy = f"give a name that ends in {' or '.join(ours)}, or a folder"
            raise StriateError(parameter("output", target), f"is {why}", remedy)
        self._files = PictureFiles(
            target, option="output", ending=f".boxes{_PICTURES}", single=single, suffixes=ours
        )
        self._video: VideoWriter | None = None

    def draw(self, item: Item, found: Detections, names: Sequence[str]) -> str:
        """Draw what was `found` in `item`; gives the path of the file.

        That of a video is there after its last frame, when another picture comes, or `finish`.

        Raises:
            StriateError: it cannot be written, or the picture, which was there, is gone.
        """
        with item.opened(3) as image:
            picture = drawn(image, found.boxes, names)
        if isinstance(item, FrameItem):
            return self._add(item, np.asarray(picture))
        self.finish()
        target = self._files.path(found.file)
        sweep(target)
        write_atomically(target, encoded(picture, target.suffix))
        return str(target)

    def _add(self, item: FrameItem, image: NDArray[np.uint8]) -> str:
        if item.frame == 0 or self._video is None:
            self.finish()
            path = self._files.path(item.name, f".boxes{SUFFIX}")
            self._video = VideoWriter(path, item.rate)
        self._video.write(image, item.time)
        return str(self._video.path)

    def finish(self) -> None:
        """Move the video that is being written, if there is one, into place."""
        if self._video is not None:
            self._video.finish()
        self._video = None

    def close(self) -> None:
        """Leave nothing of a video that is not finished."""
        if self._video is not None:
            self._video.close()
