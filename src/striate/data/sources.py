"""From what the user names to images by split and class, each of them decoded once and found sound.

`open_data` reads everything, refuses bad files, and makes splits of what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Digests
from striate.data.contents import Contents, read_contents
from striate.data.finding.folders import entries
from striate.data.images import ImageSet
from striate.data.joining import joined, with_classes
from striate.data.learnable import refuse_unlearnable
from striate.data.manifest import Manifest, fingerprint_with_names, is_of_names
from striate.data.reading import ReadSettings
from striate.data.scan import Problem, Visitor
from striate.data.split import held_out, held_out_numbers
from striate.data.split_by_draw import held_out_by_draw
from striate.data.statistics import Statistics
from striate.data.tables.find import is_table
from striate.data.targets import CLASSES, Answers, Target
from striate.errors import DataError, RunError, parameter
from striate.support import paths
from striate.support.progress import Progress
from striate.support.text import printable

Rule: TypeAlias = Callable[[Sequence[str], NDArray[np.int64], float, int], NDArray[np.bool_]]
"""From content hashes, labels, a share and a seed to which images are held out."""

_NAMED = 6  # classes that a line names
_LISTED = 100  # bad files that a line names


@dataclass(frozen=True)
class Data:
    """Images to train and to measure on.

    Args:
        origin: the resolved folder, or the name of a known data set.
        classes: names of the classes, in the order of the labels.
        train: the images to train on.
        val: those that training is judged by.
        test: images kept for the very end, where the data come with three parts.
        fingerprint: hash of every image's split, class and content, whatever it is called.
        skipped: files that were passed over since they cannot be used.
        held_out_name: what `val` is: ``"val"``, ``"test"`` (the only part held out) or ``"split"``
            (taken from the training images by content hash and seed).
        notes: what a person should know and need not mend.
        others: how many files are no images.
        statistics: of the channels of the training images, where they are known.
        targets: the numbers that each image is answered with; empty where images have classes, and
            where there are some, there are no classes.
    """

    origin: str
    classes: tuple[str, ...]
    train: ImageSet
    val: ImageSet
    test: ImageSet | None
    fingerprint: str
    skipped: tuple[Problem, ...] = ()
    held_out_name: str = "val"
    notes: tuple[str, ...] = ()
    others: int = 0
    statistics: Statistics | None = None
    targets: tuple[Target, ...] = ()

    @property
    def splits(self) -> dict[str, ImageSet]:
        """The splits there are, by name."""
        three = {"train": self.train, "val": self.val, "test": self.test}
        return {name: images for name, images in three.items() if images is not None}

    @property
    def described(self) -> str:
        """How many classes and images there are, or which numbers, in one line."""
        counts = [f"{len(self.train):,} images to train on", f"{len(self.val):,} held out"]
        counts += [f"{len(self.test):,} to test on"] if self.test is not None else []
        counts += [_counted(self.others, "other file") + " passed over"] if self.others else []
        return f"{self._answers}: {', '.join(counts)}"

    @property
    def _answers(self) -> str:
        values = self.train.values
        if values is not None:
            ranges = zip(self.targets, values.min(axis=0), values.max(axis=0), strict=True)
            return ", ".join(
                f"{printable(target.described)} from {low:g} to {high:g}"
                for target, low, high in ranges
            )
        names = ", ".join(printable(name) for name in self.classes[:_NAMED])
        more = ", …" if len(self.classes) > _NAMED else ""
        return f"{len(self.classes):,} classes ({names}{more})"

    @property
    def manifest(self) -> Manifest:
        """What a run keeps of these images."""
        return Manifest.of(
            self.splits,
            classes=self.classes,
            held_out=self.held_out_name,
            fingerprint=self.fingerprint,
            statistics=self.statistics,
        )

    def is_of(self, fingerprint: str) -> bool:
        """Whether these are the images that a run calls by that fingerprint."""
        if is_of_names(fingerprint) and not is_of_names(self.fingerprint):
            return fingerprint_with_names(self.splits) == fingerprint
        return self.fingerprint == fingerprint


def named_data(data: str | Path) -> str:
    """`data` as text that `open_data` takes: a path is a path, whatever data set is called so.

    Raises:
        DataError: nothing can be called that.
    """
    if isinstance(data, Path) and paths.is_folder(data, kind=DataError):
        return str(paths.resolved(data, kind=DataError))
    return str(data)


def open_data(
    data: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.2,
    skip_bad: bool = False,
    download: bool = True,
    workers: int = 0,
    cache: Path | None = None,
    recheck: bool = False,
    pixels: bool = True,
    visitors: Sequence[Visitor] = (),
    manifest: Manifest | None = None,
    fingerprint: str = "",
    answers: Answers | None = None,
    progress: Progress | None = None,
) -> Data:
    """Find, verify and split images.

    Args:
        data: a folder of class folders; a folder that holds train/ and perhaps val/ and test/, in
            any spelling, with class folders in each; a table (CSV, TSV or Parquet) with a column of
            files, one of their classes and perhaps one of splits, or a folder with such a table
            called ``metadata.csv``; an archive of such a folder; WebDataset's shards; Parquet files
            that hold images; a folder of MNIST's IDX files; ``hf:user/name``; or one of the
            names ``digits``, ``shapes``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``cifar100``,
            ``flowers102``. A string that is such a name means it; ``./digits`` means the folder.
        seed: of the split where the data have none; see `striate.data.split`.
        val_fraction: share of the images that this split holds out.
        skip_bad: go on without the files that cannot be used; they are listed in `Data.skipped`.
        download: fetch a named data set that is not in the cache.
        workers: threads; 0 for one a processor. The result does not depend on it.
        cache: folder of what is known of files from before, which are not read again; None for
            none. See `striate.data.known`.
        recheck: read all files all the same.
        pixels: hold small images in memory, decoded.
        visitors: who takes something from the images of files while they are decoded.
        manifest: of a run, whose images are wanted as they were, whatever they are called now.
        fingerprint: of the images of a run without one, which are split as they were; see
            `arranged_for`.
        answers: what the images are to be answered with; None for their classes or, with a
            `manifest`, for what that has.
        progress: called with the number of files done and of all.

    Raises:
        DataError: no such place, folders that could be splits or classes, one class only, a class
            without an image to train on, a class in val or test that train does not have, a table
            that cannot be read or lacks something, a target that is always the same, files that
            cannot be used, each named with its reason.
        RunError: images of the manifest are gone.
    """
    if answers is None and manifest is not None:
        answers = Answers(
            targets=tuple(target.name for target in manifest.targets),
            units=tuple(target.unit for target in manifest.targets),
        )
    settings = ReadSettings(
        workers=workers,
        progress=progress,
        download=download,
        cache=cache,
        recheck=recheck,
        pixels=pixels,
        known=None if manifest is None else manifest.by_content(),
        visitors=visitors,
        answers=answers or CLASSES,
    )
    found = read_contents(data, settings)
    if manifest is not None:
        return restored(found, manifest, seed=seed, val_fraction=val_fraction)
    if found.problems and not skip_bad:
        raise refusal(found)
    if fingerprint:
        return arranged_for(fingerprint, found, seed=seed, val_fraction=val_fraction)
    return data_from(found, seed=seed, val_fraction=val_fraction)


def arranged_for(
    fingerprint: str, found: Contents, *, seed: int = 0, val_fraction: float = 0.2
) -> Data:
    """The splits of a run that has no list of its images, by whichever rule it was split.

    Its fingerprint is one of splits as well, so it tells that rule. Where neither gives it, the
    images are others, and are split as those of a new run.

    Raises:
        DataError: they cannot be trained on.
    """
    data = data_from(found, seed=seed, val_fraction=val_fraction)
    if data.held_out_name == "split" and not data.targets and not data.is_of(fingerprint):
        before = data_from(found, seed=seed, val_fraction=val_fraction, rule=held_out_by_draw)
        if before.is_of(fingerprint):
            return before
    return data


def data_from(
    found: Contents, *, seed: int = 0, val_fraction: float = 0.2, rule: Rule = held_out
) -> Data:
    """The splits to train with.

    Args:
        found: what there is.
        seed: of the split, where there is none.
        val_fraction: share of the images that it holds out.
        rule: by which it holds out images with classes.

    Raises:
        DataError: they cannot be trained on.
    """
    origin = printable(found.origin)
    if "train" not in found.sets:
        held = " and ".join(f"{name}/" for name in found.sets)
        raise DataError(origin, f"has {held} and no images to train on", "put them into train/")
    train = found.sets["train"]
    if not train.targets:
        _refuse_few_classes(found.origin, train)
    given = {
        name: with_classes(found.sets[name], train.classes, f"{origin} ({name})", "train")
        for name in ("val", "test")
        if len(found.sets.get(name, ()))
    }
    held = next(iter(given), "split")
    if held == "split":
        out = _held_out(train, val_fraction, seed, rule)
        train, val = train.subset(np.flatnonzero(~out)), train.subset(np.flatnonzero(out))
    else:
        val = given[held]
    if not len(val):
        none = "there are no" if train.targets else "no class has"
        raise DataError(
            origin,
            f"{none} two different images, so none can be held out",
            "add images, or a val/ folder",
        )
    refuse_unlearnable(train, origin)
    unseen = [name for name, count in zip(val.classes, val.counts, strict=True) if not count]
    note = [f"no image is held out of: {', '.join(unseen)}"] if unseen else []
    data = Data(
        origin=found.origin,
        classes=train.classes,
        train=train,
        val=val,
        test=given.get("test") if held == "val" else None,
        fingerprint="",
        skipped=tuple(found.problems),
        held_out_name=held,
        notes=(*found.notes, *note),
        others=len(found.ignored),
        targets=train.targets,
    )
    return replace(data, fingerprint=data.manifest.own_fingerprint)


def _held_out(train: ImageSet, val_fraction: float, seed: int, rule: Rule) -> NDArray[np.bool_]:
    """Which of the images are held out where nobody has said it."""
    if train.values is not None:
        return held_out_numbers(train.digests, train.values, val_fraction, seed)
    return rule(train.digests, train.labels, val_fraction, seed)


def restored(found: Contents, manifest: Manifest, *, seed: int, val_fraction: float) -> Data:
    """The images of `manifest` among those `found`, in its splits and its order.

    They may have other names and lie in other splits than they did; what has come since is left
    out.

    Raises:
        RunError: one of them is gone.
    """
    with suppress(DataError):
        data = data_from(found, seed=seed, val_fraction=val_fraction)
        if data.manifest.lists_the_same_as(manifest):
            return replace(data, fingerprint=manifest.fingerprint, statistics=manifest.statistics)
    everything = joined(list(found.sets.values()), manifest.classes)
    there = _with_answers(everything.digests, everything.labels, everything.values)
    splits: dict[str, ImageSet] = {}
    gone = 0
    for split, digests in manifest.digests.items():
        wanted = _with_answers(digests, manifest.labels[split], manifest.values.get(split))
        places = there.places_of(wanted)
        gone += int((places < 0).sum())
        splits[split] = everything.subset(places[places >= 0])
    if gone:
        total = sum(map(len, manifest.digests.values()))
        bad = "".join(f", {problem.name} {problem.reason}" for problem in found.problems)
        why = (
            "holds other images than those that the run was made with: "
            f"{gone:,} of {total:,} are not there"
            f"{' with the numbers that they had' if manifest.targets else ''}{bad}"
        )
        raise RunError(printable(found.origin), why, "restore them")
    kept = Digests.joined([images.digests for images in splits.values()])
    every = Digests.joined([images.digests for images in found.sets.values()])
    new = int((kept.places_of(every) < 0).sum())
    note = [f"{_counted(new, 'image')} came after the run began: not used"] if new else []
    return Data(
        origin=found.origin,
        classes=manifest.classes,
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test"),
        fingerprint=manifest.fingerprint,
        skipped=tuple(found.problems),
        held_out_name=manifest.held_out,
        notes=(*found.notes, *note),
        others=len(found.ignored),
        statistics=manifest.statistics,
        targets=splits["train"].targets,
    )


def _with_answers(
    digests: Sequence[str], labels: NDArray[np.int64], values: NDArray[np.float64] | None
) -> Digests:
    """Each content hash with its label or numbers as one key, of the form of a content hash."""
    step = np.uint64(0x9E37_79B9_7F4A_7C15)
    rows = Digests.of(digests).rows.copy()
    first = rows.view(np.uint64)[:, 0]
    first += labels.astype(np.uint64) * step
    for column in () if values is None else values.T:
        first *= step  # odd, so that nothing of what is there is lost
        first += np.ascontiguousarray(column + 0.0).view(np.uint64)
    return Digests(rows)


def _refuse_few_classes(origin: str, train: ImageSet) -> None:
    """Raise for a training split that no classifier can be made of."""
    what = printable(origin)
    if not train.classes:
        raise DataError(what, "holds no class folders", "give each class a folder of its own")
    if len(train.classes) < 2:
        only = train.classes[0]
        inner = Path(origin) / only
        remedy = "give each class a folder of its own"
        if is_table(Path(origin)):
            remedy = "list images of another one"
        elif paths.is_folder(inner, kind=DataError) and entries(inner)[0]:
            remedy = f"did you mean {paths.shown(inner)}?"
        raise DataError(what, f"holds one class only ('{only}')", remedy)
    empty = [f"'{name}'" for name, n in zip(train.classes, train.counts, strict=True) if not n]
    if empty:
        where = f"class{'es' if len(empty) > 1 else ''} {', '.join(empty)}"
        raise DataError(what, f"no image to train on in {where}", "add some, or remove the folder")


def refusal(found: Contents) -> DataError:
    """One line with how many files are bad, and the first of them, each with its reason."""
    first = [f"{problem.name} ({problem.reason})" for problem in found.problems[:_LISTED]]
    more = len(found.problems) - len(first)
    listed = ", ".join(first) + (f" and {more:,} more, which `check` lists" if more else "")
    many = len(found.problems) > 1
    return DataError(
        printable(found.origin),
        f"{_counted(len(found.problems), 'file')} cannot be used: {listed}",
        f"mend or remove {'them' if many else 'it'}, "
        f"or leave out bad files by {parameter('skip_bad', True)}",
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
