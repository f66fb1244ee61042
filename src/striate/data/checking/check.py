"""What is wrong with a set of images, and what they are like. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.data.checking.duplicates import (
    PHOTOGRAPHS,
    SIGNS,
    Found,
    exact_duplicates,
    near_duplicates,
)
from striate.data.checking.groups import Duplicates, described, members_of
from striate.data.checking.numbers import TargetReport, describe
from striate.data.columns import concatenated
from striate.data.contents import Contents, read_contents
from striate.data.images import SMALL, Array, ImageSet
from striate.data.reading import ReadSettings
from striate.data.scan import Problem, over_threads
from striate.data.sketches import SQUARE, Sketches, square_of
from striate.data.sources import Data, data_from
from striate.data.split import check_fraction
from striate.data.statistics import Moments, Statistics, channel_statistics
from striate.data.targets import CLASSES, Answers
from striate.data.working_copies.made import Made
from striate.errors import DataError
from striate.support.progress import Progress
from striate.support.shown import Shown


@dataclass(frozen=True, kw_only=True)
class CheckReport(Shown):
    """All that a check finds.

    Args:
        origin: the resolved folder, or the name of a known data set.
        classes: names of the classes.
        totals: images by split.
        counts: images of each class, in the order of `classes`, by split.
        held_out: ``val``, ``test`` or ``split``, as in `striate.data.sources.Data`.
        problems: files that training refuses, each with its `striate.data.decoding.flaws.Kind`.
        refusal: why training refuses the set as a whole, or an empty string.
        misnamed: files whose name promises another format than they have; they can be used.
        ignored: files that are no images.
        loose: images that lie in no class folder.
        notes: what a person should know and need not mend.
        duplicates: groups of exact and of near duplicates.
        uncompared: images too flat to be compared for near duplicates.
        imbalance: the largest class by the smallest, of the training images (of the only split,
            where there are none).
        sizes: minimum, median and maximum of width, height and aspect (width by height), and the
            names of the smallest images.
        grey: images without colour.
        statistics: of the same images in RGB, or in grey where no image has colour.
        targets: of images with numbers, what each is like.
    """

    shown_by: ClassVar[str] = "striate.data.checking.terminal:show"

    origin: str
    classes: tuple[str, ...]
    totals: dict[str, int]
    counts: dict[str, list[int]]
    held_out: str
    problems: tuple[Problem, ...]
    refusal: str
    misnamed: tuple[Problem, ...]
    ignored: tuple[str, ...]
    loose: tuple[str, ...]
    notes: tuple[str, ...]
    duplicates: tuple[Duplicates, ...]
    uncompared: int
    imbalance: float
    sizes: dict[str, Any]
    grey: int
    statistics: Statistics | None
    targets: tuple[TargetReport, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether `train` would take the set as it is."""
        return not self.problems and not self.refusal

    @property
    def images(self) -> int:
        """Images that can be used, over all splits."""
        return sum(self.totals.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data with the fields' names, and `usable` and `images`."""
        plain = "origin totals counts held_out refusal uncompared imbalance"
        fields = {name: getattr(self, name) for name in plain.split()}
        return {
            **fields,
            "usable": self.usable,
            "images": self.images,
            "classes": list(self.classes),
            "problems": [asdict(problem) for problem in self.problems],
            "misnamed": [asdict(problem) for problem in self.misnamed],
            "ignored": list(self.ignored),
            "loose": list(self.loose),
            "notes": list(self.notes),
            "duplicates": [group.to_json() for group in self.duplicates],
            "sizes": self.sizes,
            "grey": self.grey,
            "statistics": None if self.statistics is None else asdict(self.statistics),
            "targets": [target.to_json() for target in self.targets],
        }


def check(
    data: str | Path,
    *,
    answers: Answers = CLASSES,
    seed: int = 0,
    val_fraction: float = 0.2,
    workers: int = 0,
    cache: Path | None = None,
    recheck: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Look at every image that `data` names, as `striate.data.sources.open_data` would.

    Args:
        data: as there.
        answers: as there.
        seed: decides the split where there is none, for the duplicates across it.
        val_fraction: share of the images that this split holds out.
        workers: threads; 0 for one a processor.
        cache: as there.
        recheck: as there.
        progress: called with the number of files done and of all.

    Raises:
        DataError: there is nothing to look at: no such place, no class folders.
    """
    check_fraction(val_fraction)
    made = Made(moments=Moments(), cache=cache)
    settings = ReadSettings(
        workers=workers,
        sketches=True,
        cache=cache,
        recheck=recheck,
        progress=progress,
        visitors=made.visitors,
        answers=answers,
    )
    found = read_contents(data, settings)
    splits, held_out, notes, refusal = found.sets, "none", tuple(found.notes), ""
    try:
        arranged = data_from(found, seed=seed, val_fraction=val_fraction)
        splits, held_out, notes = arranged.splits, arranged.held_out_name, arranged.notes
    except DataError as error:
        refusal = f"{error.why}; {error.remedy}".rstrip("; ")
    groups, uncompared = _duplicates(found, splits, workers)
    return CheckReport(
        origin=found.origin,
        problems=tuple(found.problems),
        refusal=refusal,
        misnamed=tuple(found.misnamed),
        ignored=tuple(found.ignored),
        loose=tuple(found.loose),
        notes=notes,
        duplicates=groups,
        uncompared=uncompared,
        **_figures(splits, held_out),
        statistics=_statistics(splits, workers, made) if len(_first(splits)) else None,
    )


def summary(data: Data) -> dict[str, Any]:
    """What a report of a run holds of its images: `CheckReport.to_json` without near duplicates.

    No image is read for it; channel statistics are in it where `data` has them.
    """
    digests = concatenated([images.digests for images in data.splits.values()])
    exact = exact_duplicates(digests)
    return CheckReport(
        origin=data.origin,
        problems=data.skipped,
        refusal="",
        misnamed=(),
        ignored=(),
        loose=(),
        notes=data.notes,
        duplicates=described("exact", exact, members_of(data.splits, exact)),
        uncompared=len(digests),
        **_figures(data.splits, data.held_out_name),
        statistics=data.statistics,
    ).to_json()


def statistics_of(data: Data, workers: int = 0) -> Statistics:
    """Channel statistics of the images that `data` has to train on, as a report shows them."""
    return _statistics(data.splits, workers, data.train.made)


def _statistics(splits: dict[str, ImageSet], workers: int, made: Made | None) -> Statistics:
    grey = all(images.is_grey for images in splits.values())
    images = replace(_first(splits), made=made)
    return channel_statistics(images, 1 if grey else 3, workers=workers)


def _first(splits: dict[str, ImageSet]) -> ImageSet:
    """The training images, or those of the only split where there are none."""
    return splits["train"] if "train" in splits else next(iter(splits.values()))


def _figures(splits: dict[str, ImageSet], held_out: str) -> dict[str, Any]:
    """The fields of a report that are counted."""
    train = _first(splits)
    fewest = int(train.counts.min(initial=train.counts.max(initial=0)))
    return {
        "classes": train.classes,
        "totals": {name: len(images) for name, images in splits.items()},
        "counts": {name: _counts(images, train.classes) for name, images in splits.items()},
        "held_out": held_out,
        "imbalance": round(int(train.counts.max(initial=0)) / fewest, 3) if fewest else 0.0,
        "sizes": _sizes(splits),
        "targets": describe(splits),
        "grey": int(sum(images.grey.sum() for images in splits.values())),
    }


def _counts(images: ImageSet, classes: tuple[str, ...]) -> list[int]:
    own = dict(zip(images.classes, images.counts.tolist(), strict=True))
    return [own.get(name, 0) for name in classes]


def _sizes(splits: dict[str, ImageSet], smallest: int = 5) -> dict[str, Any]:
    """Width, height and aspect of all images in figures, and the smallest images by name."""
    sizes = np.concatenate([images.sizes for images in splits.values()]).astype(np.float64)
    if not len(sizes):
        return {}
    names = concatenated([images.names for images in splits.values()])
    height, width = sizes.T
    order = np.argsort(sizes.min(axis=1), kind="stable")[:smallest]
    figures = {
        name: {
            "min": round(float(values.min()), 3),
            "median": round(float(np.median(values)), 3),
            "max": round(float(values.max()), 3),
        }
        for name, values in (("width", width), ("height", height), ("aspect", width / height))
    }
    return {
        **figures,
        "smallest": [
            {"name": names[i], "width": int(width[i]), "height": int(height[i])} for i in order
        ],
    }


def _duplicates(
    found: Contents, splits: dict[str, ImageSet], workers: int
) -> tuple[tuple[Duplicates, ...], int]:
    """Exact and near duplicates over all splits."""
    sets = list(found.sets.values())
    digests = concatenated([images.digests for images in sets])
    exact, near = exact_duplicates(digests), Found([], len(digests))
    if len(digests):
        signs = all(each.is_grey and each.largest_side <= SMALL for each in sets)
        near = near_duplicates(
            Sketches.joined(list(found.sketches.values())),
            lambda indices: _squares(sets, indices, workers),
            digests,
            SIGNS if signs else PHOTOGRAPHS,
        )
    members = members_of(found.sets, [*exact, *near.groups])
    own = {member.name for member in members.values()}
    of_name = {
        name: split for split, images in splits.items() for name in images.names if name in own
    }
    for index, member in members.items():
        members[index] = replace(member, split=of_name.get(member.name, member.split))
    both = (*described("exact", exact, members), *described("near", near.groups, members))
    return both, near.flat


def _squares(sets: Sequence[ImageSet], indices: NDArray[np.int64], workers: int) -> Array:
    """Grey squares of some images of all `sets`, read again: uint8 (n, 32, 32)."""
    starts = np.cumsum([0, *map(len, sets)])

    def square(index: int) -> Array:
        which = int(np.searchsorted(starts, index, side="right")) - 1
        with sets[which].reading(index - int(starts[which]), None) as pixels:
            return square_of(pixels)

    squares = np.empty((len(indices), SQUARE, SQUARE), np.uint8)
    with closing(over_threads(square, indices.tolist(), workers)) as found:
        for row, each in enumerate(found):
            squares[row] = each
    return squares
