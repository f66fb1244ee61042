"""Which images an integer network is calibrated with, and which it is measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from striate.data.images import ImageSet
from striate.data.labelled import Labelled
from striate.data.preprocessing import Preprocessing
from striate.data.split import draw
from striate.deploy.quantise.options import FEWEST
from striate.engines.session import Pixels
from striate.errors import DataError, parameter
from striate.inference.reading import batches_of, evaluated
from striate.support.text import printable

USUAL = 100
"""Images to calibrate with: more change the ranges no more."""
HELD = 1 << 29
"""Bytes of fitted images up to which they stay in memory; of more, each pass reads them anew."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """The images of a quantisation.

    Attributes:
        calibration: those whose activations give the ranges; of every class, none measured on.
        measured: those that float and integer network are compared on.
        notes: what a person should know and need not mend.
    """

    calibration: ImageSet
    measured: ImageSet
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Hash of the contents of the calibration images, whatever they are called."""
        joined = "\n".join(sorted(self.calibration.digests))
        return hashlib.sha256(joined.encode()).hexdigest()


def choose(found: Labelled, wanted: int | None, origin: str) -> Chosen:
    """Take images to calibrate with: those that are not measured on, where there are enough.

    Else they are taken out of those to measure on. Which ones is decided by their contents.

    Args:
        found: the images at hand.
        wanted: how many; None for `USUAL`, or one of each class where there are more classes.
        origin: what a person calls the place they are from.

    Raises:
        DataError: there are too few.
    """
    number = max(USUAL, len(found.images.classes)) if wanted is None else wanted
    measured, notes = found.images, [*found.notes]
    if found.others is not None:
        apart = set(measured.digests)
        new = [index for index, digest in enumerate(found.others.digests) if digest not in apart]
        others = found.others.subset(new)
        if len(others) >= number:
            return Chosen(
                calibration=others.subset(_spread(others, number)),
                measured=measured,
                notes=tuple(notes),
            )
    taken = _spread(measured, number)
    apart = {measured.digests[index] for index in taken}
    rest = [index for index, digest in enumerate(measured.digests) if digest not in apart]
    if len(taken) < number or len(rest) < number:
        fewer, remedy = len(measured) // 2, "give more images"
        if fewer >= FEWEST:
            remedy += f", or quantise with fewer ({parameter('calibration', fewer)})"
        raise DataError(
            printable(origin),
            f"has {len(measured):,} images to measure on and too few beside them: not enough "
            f"to calibrate with {number:,} and to measure on as many",
            remedy,
        )
    notes.append(f"calibrated with {number:,} of the images, measured on the {len(rest):,} others")
    return Chosen(
        calibration=measured.subset(taken), measured=measured.subset(rest), notes=tuple(notes)
    )


def _spread(images: ImageSet, number: int) -> list[int]:
    """Up to `number` different images, spread over the classes, in the order of a draw."""
    draws = {digest: draw(digest, 0) for digest in images.digests}
    classes: dict[int, list[int]] = {}
    seen: set[str] = set()
    for index in sorted(range(len(images)), key=lambda each: draws[images.digests[each]]):
        if images.digests[index] not in seen:
            seen.add(images.digests[index])
            classes.setdefault(int(images.labels[index]), []).append(index)
    rounds = max(map(len, classes.values()), default=0)
    taken = [
        own[turn] for turn in range(rounds) for _, own in sorted(classes.items()) if turn < len(own)
    ]
    return taken[:number]


class Fitted:
    """A set of images as the network takes them, for one pass after the other.

    Args:
        images: a set, all of whose images can be read.
        preprocessing: the network's.
        batch_size: the most images in a batch.
        workers: threads that read images.
    """

    def __init__(
        self, images: ImageSet, preprocessing: Preprocessing, *, batch_size: int, workers: int
    ) -> None:
        self.images, self.preprocessing = images, preprocessing
        self._batch_size, self._workers = batch_size, workers
        self._held: list[Pixels] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Pixels]:
        """Batches, uint8 (n, height, width, channels)."""
        if self._held is not None:
            yield from self._held
            return
        held: list[Pixels] | None = []
        if len(self.images) * int(np.prod(self.preprocessing.input_size)) > HELD:
            held = None
        read = evaluated(self.images, self.preprocessing)
        for batch in batches_of(
            self.images, read, batch_size=self._batch_size, workers=self._workers
        ):
            if held is not None:
                held.append(batch)
            yield batch
        self._held = held
