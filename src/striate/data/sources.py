"""From what the user names to images by split and class, each of them decoded once and found sound.

`open_data` surveys, refuses bad files, and arranges what is left into splits.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from striate.data.folders import files_under, is_image_name
from striate.data.images import ImageSet
from striate.data.scan import Problem, Progress, Record
from striate.data.split import held_out
from striate.data.survey import Look, Survey, survey
from striate.errors import DataError, nearest
from striate.support.text import printable


@dataclass(frozen=True)
class Data:
    """Images to train and to measure on.

    Parameters
    ----------
    origin: the resolved folder, or the name of a known data set.
    classes: names of the classes, in the order of the labels.
    train, val: the images to train on and those that training is judged by.
    test: images kept for the very end, where the data come with three parts.
    fingerprint: hash of every image's split, class, name and content.
    skipped: files that were passed over since they cannot be used.
    held_out_name: what `val` is: ``"val"``, ``"test"`` (the only part held out) or ``"split"``
        (taken from the training images by content hash and seed).
    notes: what a person should know and need not mend.
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

    @property
    def splits(self) -> dict[str, ImageSet]:
        """The splits there are, by name."""
        three = {"train": self.train, "val": self.val, "test": self.test}
        return {name: images for name, images in three.items() if images is not None}


def open_data(
    data: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.2,
    skip_bad: bool = False,
    download: bool = True,
    workers: int = 0,
    known: Mapping[str, Record] | None = None,
    progress: Progress | None = None,
) -> Data:
    """Find, verify and split images.

    Parameters
    ----------
    data: a folder of class folders; a folder that holds train/ and perhaps val/ (valid/,
        validation/) and test/ with class folders in each; a folder of MNIST's IDX files; or one of
        the names ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``cifar100``,
        ``flowers102``. A string that is such a name means it; ``./digits`` means the folder.
    seed, val_fraction: decide the split where the data have none; see `striate.data.split`.
    skip_bad: go on without the files that cannot be used; they are listed in `Data.skipped`.
    download: fetch a named data set that is not in the cache.
    workers: threads; 0 for one a processor. The result does not depend on it.
    known: records of images that need not be decoded again, by content hash.
    progress: called with the number of files done and of all.

    Raises DataError: no such place, one class only, a class without an image to train on, a class
    in val or test that train does not have, or files that cannot be used, each named with its
    reason.
    """
    look = Look(workers=workers, progress=progress, download=download, known=known)
    found = survey(data, look)
    if found.problems and not skip_bad:
        raise _refusal(found)
    return arrange(found, seed=seed, val_fraction=val_fraction)


def open_labelled(
    data: str | Path,
    classes: Sequence[str],
    *,
    seed: int = 0,
    val_fraction: float = 0.2,
    trained_on: str = "",
    skip_bad: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> ImageSet:
    """Images to measure a network with those `classes` on: test, else val, else all there are.

    Where splitting them by `seed` and `val_fraction` gives the fingerprint `trained_on`, they are
    what the network was trained with, and only the held-out part of them is given. The images need
    not show every class. Raises DataError as `open_data` does, and for a class that the network
    does not know.
    """
    found = survey(data, Look(workers=workers, progress=progress))
    if found.problems and not skip_bad:
        raise _refusal(found)
    with suppress(DataError):
        own = arrange(found, seed=seed, val_fraction=val_fraction)
        if own.fingerprint == trained_on:
            return own.val if own.test is None else own.test
    split = next(name for name in ("test", "val", "train") if len(found.sets.get(name, ())))
    return _with_classes(found.sets[split], tuple(classes), found.origin, "the network's classes")


def arrange(found: Survey, *, seed: int = 0, val_fraction: float = 0.2) -> Data:
    """The splits to train with. Raises DataError for what cannot be trained on."""
    train = found.sets["train"]
    _refuse_few_classes(found.origin, train)
    given = {
        name: _with_classes(found.sets[name], train.classes, f"{found.origin} ({name})", "train")
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
            found.origin,
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
    )
    return replace(data, fingerprint=_fingerprint(data.splits))


def _refuse_few_classes(origin: str, train: ImageSet) -> None:
    """Raise for a training split that no classifier can be made of."""
    if len(train.classes) < 2:
        only = train.classes[0]
        inner = Path(origin) / only
        deeper = inner.is_dir() and any(path.is_dir() for path in inner.iterdir())
        remedy = f"did you mean {inner}?" if deeper else "give each class a folder of its own"
        raise DataError(origin, f"holds one class only ('{only}')", remedy)
    empty = [f"'{name}'" for name, n in zip(train.classes, train.counts, strict=True) if not n]
    if empty:
        where = f"class{'es' if len(empty) > 1 else ''} {', '.join(empty)}"
        why = f"no image to train on in {where}"
        raise DataError(origin, why, "add some, or remove the folder")


def _with_classes(images: ImageSet, classes: tuple[str, ...], what: str, those: str) -> ImageSet:
    """`images` labelled by `classes`; DataError, naming `those`, for one that is not among them."""
    if images.classes == classes:
        return images
    place = {name: label for label, name in enumerate(classes)}
    for name, count in zip(images.classes, images.counts, strict=True):
        if count and name not in place:
            raise DataError(what, f"class '{name}' is not in {those}", nearest(name, classes))
    new = np.array([place.get(name, -1) for name in images.classes], np.int64)
    return images.relabelled(classes, new[images.labels])


def _fingerprint(splits: dict[str, ImageSet]) -> str:
    """sha256 over the split, class, name and digest of every image, sorted."""
    lines = sorted(
        f"{split}\0{images.classes[label]}\0{name}\0{digest}\n"
        for split, images in splits.items()
        for label, name, digest in zip(
            images.labels.tolist(), images.names, images.digests, strict=True
        )
    )
    return sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _refusal(found: Survey) -> DataError:
    """One line that says how many files are bad, and every one of them with its reason."""
    listed = ", ".join(f"{problem.name} ({problem.reason})" for problem in found.problems)
    many = len(found.problems) > 1
    return DataError(
        found.origin,
        f"{len(found.problems)} file{'s' if many else ''} cannot be used: {listed}",
        f"mend or remove {'them' if many else 'it'}, or leave out bad files by --skip-bad",
    )


def open_images(sources: str | Path | Iterable[str | Path]) -> list[Path]:
    """The image files that files, folders (at any depth) and globs name, in order, each once.

    A file that is named itself is taken whatever its ending. Raises DataError where one of the
    sources names nothing.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    found: dict[Path, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_expand(Path(source).expanduser())))
    if not found:
        raise DataError("images", "none are given", "name files, folders or globs")
    return list(found)


def _expand(source: Path) -> list[Path]:
    if source.is_dir():
        images = [path for path in files_under(source) if is_image_name(path)]
        if not images:
            raise DataError(str(source.resolve()), "holds no images")
        return images
    if source.exists():
        return [source]
    matches = sorted(Path(m) for m in glob.glob(str(source), recursive=True))  # noqa: PTH207 - absolute
    images = [
        path
        for match in matches
        for path in (files_under(match) if match.is_dir() else [match])
        if is_image_name(path)
    ]
    if images:
        return images
    what = str(source.absolute())
    if glob.has_magic(str(source)):
        raise DataError(what, "matches no image")
    beside = source.absolute().parent
    if not beside.is_dir():
        raise DataError(what, f"there is no such file, nor the folder {beside}")
    choices = [printable(path.name) for path in beside.iterdir() if is_image_name(path)]
    remedy = nearest(source.name, choices) if choices else ""
    raise DataError(what, "there is no such file or folder", remedy)
