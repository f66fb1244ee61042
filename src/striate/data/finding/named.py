"""Data sets known by a name: drawn, shipped with scikit-learn, or downloaded by torchvision.

These lie in `striate.support.folders.cache_folder`: ``~/.cache/striate``, or the folder that the
environment variable STRIATE_CACHE names. Their classes keep the order of their publishers, so that
labels mean what papers say they mean.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.finding.idx import ArrayPart, digit_names, find_idx, read_idx_part
from striate.data.shapes import settings as shapes
from striate.data.targets import CLASSES, Answers, Target
from striate.errors import DataError, StriateError, parameter
from striate.support import paths
from striate.support.aside import printing_aside
from striate.support.folders import cache_folder

_SECONDS_WITHOUT_A_BYTE = 30
_FLOWERS = 8189  # photographs in Flowers102

MEMORY = "<memory>"
"""The name of images that a program has given, as long as `in_memory` holds them."""


@dataclass(frozen=True)
class FilePart:
    """One split on disk: files and labels int64 (n,)."""

    paths: list[Path]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class NamedSet:
    """Splits by name (``train`` and perhaps ``val``, ``test``) with their classes.

    Of images with numbers there are no classes, but `targets` and, by split, `values` (n, targets).
    """

    classes: tuple[str, ...]
    parts: dict[str, ArrayPart | FilePart]
    targets: tuple[Target, ...] = ()
    values: dict[str, NDArray[np.float64]] = field(default_factory=dict)


_GIVEN: ContextVar[NamedSet | None] = ContextVar("_GIVEN", default=None)


@contextlib.contextmanager
def in_memory(given: NamedSet) -> Iterator[str]:
    """A name for the images that a program has `given`, while the block runs, in its thread."""
    token = _GIVEN.set(given)
    try:
        yield MEMORY
    finally:
        _GIVEN.reset(token)


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(_LOADERS)


def is_name(text: str) -> bool:
    """Whether `load` knows that name, which may have settings behind a colon.

    Examples:
        >>> is_name("shapes:size=32"), is_name("digits:size=32")
        (True, False)
    """
    return text in _LOADERS or text.startswith(f"{shapes.NAME}:") or text == MEMORY


def load(name: str, download: bool = True, answers: Answers = CLASSES) -> NamedSet:
    """The data set of that name, fetched first where it is not in the cache and `download` is true.

    Raises:
        DataError: files are missing, with which they are, where they belong, and where torchvision
            gets them; or it has no such `answers`.
    """
    if name == MEMORY:
        return _given()
    if name not in _LOADERS or name == shapes.NAME:
        return _shapes(name.removeprefix(shapes.NAME).removeprefix(":"), answers)
    refuse_columns(name, answers)
    return _LOADERS[name](download)


def _given() -> NamedSet:
    given = _GIVEN.get()
    if given is None:
        why = "were in the memory of a program, which has ended or goes on with others"
        raise DataError("the images", why, "give the place of images")
    return given


def refuse_columns(what: str, answers: Answers) -> None:
    """Raise where a column is chosen of what has none.

    Raises:
        DataError: it is.
    """
    if answers.targets or answers.label is not None:
        remedy = f"leave out {parameter('target' if answers.targets else 'label')}"
        raise DataError(what, "has classes, and no columns to choose", remedy)


def cache() -> Path:
    """The folder that downloads are kept in.

    Raises:
        DataError: the folder cannot be used.
    """
    try:
        return paths.resolved(cache_folder(), kind=DataError)
    except StriateError as error:
        raise DataError(error.what, error.why, error.remedy) from None


def _shapes(settings: str, answers: Answers) -> NamedSet:
    from striate.data.shapes.drawn import columns_of, draw

    if answers.label is not None:
        refuse_columns(shapes.NAME, answers)
    asked = shapes.read_settings(settings)
    columns, targets = columns_of(asked, answers)
    drawn = draw(asked)
    if not targets:
        return NamedSet(drawn.classes, {"train": ArrayPart(drawn.images, drawn.labels)})
    part = ArrayPart(drawn.images, np.zeros_like(drawn.labels))
    return NamedSet((), {"train": part}, targets, {"train": drawn.values[:, columns]})


def _digits(_: bool) -> NamedSet:
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.round(found.images * (255 / 16)).astype(np.uint8)  # its pixels go from 0 to 16
    return NamedSet(digit_names(9), {"train": ArrayPart(images[..., None], _int64(found.target))})


def _mnist(download: bool) -> NamedSet:
    return _idx_set("MNIST", digit_names(9), download)


def _fashion_mnist(download: bool) -> NamedSet:
    classes = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    return _idx_set("FashionMNIST", classes, download)


def _idx_set(kind: str, classes: tuple[str, ...], download: bool) -> NamedSet:
    """Xiao et al. 2017 made Fashion-MNIST with the files of MNIST, so that it fits in its place."""
    raw = cache() / kind / "raw"
    found = find_idx(raw)
    if len(found) < 2:
        from torchvision import datasets

        source = getattr(datasets, kind)
        files = [name for name, _ in source.resources]
        with _downloading(kind, raw, files, source.mirrors[0], download):
            source(cache(), download=True)
        found = find_idx(raw)
    return NamedSet(classes, {split: read_idx_part(*files) for split, files in found.items()})


def _cifar(kind: str, download: bool) -> NamedSet:
    from torchvision import datasets

    source = getattr(datasets, kind)
    splits: dict[str, Any] = {}
    with contextlib.suppress(RuntimeError):  # not there, or not whole
        splits = {split: source(cache(), train=split == "train") for split in ("train", "test")}
    if not splits:
        address = source.url.removesuffix(source.filename)
        with _downloading(kind, cache(), [source.filename], address, download):
            source(cache(), download=True)
        splits = {split: source(cache(), train=split == "train") for split in ("train", "test")}
    return NamedSet(
        tuple(splits["train"].classes),
        {split: ArrayPart(s.data, _int64(s.targets)) for split, s in splits.items()},
    )


def _flowers102(download: bool) -> NamedSet:
    """Nilsback and Zisserman 2008, with their own three splits."""
    from torchvision import datasets

    source: Any = datasets.Flowers102
    folder = cache() / "flowers-102"
    files = ["102flowers.tgz", "imagelabels.mat", "setid.mat"]
    if len(_flowers_in(folder)) < _FLOWERS or not all(
        paths.is_file(folder / name, kind=DataError) for name in files[1:]
    ):
        with _downloading("Flowers102", folder, files, source._download_url_prefix, download):
            source(cache(), download=True)
        if (found := len(_flowers_in(folder))) < _FLOWERS:
            why = f"is not whole ({found:,} of {_FLOWERS:,} photographs)"
            raise DataError(
                "Flowers102", why, f"remove {paths.shown(folder / 'jpg')} and try again"
            )
    (labels,) = _matrices(folder / "imagelabels.mat", "labels")
    ids = _matrices(folder / "setid.mat", "trnid", "valid", "tstid")
    classes = getattr(source, "classes", None) or [f"{label:03}" for label in range(1, 103)]
    parts: dict[str, ArrayPart | FilePart] = {}
    for split, numbers in zip(("train", "val", "test"), ids, strict=True):
        photographs = [folder / "jpg" / f"image_{number:05}.jpg" for number in numbers.tolist()]
        parts[split] = FilePart(photographs, labels[numbers - 1] - 1)
    return NamedSet(tuple(classes), parts)


def _matrices(path: Path, *keys: str) -> list[NDArray[np.int64]]:
    """Rows of numbers in a file of MATLAB's.

    Raises:
        DataError: the file cannot be read, or has no such rows.
    """
    from scipy.io import loadmat  # type: ignore[import-untyped]

    try:
        found = loadmat(path, squeeze_me=True)
        return [_int64(found[key]) for key in keys]
    except Exception as error:  # scipy raises nearly anything for a damaged file
        why = f"cannot be read ({paths.reason(error)})"
        raise DataError(paths.shown(path), why, "remove it and try again") from None


def _flowers_in(folder: Path) -> list[str]:
    """The photographs in `folder`: fewer than all after an unpacking that was interrupted."""
    with contextlib.suppress(OSError):
        return [name for name in os.listdir(folder / "jpg") if name.endswith(".jpg")]  # noqa: PTH208
    return []


@contextlib.contextmanager
def _downloading(
    kind: str, folder: Path, files: list[str], address: str, download: bool
) -> Iterator[None]:
    """Make the cache, keep torchvision's chatter off standard output, and explain what fails."""
    remedy = f"put {', '.join(files)} into {folder} (torchvision takes them from {address})"
    if not download:
        raise DataError(kind, f"is not in {cache()}", remedy)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_WITHOUT_A_BYTE)
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with printing_aside():
            yield
    except (OSError, RuntimeError) as error:  # no network, a full disk, a wrong checksum
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise DataError(kind, f"could not be downloaded ({reason})", remedy) from None
    finally:
        socket.setdefaulttimeout(patience)


def _int64(labels: Any) -> NDArray[np.int64]:
    return np.asarray(labels, np.int64)


_LOADERS: dict[str, Callable[[bool], NamedSet]] = {
    "digits": _digits,
    "mnist": _mnist,
    "fashion_mnist": _fashion_mnist,
    "cifar10": lambda download: _cifar("CIFAR10", download),
    "cifar100": lambda download: _cifar("CIFAR100", download),
    "flowers102": _flowers102,
    shapes.NAME: lambda _: _shapes("", CLASSES),
}
