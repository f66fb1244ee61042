"""A video that is written frame by frame, whole or not at all."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.support.closing import Closable
from striate.support.files import replacing, sweep
from striate.support.packages import need

SUFFIX = ".mp4"
#: Of a second: whole numbers of these are the frames of every usual rate, 29.97 a second as well,
#: and MPEG-4 takes no finer ones.
_TICKS = 60_000

Shot = tuple[NDArray[np.uint8], float]
"""A frame, uint8 (H, W, 3), and the second at which it is shown."""


class VideoWriter(Closable):
    """Writes an MP4 file: H.264 where PyAV has an encoder of it, else MPEG-4.

    `finish` moves the file into place; `close` without it leaves nothing.

    Args:
        path: the file.
        rate: frames a second; each frame keeps its own time.

    Raises:
        StriateError: PyAV is missing, or nothing can be written there.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        av = need("av", purpose="write videos", extra="video")
        self.path = path
        sweep(path)
        self._writing = _written(av, path, rate)
        next(self._writing)

    def write(self, image: NDArray[np.uint8], time: float) -> None:
        """Add a frame, uint8 (H, W, 3), shown at `time` seconds."""
        self._writing.send((image, time))

    def finish(self) -> None:
        """Write the end, and move the file into place."""
        try:
            self._writing.send(None)
        except StopIteration:
            return

    def close(self) -> None:
        """Leave nothing, unless it is finished."""
        self._writing.close()


def _written(av: ModuleType, path: Path, rate: Fraction) -> Generator[None, Shot | None]:
    """Takes frames until None; whoever closes it before leaves no file."""
    with replacing(path) as beside:
        try:
            with av.open(str(beside), "w", format="mp4") as container:
                stream: Any = None
                last = -1
                while (shot := (yield)) is not None:
                    image, time = shot
                    if stream is None:
                        stream = _stream(av, container, image.shape, rate)
                    frame = av.VideoFrame.from_ndarray(_even(image), format="rgb24")
                    last = max(round(time * _TICKS), last + 1)
                    frame.pts, frame.time_base = last, Fraction(1, _TICKS)
                    container.mux(stream.encode(frame))
                if stream is not None:
                    container.mux(stream.encode())
        except av.FFmpegError as error:
            raise OSError(error.errno, str(error.strerror)) from error


def _stream(av: ModuleType, container: Any, shape: tuple[int, ...], rate: Fraction) -> Any:
    height, width = (side + side % 2 for side in shape[:2])
    if "libx264" in av.codecs_available:
        stream = container.add_stream(
            "libx264", rate=rate, options={"preset": "veryfast", "crf": "20"}
        )
    else:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.bit_rate = round(width * height * rate / 5)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, _TICKS)
    return stream


def _even(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image with its last row and column again where their number is odd: encoders want so."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
