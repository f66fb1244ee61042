"""The one pass over all image files: read, hash, decode, measure; nothing is read twice for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from striate.data.decoding.decode import ImageError, content_of, decoded, digest_of
from striate.data.decoding.formats import FOREIGN, SUFFIXES
from striate.data.images import SMALL, Array, has_no_colour
from striate.data.preprocessing import resize, with_channels
from striate.errors import StriateError, parameter
from striate.support.prefetch import prefetch
from striate.support.progress import Progress

THUMBNAIL = 32
"""Side in pixels of the grey squares by which near duplicates are known."""

_CHUNK = 64  # files a task; a task a file would spend a third of a small image's time on hand-over

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Problem:
    """A file at fault: its name relative to the origin, the kind of fault, the reason in words."""

    name: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Record:
    """What is known of a sound image.

    `misnamed` says how the file's name contradicts its format; `pixels` are kept of small images
    only; `thumbnail` is uint8 (32, 32), and `colour` the mean of each channel, if asked for.
    """

    digest: str
    height: int
    width: int
    grey: bool
    misnamed: str
    pixels: Array | None
    thumbnail: Array | None
    colour: tuple[float, float, float] | None


class Visitor(Protocol):
    """Who takes something from images while they are decoded, so that none is decoded twice.

    Both methods are called on several threads at once, and neither raises.
    """

    def wants(self, digest: str) -> bool:
        """Whether an image that is known to be sound is to be decoded for it all the same."""

    def visit(self, digest: str, pixels: Array) -> None:
        """A sound image that was decoded: uint8 (H, W, 1 or 3), upright, read-only, on loan."""


def scan(
    paths: Sequence[Path],
    names: Sequence[str],
    *,
    workers: int = 0,
    thumbnails: bool = False,
    known: Mapping[str, Record] | None = None,
    visitors: Sequence[Visitor] = (),
    progress: Progress | None = None,
) -> list[Record | Problem]:
    """A record of each file that decodes to its end, a problem for each that does not.

    `known` are records of sound images by their content hash: files with that content are read and
    hashed, and decoded again only for `visitors` that want them. All others are shown to every
    visitor.

    `workers` threads share the work (0: one a processor, at most eight); the result does not
    depend on their number.
    """

    def examine(item: tuple[Path, str]) -> Record | Problem:
        path, name = item
        try:
            with content_of(path) as data:
                digest = digest_of(data)
                record = known.get(digest) if known else None
                asking = visitors
                if record is not None:
                    asking = [visitor for visitor in visitors if visitor.wants(digest)]
                    if not asking:
                        return record
                with decoded(data, name, sound=record is not None) as (pixels, form):
                    for visitor in asking:
                        visitor.visit(digest, pixels)
                    return record or measure(pixels, digest, thumbnails, _belied(path, form))
        except ImageError as error:
            return Problem(name, error.kind, _sentence(error))

    return list(over_threads(examine, list(zip(paths, names, strict=True)), workers, progress))


def _belied(path: Path, form: str) -> str:
    """How the name of a file contradicts the format that it has; empty where it does not."""
    suffix = path.suffix.lower()
    promised = SUFFIXES.get(suffix) or FOREIGN.get(suffix, form)
    return f"is {form}, not {promised} as its name says" if form != promised else ""


def measure(pixels: Array, digest: str, thumbnails: bool, misnamed: str = "") -> Record:
    """The record of an image (H, W, C)."""
    height, width = pixels.shape[:2]
    square, colour = thumbnail(pixels) if thumbnails else (None, None)
    return Record(
        digest=digest,
        height=height,
        width=width,
        grey=has_no_colour(pixels),
        misnamed=misnamed,
        pixels=pixels if max(height, width) <= SMALL else None,
        thumbnail=square,
        colour=colour,
    )


def thumbnail(pixels: Array) -> tuple[Array, tuple[float, float, float]]:
    """The image squeezed into a grey square, uint8 (32, 32), and its mean colour, 0 to 255."""
    small = resize(pixels, THUMBNAIL, THUMBNAIL)
    mean = small.reshape(-1, small.shape[2]).mean(axis=0)
    red, green, blue = (float(mean[c % len(mean)]) for c in range(3))
    return with_channels(small, 1)[:, :, 0], (red, green, blue)


def threads(workers: int | None) -> int:
    """Threads that prepare images: as given, else one a processor, at most four.

    Raises:
        StriateError: less than none.
    """
    if workers is None:
        return min(os.cpu_count() or 1, 4)
    if workers < 0:
        raise StriateError(parameter("workers", workers), "must be 0 or more")
    return workers


def over_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 0,
    progress: Progress | None = None,
) -> Iterator[Result]:
    """``map(function, items)`` on threads, in order, with at most a few chunks under way."""
    workers = workers or min(8, os.cpu_count() or 1)
    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))

    def run(chunk: Sequence[Item]) -> list[Result]:
        return [function(item) for item in chunk]

    done = 0
    finished = prefetch(run, chunks, workers=workers, ahead=2 * workers, name="striate-scan")
    with closing(finished):
        for results in finished:
            yield from results
            done += len(results)
            if progress:
                progress(done, len(items))


def _sentence(error: ImageError) -> str:
    return error.why + (f"; {error.remedy}" if error.remedy else "")


def digest_of_pixels(pixels: Array) -> str:
    """Content hash of an array (H, W, C): of its shape and pixels."""
    return digest_of(str(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
