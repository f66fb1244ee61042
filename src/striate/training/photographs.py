"""What a training makes of large photographs in the pass that checks them, and where it is kept.

Before the images have been looked at, what the network takes of them is a guess (`Shape.guessed`),
which holds but for recipes that treat grey images otherwise: what was made for another shape is
left in the cache, and what is missing is made when it is first needed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from striate.data.augmentation.settings import Augmentation
from striate.data.preprocessing import Preprocessing
from striate.data.scan import threads
from striate.data.sources import Data
from striate.data.split import draw
from striate.data.statistics import Moments
from striate.data.working_copies.copies import WorkingCopies
from striate.data.working_copies.fitted import FittedImages
from striate.data.working_copies.made import Made, knowing
from striate.data.working_copies.shrink import side_for
from striate.data.working_copies.store import Place as Where
from striate.errors import StriateError, nearest, parameter
from striate.support.folders import cache_at
from striate.support.progress import counting
from striate.training.callbacks.several import Callbacks
from striate.training.options import TrainOptions
from striate.training.place import Place

PLACES = ("auto", "disk", "memory", "off")
_SHARE = 4  # part of the machine's memory that copies may take
_USUAL_MEMORY = 4 << 30  # bytes, where a system does not say


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides how large the images are that a training works on."""

    preprocessing: Preprocessing
    augmentation: Augmentation


class Photographs:
    """What is made of the large photographs of one training.

    Args:
        where: copies are kept; None for none.
        seed: of the split.
        val_fraction: of the split.
        shape: of the images, as far as it is known.
        side: short side of the copies, of a run that has some; None to choose it.
        all_fitted: whether every image is seen as in evaluation, not the held-out ones alone.
    """

    def __init__(
        self,
        where: Where | None,
        *,
        seed: int,
        val_fraction: float,
        shape: Shape,
        side: int | None = None,
        all_fitted: bool = False,
    ) -> None:
        self.where, self._all_fitted = where, all_fitted
        self._seed, self._val_fraction = seed, val_fraction
        self.made = self._make(shape, side, Moments())

    @property
    def side(self) -> int:
        """Short side in pixels of the copies; 0 where there are none."""
        return 0 if self.made.copies is None else self.made.copies.side

    def _make(self, shape: Shape, side: int | None, moments: Moments) -> Made:
        cache = cache_at(None, [])
        copies, where = None, self.where
        if side is None:
            side = side_for(shape.preprocessing, shape.augmentation)
        if where is not None and side:
            copies = WorkingCopies(
                side, cache, place=where, memory=_memory(), held_out=self.is_held_out
            )
        fitted = FittedImages(
            shape.preprocessing,
            cache if where in ("auto", "disk") and not self._all_fitted else None,
            among=None if self._all_fitted else self.is_held_out,
        )
        return Made(copies=copies, fitted=fitted, moments=moments, cache=cache)

    def is_held_out(self, digest: str, split: str) -> bool:
        """Whether an image will be held out, by its content hash and the split that it comes in.

        Where there are no splits, that is likely: nobody knows the limit of a class before all of
        it has been read, and what was made for the other side is made anew when it is needed.
        """
        if split:
            return split != "train"
        return draw(digest, self._seed) < self._val_fraction

    def settled(self, data: Data, shape: Shape, place: Place, options: TrainOptions) -> Data:
        """`data` with what was made of its images, for a new run.

        There are no copies where no training image is large, nor where they have no room, which is
        noted. Those that are missing, since the images were known from before, are made now: in the
        first epoch they would let it seem slower than the others.

        Args:
            data: the images.
            shape: of the images, as the run has it.
            place: who decides for all, and whom notes are for.
            options: how many threads make copies, and whether they are counted.

        Raises:
            DataError: an image can no longer be read.
        """
        copies, moments = self.made.copies, self.made.moments
        assert moments is not None
        side = side_for(shape.preprocessing, shape.augmentation)
        fits = self.made.fitted is not None and self.made.fitted.suits(shape.preprocessing)
        if not fits or (copies is not None and copies.side != side):
            self.made = self._make(shape, None, moments)
            copies = self.made.copies
        if copies is not None and copies.indices(data.train):
            where = copies
            if not place.group.lead(lambda: where.has_room_for(data.train)):
                why = copies.store.trouble or "they would take too much memory"
                place.callbacks.on_note(
                    f"there is no room for working copies ({why}): every epoch decodes the "
                    "photographs themselves"
                )
                copies = None
        else:
            copies = None
        self.made = replace(self.made, copies=copies)
        if copies is not None:
            missing = copies.missing(data.train)[place.group.rank :: place.group.world]
            wanted = options.progress and place.group.leads and bool(missing)
            with counting("making working copies", wanted=wanted) as progress:
                workers = max(threads(options.workers), 1)
                copies.make(data.train, missing, workers=workers, progress=progress)
        data = knowing(data, self.made)
        note_room(data, place.callbacks)
        return data


def note_room(data: Data, callbacks: Callbacks) -> None:
    """Note where copies are, where that is not the disk that they were meant for; but once."""
    copies = None if data.train.made is None else data.train.made.copies
    if copies is not None and (news := copies.news()):
        callbacks.on_note(news)


def where_kept(asked: str | None) -> Where | None:
    """Where working copies are kept; None for none.

    Raises:
        StriateError: there is no such place.
    """
    if asked is not None and asked not in PLACES:
        why = f"must be one of {', '.join(PLACES)}"
        raise StriateError(parameter("working_copies", asked), why, nearest(asked, PLACES))
    return None if asked == "off" else (asked or "auto")  # type: ignore[return-value]


def _memory() -> int:
    """Bytes that copies may take in memory."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not every system counts its pages
        whole = _USUAL_MEMORY
    return whole // _SHARE
