"""The one pass over all image files: read, hash, decode, measure; nothing is read twice for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from striate.data.decoding.decode import ImageError, content_of, decoded, digest_of
from striate.data.decoding.formats import FOREIGN, PLUGGED, SUFFIXES
from striate.data.images import SMALL, Array, has_no_colour
from striate.data.sketches import Sketch, sketch_of
from striate.errors import StriateError, parameter
from striate.support.prefetch import prefetch
from striate.support.progress import Progress

_PROMISED = SUFFIXES | PLUGGED | FOREIGN
_PASSING = ("too large", "changed")  # kinds of faults that hang on more than the content
#: Files a task at most, and seconds: a task a file would spend a third of a small image's time on
#: hand-over, and Ctrl-C waits for the photographs of a task.
_CHUNK, _SECONDS = 64, 0.02

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Problem:
    """A file at fault: its name relative to the origin, the kind of fault, the reason in words.

    `lasting` is one of the file's content, which another look would find again.
    """

    name: str
    kind: str
    reason: str
    lasting: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True)
class Record:
    """What is known of a sound image.

    `form` is the format that it has, and `misnamed` says how the file's name contradicts that;
    `pixels` are kept of small images only, and a `sketch` where one was asked for.
    """

    digest: str
    height: int
    width: int
    grey: bool
    form: str
    misnamed: str = ""
    pixels: Array | None = None
    sketch: Sketch | None = None


ShownAs: TypeAlias = Callable[[int], str | None]
"""From a file's number to the split that visitors are told: empty where there are not several, None
for a file whose image they are not shown."""


class Visitor(Protocol):
    """Who takes something from images while they are decoded, so that none is decoded twice.

    It is called on several threads at once, and never raises. Images that are known are not decoded
    for it; one from which something was taken before may be shown again.
    """

    def visit(self, digest: str, pixels: Array, split: str = "") -> None:
        """A sound image that was decoded.

        Args:
            digest: its content hash.
            pixels: uint8 (H, W, 1 or 3), upright, read-only, on loan.
            split: of a source that comes with several, the one that it is in.
        """


def scan(
    paths: Sequence[Path],
    names: Sequence[str],
    *,
    only: Sequence[int] | None = None,
    workers: int = 0,
    sketches: bool = False,
    pixels: bool = True,
    known: Callable[[str], Record | None] | None = None,
    visitors: Sequence[Visitor] = (),
    shown_as: ShownAs = lambda _: "",
    progress: Progress | None = None,
) -> Generator[Record | Problem]:
    """A record of each file that decodes to its end, a problem for each that does not, in order.

    The result does not depend on the number of threads.

    Args:
        paths: the files.
        names: how problems call them.
        only: which of the files; None for all.
        workers: threads that share the work; 0 for one a processor, at most eight.
        sketches: make a sketch of every image.
        pixels: the pixels of small images are wanted, also of those that are known.
        known: gives the record of a sound image by its content hash. Files with that content are
            read and hashed, and decoded again only for what its record lacks.
        visitors: are shown every sound image that is decoded.
        shown_as: see `ShownAs`.
        progress: called with the number of files done and of all.
    """

    def lacks_pixels(record: Record) -> bool:
        return pixels and max(record.height, record.width) <= SMALL

    def examine(index: int) -> Record | Problem:
        path, name = paths[index], names[index]
        read = False
        try:
            with content_of(path) as data:
                read = True
                digest = digest_of(data)
                record = known(digest) if known else None
                if record is not None and not (sketches or lacks_pixels(record)):
                    return replace(record, misnamed=belied(path, record.form))
                split = shown_as(index)
                with decoded(data, name, sound=record is not None) as (image, form):
                    if split is not None:
                        for visitor in visitors:
                            visitor.visit(digest, image, split)
                    return measure(image, digest, sketches, form, belied(path, form))
        except ImageError as error:
            lasting = read and error.kind not in _PASSING
            return Problem(name, error.kind, _sentence(error), lasting)

    return over_threads(examine, range(len(paths)) if only is None else only, workers, progress)


def belied(path: Path, form: str) -> str:
    """How the name of a file contradicts the format that it has; empty where it does not."""
    if not form:
        return ""
    suffix = path.suffix.lower()
    promised = _PROMISED.get(suffix, form)
    return f"is {form}, not {promised} as its name says" if form != promised else ""


def measure(
    pixels: Array, digest: str, sketches: bool, form: str = "", misnamed: str = ""
) -> Record:
    """The record of an image (H, W, C)."""
    height, width = pixels.shape[:2]
    return Record(
        digest=digest,
        height=height,
        width=width,
        grey=has_no_colour(pixels),
        form=form,
        misnamed=misnamed,
        pixels=pixels if max(height, width) <= SMALL else None,
        sketch=sketch_of(pixels) if sketches else None,
    )


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
) -> Generator[Result]:
    """``map(function, items)`` on threads, in order, with at most a few chunks under way."""
    workers = workers or min(8, os.cpu_count() or 1)
    size = 1

    def chunks() -> Iterator[Sequence[Item]]:
        start = 0
        while start < len(items):
            chunk = items[start : start + size]
            start += len(chunk)
            yield chunk

    def run(chunk: Sequence[Item]) -> tuple[list[Result], float]:
        began = perf_counter()
        results = [function(item) for item in chunk]
        return results, (perf_counter() - began) / len(chunk)

    done = 0
    finished = prefetch(run, chunks(), workers=workers, ahead=2 * workers, name="striate-scan")
    with closing(finished):
        for results, seconds in finished:
            size = min(max(int(_SECONDS / max(seconds, 1e-9)), 1), _CHUNK)
            yield from results
            done += len(results)
            if progress:
                progress(done, len(items))


def _sentence(error: ImageError) -> str:
    return error.why + (f"; {error.remedy}" if error.remedy else "")


def digest_of_pixels(pixels: Array) -> str:
    """Content hash of an array (H, W, C): of its shape and pixels."""
    return digest_of(str(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
