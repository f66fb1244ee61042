"""Labelled images to measure a trained network on, without those that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.contents import Contents, read_contents
from striate.data.images import ImageSet
from striate.data.joining import joined, with_classes
from striate.data.manifest import Manifest
from striate.data.reading import ReadSettings
from striate.data.scan import Problem, Visitor
from striate.data.sources import arranged_for, refusal
from striate.data.split import draws_of
from striate.data.targets import CLASSES, Answers
from striate.errors import DataError
from striate.support.progress import Progress
from striate.support.text import printable

_MEASURED = ("test", "val", "train")
"""Parts of a data set, of which the first that there is is measured on."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is known of the images that a network was trained on.

    Attributes:
        manifest: the list of them; None for runs from before there was one.
        fingerprint: as ``run.toml`` has it.
        seed: as ``run.toml`` has it.
        val_fraction: as ``run.toml`` has it.
        held_out: as ``run.toml`` has it.
        answers: what they were answered with.
    """

    manifest: Manifest | None
    fingerprint: str
    seed: int
    val_fraction: float
    held_out: str
    answers: Answers = CLASSES


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Images to measure on.

    Attributes:
        images: those to measure on, labelled by the network's classes.
        left_out: how many others there are in the same place that the network was trained on.
        skipped: files that cannot be used.
        notes: what a person should know and need not mend.
        others: the images of the same place, of the network's classes, that are not measured on;
            None where there are none.
    """

    images: ImageSet
    left_out: int = 0
    skipped: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    others: ImageSet | None = None


def open_labelled(
    data: str | Path,
    classes: Sequence[str],
    *,
    training: Training | None = None,
    all_images: bool = False,
    skip_bad: bool = False,
    workers: int = 0,
    cache: Path | None = None,
    recheck: bool = False,
    visitors: Sequence[Visitor] = (),
    answers: Answers | None = None,
    progress: Progress | None = None,
) -> Labelled:
    """Images to measure a network with those `classes` on: test, else val, else all there are.

    Each image is asked by its content whether the network was trained on it, whatever it is called
    now and wherever it lies. The images need not show every class.

    Args:
        data: as for `striate.data.sources.open_data`.
        classes: of the network.
        training: what the network was trained on; None for nothing that is known.
        all_images: take every image of every split, those among them that were trained on.
        skip_bad: go on without the files that cannot be used.
        workers: threads.
        cache: as for `striate.data.sources.open_data`.
        recheck: as there.
        visitors: are shown what is decoded of the part that is measured on.
        answers: which column of a table names the classes; or the targets of a network that has no
            `classes`. None for what it was trained with.
        progress: called with the number of files done and of all.

    Raises:
        DataError: as `open_data` does, for a class that the network does not know, and where no
            image is left.
    """
    manifest = None if training is None else training.manifest
    if answers is None:
        answers = CLASSES if training is None else training.answers
    settings = ReadSettings(
        workers=workers,
        progress=progress,
        cache=cache,
        recheck=recheck,
        pixels=False,
        known=None if manifest is None else manifest.by_content(),
        visitors=visitors,
        visited=() if all_images else _MEASURED,
        answers=answers,
    )
    found = read_contents(data, settings)
    if found.problems and not skip_bad:
        raise refusal(found)
    origin, known = printable(found.origin), tuple(classes)
    splits = [name for name in _MEASURED if len(found.sets.get(name, ()))]
    if not splits:
        raise DataError(origin, "holds no images to measure on", "put some into the class folders")
    relabelled = {
        name: with_classes(found.sets[name], known, origin, "the network's classes")
        for name in (splits if all_images else splits[:1])
    }
    images = relabelled[splits[0]]
    if len(relabelled) > 1:
        images = joined(list(relabelled.values()), known)
    notes = list(found.notes)
    if len(splits) > 1 and not all_images:
        notes.append(measured_on(splits[0]))
    left_out = 0
    others = [] if all_images else [found.sets[name] for name in splits[1:]]
    if training is not None and not all_images:
        trained, note = _trained_on(images, found, training)
        notes += [note] if note else []
        left_out = int(trained.sum())
        others.insert(0, images.subset(np.flatnonzero(trained)))
        images = images.subset(np.flatnonzero(~trained))
    if not len(images):
        raise DataError(
            origin,
            f"the network was trained on every one of its {left_out:,} images",
            "give other images, or measure on these all the same (`all_images=True`)",
        )
    return Labelled(
        images=images,
        left_out=left_out,
        skipped=tuple(found.problems),
        notes=tuple(notes),
        others=joined(others, known) if others else None,
    )


def measured_on(split: str) -> str:
    """A note on which of several splits was measured on."""
    return f"measured on the {split} images"


def _trained_on(
    images: ImageSet, found: Contents, training: Training
) -> tuple[NDArray[np.bool_], str]:
    """Which of `images` the network was trained on, and a note on what cannot be known."""
    if training.manifest is not None:
        return training.manifest.trained_on(images.digests), ""
    with suppress(DataError):  # what cannot be trained on is not what it was trained on
        own = arranged_for(
            training.fingerprint, found, seed=training.seed, val_fraction=training.val_fraction
        )
        if own.is_of(training.fingerprint):
            return own.manifest.trained_on(images.digests), ""
    before = "the run is from before runs kept a list of their images"
    if training.held_out != "split":
        return np.zeros(len(images), np.bool_), (
            f"{before}: whether the network was trained on some of these cannot be known"
        )
    return draws_of(images.digests, training.seed) >= training.val_fraction, (
        f"{before}: left out is what it would have trained on had it been among them"
    )
