"""From what the user names to images by split and class, each of them decoded once and found sound.

`open_data` reads everything, refuses bad files, and makes splits of what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Digests, concatenated
from striate.data.contents import Contents, read_contents
from striate.data.finding.folders import entries
from striate.data.images import ImageSet
from striate.data.manifest import (
    Manifest,
    fingerprint_of,
    fingerprint_with_names,
    is_of_names,
)
from striate.data.pixels import Gathered, Pixels
from striate.data.preprocessing import with_channels
from striate.data.reading import ReadSettings
from striate.data.scan import Problem, Visitor
from striate.data.split import held_out
from striate.data.statistics import Statistics
from striate.data.targets import Target
from striate.errors import DataError, RunError, nearest, parameter
from striate.support import paths
from striate.support.progress import Progress
from striate.support.text import printable

_NAMED = 6  # classes that a line names


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
        """How many classes and images there are, in one line."""
        names = ", ".join(printable(name) for name in self.classes[:_NAMED])
        more = ", …" if len(self.classes) > _NAMED else ""
        counts = [f"{len(self.train):,} images to train on", f"{len(self.val):,} held out"]
        counts += [f"{len(self.test):,} to test on"] if self.test is not None else []
        counts += [_counted(self.others, "other file") + " passed over"] if self.others else []
        return f"{len(self.classes):,} classes ({names}{more}): {', '.join(counts)}"

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
    progress: Progress | None = None,
) -> Data:
    """Find, verify and split images.

    Args:
        data: a folder of class folders; a folder that holds train/ and perhaps val/ and test/, in
            any spelling, with class folders in each; a folder of MNIST's IDX files; or one of the
            names ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``cifar100``,
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
        progress: called with the number of files done and of all.

    Raises:
        DataError: no such place, folders that could be splits or classes, one class only, a class
            without an image to train on, a class in val or test that train does not have, files
            that cannot be used, each named with its reason.
        RunError: images of the manifest are gone.
    """
    settings = ReadSettings(
        workers=workers,
        progress=progress,
        download=download,
        cache=cache,
        recheck=recheck,
        pixels=pixels,
        known=None if manifest is None else manifest.by_content(),
        visitors=visitors,
    )
    found = read_contents(data, settings)
    if manifest is not None:
        return restored(found, manifest, seed=seed, val_fraction=val_fraction)
    if found.problems and not skip_bad:
        raise refusal(found)
    return data_from(found, seed=seed, val_fraction=val_fraction)


def data_from(found: Contents, *, seed: int = 0, val_fraction: float = 0.2) -> Data:
    """The splits to train with.

    Raises:
        DataError: they cannot be trained on.
    """
    origin = printable(found.origin)
    if "train" not in found.sets:
        held = " and ".join(f"{name}/" for name in found.sets)
        raise DataError(origin, f"has {held} and no images to train on", "put them into train/")
    train = found.sets["train"]
    _refuse_few_classes(found.origin, train)
    given = {
        name: with_classes(found.sets[name], train.classes, f"{origin} ({name})", "train")
        for name in ("val", "test")
        if len(found.sets.get(name, ()))
    }
    held = next(iter(given), "split")
    if held == "split":
        out = held_out(train.digests, train.labels, val_fraction, seed)
        train, val = train.subset(np.flatnonzero(~out)), train.subset(np.flatnonzero(out))
    else:
        val = given[held]
    if not len(val):
        raise DataError(
            origin,
            "no class has two different images, so none can be held out",
            "add images, or a val/ folder",
        )
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
    )
    of = data.manifest
    return replace(data, fingerprint=fingerprint_of(of.classes, of.digests, of.labels))


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
    there = _with_labels(everything.digests, everything.labels)
    splits: dict[str, ImageSet] = {}
    gone = 0
    for split, digests in manifest.digests.items():
        places = there.places_of(_with_labels(digests, manifest.labels[split]))
        gone += int((places < 0).sum())
        splits[split] = everything.subset(places[places >= 0])
    if gone:
        total = sum(map(len, manifest.digests.values()))
        bad = "".join(f", {problem.name} {problem.reason}" for problem in found.problems)
        why = (
            "holds other images than those that the run was made with: "
            f"{gone:,} of {total:,} are not there{bad}"
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
    )


def _with_labels(digests: Sequence[str], labels: NDArray[np.int64]) -> Digests:
    """Each content hash and label as one key, of the form of a content hash."""
    rows = Digests.of(digests).rows.copy()
    rows.view(np.uint64)[:, 0] += labels.astype(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15)
    return Digests(rows)


def joined(sets: Sequence[ImageSet], classes: tuple[str, ...]) -> ImageSet:
    """All images of several sets whose class is among `classes`, labelled by these.

    Of sets of numbers, all images with their values; the sets have the same targets.
    """
    place = {name: label for label, name in enumerate(classes)}
    labels = np.concatenate(
        [
            np.array([place.get(name, -1) for name in images.classes], np.int64)[images.labels]
            if images.classes
            else images.labels
            for images in sets
        ]
    )
    values = [images.values for images in sets if images.values is not None]
    files = all(images.paths is not None for images in sets)
    held = all(images.pixels is not None for images in sets)
    everything = ImageSet(
        classes=classes,
        labels=labels,
        names=concatenated([images.names for images in sets]),
        digests=concatenated([images.digests for images in sets]),
        sizes=np.concatenate([images.sizes for images in sets]),
        grey=np.concatenate([images.grey for images in sets]),
        paths=concatenated([images.paths or () for images in sets]) if files else None,
        pixels=_pixels(sets) if held else None,
        targets=sets[0].targets,
        values=np.concatenate(values) if values else None,
    )
    return everything.subset(np.flatnonzero(labels >= 0))


def _pixels(sets: Sequence[ImageSet]) -> Pixels:
    """The pixels of several sets that hold them: views, where they lie in one block."""
    held = [each.pixels for each in sets]
    views = [each for each in held if isinstance(each, Pixels)]
    if len(views) == len(held) and len({id(each.block) for each in views}) == 1:
        return Pixels(views[0].block, np.concatenate([each.rows for each in views]))
    gathered = Gathered()
    grey = all(images.is_grey for images in sets)
    for images in sets:
        for image in images.pixels if images.pixels is not None else ():
            gathered.add(with_channels(image, 1 if grey else 3))
    return Pixels(gathered.block())


def _refuse_few_classes(origin: str, train: ImageSet) -> None:
    """Raise for a training split that no classifier can be made of."""
    what = printable(origin)
    if not train.classes:
        raise DataError(what, "holds no class folders", "give each class a folder of its own")
    if len(train.classes) < 2:
        only = train.classes[0]
        inner = Path(origin) / only
        remedy = "give each class a folder of its own"
        if paths.is_folder(inner, kind=DataError) and entries(inner)[0]:
            remedy = f"did you mean {paths.shown(inner)}?"
        raise DataError(what, f"holds one class only ('{only}')", remedy)
    empty = [f"'{name}'" for name, n in zip(train.classes, train.counts, strict=True) if not n]
    if empty:
        where = f"class{'es' if len(empty) > 1 else ''} {', '.join(empty)}"
        raise DataError(what, f"no image to train on in {where}", "add some, or remove the folder")


def with_classes(images: ImageSet, classes: tuple[str, ...], what: str, those: str) -> ImageSet:
    """`images` labelled by `classes`; DataError, naming `those`, for one that is not among them."""
    if images.classes == classes:
        return images
    place = {name: label for label, name in enumerate(classes)}
    for name, count in zip(images.classes, images.counts, strict=True):
        if count and name not in place:
            raise DataError(what, f"class '{name}' is not in {those}", nearest(name, classes))
    new = np.array([place.get(name, -1) for name in images.classes], np.int64)
    return images.relabelled(classes, new[images.labels])


def refusal(found: Contents) -> DataError:
    """One line with how many files are bad, and every one of them with its reason."""
    listed = ", ".join(f"{problem.name} ({problem.reason})" for problem in found.problems)
    many = len(found.problems) > 1
    return DataError(
        printable(found.origin),
        f"{_counted(len(found.problems), 'file')} cannot be used: {listed}",
        f"mend or remove {'them' if many else 'it'}, "
        f"or leave out bad files by {parameter('skip_bad', True)}",
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
