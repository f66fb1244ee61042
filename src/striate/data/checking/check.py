"""What is wrong with a set of images, and what they are like. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from striate.data.checking.duplicates import PHOTOGRAPHS, SIGNS, exact_duplicates, near_duplicates
from striate.data.contents import Contents, ReadSettings, read_contents
from striate.data.images import SMALL, ImageSet
from striate.data.scan import Problem
from striate.data.sources import Data, data_from
from striate.data.split import check_fraction
from striate.data.statistics import Statistics, channel_statistics
from striate.errors import DataError
from striate.support.progress import Progress
from striate.support.shown import Shown


@dataclass(frozen=True)
class Member:
    """An image of a group of duplicates."""

    name: str
    split: str
    class_name: str


@dataclass(frozen=True)
class Duplicates:
    """Images that show the same.

    `crosses_splits`: some are trained on and others measured on, so figures come out too good.
    `crosses_classes`: one picture under two labels.
    """

    kind: str
    members: tuple[Member, ...]

    @property
    def crosses_splits(self) -> bool:
        """Whether not all members are in one split."""
        return len({member.split for member in self.members}) > 1

    @property
    def crosses_classes(self) -> bool:
        """Whether not all members are of one class."""
        return len({member.class_name for member in self.members}) > 1

    def to_json(self) -> dict[str, Any]:
        """Plain data: kind, crosses_splits, crosses_classes, members."""
        return {
            "kind": self.kind,
            "crosses_splits": self.crosses_splits,
            "crosses_classes": self.crosses_classes,
            "members": [
                {"name": member.name, "split": member.split, "class": member.class_name}
                for member in self.members
            ],
        }


@dataclass(frozen=True, kw_only=True)
class CheckReport(Shown):
    """All that a check finds.

    Args:
        origin: the resolved folder, or the name of a known data set.
        classes: names of the classes.
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
    """

    shown_by: ClassVar[str] = "striate.data.checking.terminal:show"

    origin: str
    classes: tuple[str, ...]
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

    @property
    def usable(self) -> bool:
        """Whether `train` would take the set as it is."""
        return not self.problems and not self.refusal

    @property
    def images(self) -> int:
        """Images that can be used, over all splits."""
        return sum(sum(counts) for counts in self.counts.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data with the fields' names, and `usable` and `images`."""
        fields = {
            name: getattr(self, name)
            for name in ("origin", "counts", "held_out", "refusal", "uncompared", "imbalance")
        }
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
        }


def check(
    data: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.2,
    workers: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Look at every image that `data` names, as `striate.data.sources.open_data` would.

    `seed` and `val_fraction` decide the split where there is none, for the duplicates across it.

    Raises:
        DataError: there is nothing to look at: no such place, no class folders.
    """
    check_fraction(val_fraction)
    found = read_contents(data, ReadSettings(workers=workers, thumbnails=True, progress=progress))
    splits, held_out, notes, refusal = found.sets, "none", tuple(found.notes), ""
    try:
        arranged = data_from(found, seed=seed, val_fraction=val_fraction)
        splits, held_out, notes = arranged.splits, arranged.held_out_name, arranged.notes
    except DataError as error:
        refusal = f"{error.why}; {error.remedy}".rstrip("; ")
    groups, uncompared = _duplicates(found, splits)
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
        **_figures(splits, held_out, workers),
    )


def summary(data: Data, *, statistics: bool = True) -> dict[str, Any]:
    """What a report of a run holds of its images: `CheckReport.to_json` without near duplicates.

    Costs no second look at the images but for the channel statistics, which may be left out.
    """
    members = _members(data.splits)
    digests = [digest for images in data.splits.values() for digest in images.digests]
    return CheckReport(
        origin=data.origin,
        problems=data.skipped,
        refusal="",
        misnamed=(),
        ignored=(),
        loose=(),
        notes=data.notes,
        duplicates=_described("exact", exact_duplicates(digests), members),
        uncompared=len(digests),
        **_figures(data.splits, data.held_out_name, 0, statistics=statistics),
    ).to_json()


def _figures(
    splits: dict[str, ImageSet], held_out: str, workers: int, *, statistics: bool = True
) -> dict[str, Any]:
    """The fields of a report that are counted and measured on the images themselves."""
    train = splits["train"] if "train" in splits else next(iter(splits.values()))
    grey = all(images.is_grey for images in splits.values())
    fewest = int(train.counts.min(initial=train.counts.max(initial=0)))
    return {
        "classes": train.classes,
        "counts": {name: _counts(images, train.classes) for name, images in splits.items()},
        "held_out": held_out,
        "imbalance": round(int(train.counts.max(initial=0)) / fewest, 3) if fewest else 0.0,
        "sizes": _sizes(splits),
        "grey": int(sum(images.grey.sum() for images in splits.values())),
        "statistics": channel_statistics(train, 1 if grey else 3, workers=workers)
        if len(train) and statistics
        else None,
    }


def _counts(images: ImageSet, classes: tuple[str, ...]) -> list[int]:
    own = dict(zip(images.classes, images.counts.tolist(), strict=True))
    return [own.get(name, 0) for name in classes]


def _sizes(splits: dict[str, ImageSet], smallest: int = 5) -> dict[str, Any]:
    """Width, height and aspect of all images in figures, and the smallest images by name."""
    sizes = np.concatenate([images.sizes for images in splits.values()]).astype(np.float64)
    if not len(sizes):
        return {}
    names = [name for images in splits.values() for name in images.names]
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


def _duplicates(found: Contents, splits: dict[str, ImageSet]) -> tuple[tuple[Duplicates, ...], int]:
    """Exact and near duplicates over all splits."""
    of_name = {name: split for split, images in splits.items() for name in images.names}
    members = [
        Member(member.name, of_name.get(member.name, member.split), member.class_name)
        for member in _members(found.sets)
    ]
    digests = [digest for images in found.sets.values() for digest in images.digests]
    exact = _described("exact", exact_duplicates(digests), members)
    if not found.thumbnails:
        return exact, len(digests)
    signs = all(each.is_grey and each.largest_side <= SMALL for each in found.sets.values())
    near = near_duplicates(
        np.concatenate(list(found.thumbnails.values())),
        np.concatenate(list(found.colours.values())),
        digests,
        SIGNS if signs else PHOTOGRAPHS,
    )
    return (*exact, *_described("near", near.groups, members)), near.flat


def _members(splits: dict[str, ImageSet]) -> list[Member]:
    return [
        Member(name, split, images.classes[label])
        for split, images in splits.items()
        for name, label in zip(images.names, images.labels.tolist(), strict=True)
    ]


def _described(
    kind: str, groups: Sequence[Sequence[int]], members: Sequence[Member]
) -> tuple[Duplicates, ...]:
    """Groups of indices as groups of images, those first that harm most."""
    described = [Duplicates(kind, tuple(members[index] for index in group)) for group in groups]
    harm = sorted(
        described, key=lambda group: (not group.crosses_splits, not group.crosses_classes)
    )
    return tuple(harm)
