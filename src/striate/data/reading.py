"""From files to records and pixels: what is known of a file is not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Files
from striate.data.known import Known
from striate.data.pixels import Block, Pixels
from striate.data.records import Records
from striate.data.scan import Problem, Record, ShownAs, Visitor, over_threads, scan
from striate.data.sketches import Sketch, sketch_of
from striate.data.targets import CLASSES, Answers
from striate.support.progress import Progress

_SECONDS = 60.0  # between two savings of what was found out, of which a killed process leaves this


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How to read images.

    Attributes:
        workers: threads; 0 for one a processor.
        sketches: make a sketch of each image, for near duplicates.
        pixels: the pixels of small images are wanted in memory.
        progress: called with the number of files done, of those that have to be read.
        download: fetch a named data set that is not there.
        cache: folder of what is known of files, and where that is written down; None for none.
        recheck: read all files, whatever is known of them.
        known: gives records of images by their content, beside those of the cache.
        visitors: are shown the images that are decoded; see `striate.data.scan.scan`.
        visited: names of splits, of which visitors are shown the first that there is; none for all.
        answers: what the images are to be answered with.
    """

    workers: int = 0
    sketches: bool = False
    pixels: bool = True
    progress: Progress | None = None
    download: bool = True
    cache: Path | None = None
    recheck: bool = False
    known: Callable[[str], Record | None] | None = None
    visitors: Sequence[Visitor] = ()
    visited: Sequence[str] = ()
    answers: Answers = CLASSES


@dataclass(eq=False)
class ReadFiles:
    """What is known of files, and the pixels of small images: those at `rows` of `block`."""

    records: Records
    block: Block | None = None
    rows: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def pixels(self, indices: NDArray[np.int64]) -> Pixels | None:
        """The pixels of the images at `indices`, if those of all of them are there."""
        rows = self.rows[indices] if self.block is not None else None
        if self.block is None or rows is None or (rows < 0).any():
            return None
        return Pixels(self.block, rows)


def read_files(
    files: Files,
    names: Sequence[str],
    origin: str,
    settings: ReadSettings,
    shown_as: ShownAs = lambda _: "",
) -> ReadFiles:
    """What is known of `files`, after reading those that have changed or are new.

    Args:
        files: of one source.
        names: how a person calls them.
        origin: where the source is.
        settings: how to read.
        shown_as: what its visitors are shown.
    """
    return _Reading(files, names, origin, settings, shown_as).read()


class _Reading:
    """One reading of the files of a source."""

    def __init__(
        self,
        files: Files,
        names: Sequence[str],
        origin: str,
        settings: ReadSettings,
        shown_as: ShownAs,
    ) -> None:
        self.files, self.names, self.settings = files, names, settings
        self.shown_as = shown_as
        self.known = Known(settings.cache, origin, recheck=settings.recheck)
        self.records = Records(len(files), sketches=settings.sketches)
        self.block: Block | None = None  # of pixels that were known
        self.stored = np.full(len(files), -1, np.int32)  # where those of each image lie in it

    def read(self) -> ReadFiles:
        self._recall()
        sketched = self._sketch()
        wanted = self._wanted()
        try:
            self._scan(wanted)
        finally:
            self._save(ended=bool(self.records.seen.all()))
        if sketched or len(wanted):
            self.known.remember_sketches(self.records)
        return self._with_pixels()

    def _recall(self) -> None:
        records = self.records
        self.known.recall(self.files, self.names, records)
        self.known.recall_sketches(records)
        if not records.small:
            records.gathered = None
        elif records.sound.any():
            self.block, self.stored = self.known.recall_pixels(records)

    def _sketch(self) -> bool:
        """Make sketches that are lacking of the pixels that are known; whether there were any."""
        block, sketches = self.block, self.records.sketches
        if block is None or sketches is None:
            return False
        lacking = self.records.sound & np.isnan(sketches.contrast) & (self.stored >= 0)
        indices = np.flatnonzero(lacking).tolist()

        def sketch(index: int) -> Sketch:
            return sketch_of(block.image(int(self.stored[index])))

        settings = self.settings
        with closing(over_threads(sketch, indices, settings.workers, settings.progress)) as made:
            for index, each in zip(indices, made, strict=True):
                sketches.put(index, each)
        return bool(indices)

    def _wanted(self) -> NDArray[np.int64]:
        """Numbers of the files that have to be read."""
        records = self.records
        wanted = ~records.seen
        if self.settings.pixels and records.small:
            wanted |= records.sound & (self.stored < 0)
        if records.sketches is not None:
            # Who wants sketches wants formats, too, which a run's list of its images does not hold.
            unknown = np.isnan(records.sketches.contrast) | (records.forms == 0)
            wanted |= records.sound & unknown
        return np.flatnonzero(wanted)

    def _scan(self, wanted: NDArray[np.int64]) -> None:
        """Read the `wanted` files, and write down what is found out, also while it goes on."""
        settings, records = self.settings, self.records
        by_content = self.known.by_content()

        def known(digest: str) -> Record | None:
            found = by_content(digest) if by_content else None
            return found or (settings.known(digest) if settings.known else None)

        only = range(len(self.files)) if len(wanted) == len(self.files) else wanted.tolist()
        found = scan(
            self.files,
            self.names,
            only=only,
            workers=settings.workers,
            sketches=settings.sketches,
            pixels=settings.pixels and records.small,
            known=known,
            visitors=settings.visitors,
            shown_as=self.shown_as,
            progress=settings.progress,
        )
        saved = monotonic()
        with closing(found):
            for index, each in zip(only, found, strict=True):
                self._put(index, each)
                if monotonic() - saved > _SECONDS:
                    self._save(ended=False)
                    saved = monotonic()

    def _save(self, *, ended: bool) -> None:
        """Write down what was found out, so that Ctrl-C or a kill does not cost all of it.

        What is read again although it is known takes the place of that as a whole, or not at all.
        """
        if ended or not self.settings.recheck:
            self.known.remember(self.files, self.records)

    def _put(self, index: int, found: Record | Problem) -> None:
        known = self.stored[index] >= 0
        if known and isinstance(found, Record) and found.digest == self.records.digest(index):
            self.records.put(index, replace(found, pixels=None))  # they are held already
        else:
            self.records.put(index, found)
            self.stored[index] = -1

    def _with_pixels(self) -> ReadFiles:
        """The pixels that were decoded, together with those that were known."""
        records = self.records
        gathered, rows = records.gathered, records.rows
        if gathered is None or not records.small:
            return ReadFiles(records)
        if not len(gathered):
            return ReadFiles(records, self.block, self.stored)
        for index in np.flatnonzero(records.sound & (self.stored >= 0)).tolist():
            assert self.block is not None
            rows[index] = len(gathered)
            gathered.add(self.block.image(int(self.stored[index])), bool(records.grey[index]))
        whole = gathered.block()
        if self.settings.pixels:
            held = np.flatnonzero(rows >= 0)
            held = held[np.argsort(rows[held])]
            self.known.remember_pixels(records.digests[held], whole)
        return ReadFiles(records, whole, rows)
