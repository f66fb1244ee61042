"""Videos among the images that a person names: each becomes its frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from striate.data.decoding.containers import is_video
from striate.data.decoding.video import count_of, frames_of
from striate.data.finding.folders import is_image
from striate.data.finding.inputs import Item
from striate.errors import DataError


@dataclass(frozen=True)
class FrameItem(Item):
    """One frame of a video, or why there is none from here on; `name` is the video's.

    Attributes:
        frame: its number, from 0.
        time: seconds from the video's beginning.
        rate: frames a second of the video.
    """

    frame: int = 0
    time: float = 0.0
    rate: Fraction = Fraction(25)


def is_picture(path: Path) -> bool:
    """Whether a file is an image or a video."""
    return is_video(path) or is_image(path)


def with_frames(items: Iterable[Item]) -> Iterator[Item]:
    """`items`, with a `FrameItem` for each frame of a video in its place, one at a time.

    A video that is damaged or ends too early has the error as its last.
    """
    for item in items:
        if isinstance(item.content, Path) and is_video(item.content):
            yield from _frames(item, item.content)
        else:
            yield item


def count(items: Iterable[Item]) -> int:
    """How many `with_frames` gives; 0 where a video does not tell."""
    total = 0
    for item in items:
        if isinstance(item.content, Path) and is_video(item.content):
            if not (frames := count_of(item.content)):
                return 0
            total += frames
        else:
            total += 1
    return total


def _frames(item: Item, path: Path) -> Iterator[Item]:
    number, time = 0, 0.0
    try:
        with closing(frames_of(path)) as frames:
            for each in frames:
                number, time = each.number + 1, each.time
                yield FrameItem(item.name, each.image, item.root, each.number, time, each.rate)
    except DataError as error:
        yield FrameItem(item.name, error, item.root, number, time)
