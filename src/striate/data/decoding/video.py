"""The frames of a video, one after another, by PyAV, which is FFmpeg's libraries.

PyAV is asked for only when there is a video to read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.decoding.containers import container_of
from striate.errors import DataError, StriateError
from striate.support import paths
from striate.support.packages import need

#: Twice as many as of an 8K video: a header may claim anything.
_MOST_PIXELS = 1 << 26
#: How much may be missing of the length that a video claims, as a share of it and in frames:
#: headers round, and a track of sound is a little longer than its pictures.
_MISSING_SHARE, _MISSING_FRAMES = 0.05, 3


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        image: uint8 (H, W, 3), RGB, turned as the video says that it is shown.
        number: from 0.
        time: seconds from the video's beginning.
        rate: frames a second of the whole video, on average.
    """

    image: NDArray[np.uint8]
    number: int
    time: float
    rate: Fraction


def frames_of(path: Path) -> Generator[Frame]:
    """The frames of the video at `path`, in the order in which they are shown.

    Raises:
        DataError: PyAV is missing; it is no video; or, after the frames before, it is damaged or
            ends before the length that it claims.
    """
    with _opened(path) as (av, container, stream):
        rate = _rate(stream)
        begins = float((stream.start_time or 0) * (stream.time_base or 0))
        number, time = 0, 0.0
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise _ended(path, "is damaged or cut off", number)
                for frame in packet.decode():
                    if frame.is_corrupt:
                        raise _ended(path, "is damaged", number)
                    told = frame.time
                    time = float(number / rate) if told is None else max(told - begins, 0.0)
                    yield Frame(_shown(frame), number, time, rate)
                    number += 1
        except av.FFmpegError as error:
            raise _ended(path, f"is damaged ({_said(error)})", number) from error
        length = _length(container, stream)
        missing = length - time - float(1 / rate)
        allowed = max(_MISSING_SHARE * length, float(_MISSING_FRAMES / rate))
        if number == 0 or missing > allowed:
            told = f", at {time:.1f} of {length:.1f} seconds" if number and length else ""
            raise _ended(path, f"is cut off{told}", number)


def count_of(path: Path) -> int:
    """How many frames the video at `path` says or seems to have; 0 where that cannot be told."""
    try:
        with _opened(path) as (_, container, stream):
            guess = round(_length(container, stream) * _rate(stream))
            return int(stream.frames or guess)
    except DataError:
        return 0


@contextmanager
def _opened(path: Path) -> Iterator[tuple[ModuleType, Any, Any]]:
    """PyAV, the container and its first track of pictures."""
    what = paths.shown(path)
    try:
        av = need("av", purpose="read videos", extra="video")
    except StriateError as error:
        raise DataError(what, f"is a video; {error.what} {error.why}", error.remedy) from error
    try:
        form = container_of(path)
        if not form:
            raise DataError(what, "is no video, whatever its name says", "check the file")
        # A file that is open, and its form: FFmpeg then follows no address and no other file.
        with path.open("rb") as file, av.open(file, format=form) as container:
            if not container.streams.video:
                raise DataError(what, "holds no pictures, only sound", "give another file")
            stream = container.streams.video[0]
            if stream.width * stream.height > _MOST_PIXELS:
                size = f"{stream.width}×{stream.height}"
                raise DataError(what, f"claims frames of {size} pixels", "check the file")
            yield av, container, stream
    except FileNotFoundError as error:
        raise DataError(what, "there is no such file", "check the path") from error
    except av.FFmpegError as error:
        why = f"is damaged, cut off, or no video ({_said(error)})"
        raise DataError(what, why, "get the file again") from error
    except OSError as error:
        raise DataError(what, f"cannot be read ({paths.reason(error)})") from error


def _rate(stream: Any) -> Fraction:
    """Frames a second; 25 where nothing tells."""
    return Fraction(stream.average_rate or stream.guessed_rate or 25)


def _length(container: Any, stream: Any) -> float:
    """Seconds that the pictures last by the file's own word; 0 where it does not say."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1
    return (container.duration or 0) / 1e6 if alone else 0.0


def _shown(frame: Any) -> NDArray[np.uint8]:
    """A frame's pixels, turned by quarters as its display matrix says, counterclockwise."""
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _ended(path: Path, why: str, number: int) -> DataError:
    after = f"after frame {number - 1:,}" if number else "before the first frame"
    return DataError(paths.shown(path), f"{why}: nothing can be read {after}", "get the file again")


def _said(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return " ".join(str(said).split())
