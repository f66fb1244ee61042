"""Everything that a folder, IDX files or a name hold: read and decoded, nothing refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.finding import named
from striate.data.finding.folders import existing_folder
from striate.data.finding.idx import ArrayPart, digit_names, find_idx, read_idx_part
from striate.data.finding.layout import Layout, read_layout
from striate.data.images import Array, ImageSet, stack
from striate.data.preprocessing import with_channels
from striate.data.scan import (
    Problem,
    Record,
    Visitor,
    digest_of_pixels,
    measure,
    over_threads,
    scan,
)
from striate.errors import DataError
from striate.support import paths
from striate.support.progress import Progress


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How to read: on how many threads, with thumbnails or not, and what to call with the progress.

    `known` are records of images that need not be decoded again, and `visitors` are shown the
    images of files that they want; see `striate.data.scan.scan`.
    """

    workers: int = 0
    thumbnails: bool = False
    progress: Progress | None = None
    download: bool = True
    known: Mapping[str, Record] | None = None
    visitors: Sequence[Visitor] = ()


@dataclass
class Contents:
    """All that was found.

    `sets` holds the sound images of each split of the source (``train``, ``val``, ``test``; a
    source without splits is all ``train``), each with its own classes. `thumbnails` (n, 32, 32) and
    `colours` (n, 3) go with them where they were asked for. `problems` are files that cannot be
    used, `misnamed` those whose name belies their format, `ignored` those that are no images, and
    `loose` images that lie in no class folder.
    """

    origin: str
    sets: dict[str, ImageSet] = field(default_factory=dict)
    thumbnails: dict[str, Array] = field(default_factory=dict)
    colours: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    misnamed: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Split:
    """One split before its images are known: image i has ``labels[i]`` and ``names[i]``."""

    name: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    names: list[str]
    paths: list[Path] | None = None


def read_contents(data: str | Path, settings: ReadSettings) -> Contents:
    """Read and decode everything that `data` names; see `striate.data.sources.open_data`."""
    name = known_name(data)
    if name:
        return _contents_of_named(name, settings)
    root = existing_folder(Path(data), named.names())
    idx = find_idx(root)
    return (
        _contents_of_idx(root, idx, settings)
        if idx
        else _contents_of_folder(read_layout(root), settings)
    )


def known_name(data: str | Path) -> str:
    """The named data set that is meant, or an empty string."""
    name = str(data)
    if name not in named.names() or (isinstance(data, Path) and _is_here(name)):
        return ""
    return name


def _is_here(name: str) -> bool:
    return paths.is_folder(Path(name), kind=DataError)


def _contents_of_folder(layout: Layout, settings: ReadSettings) -> Contents:
    found = Contents(
        str(layout.root), ignored=layout.ignored, loose=layout.loose, notes=layout.notes
    )
    files = [path for part in layout.parts.values() for path in part.paths]
    names = [layout.name(path) for path in files]
    records = _scan(files, names, settings)
    start = 0
    for name, part in layout.parts.items():
        rows = slice(start, start + len(part.paths))
        start = rows.stop
        labels = np.asarray(part.labels, np.int64)
        split = _Split(name, part.classes, labels, names[rows], files[rows])
        _add_scanned(found, split, records[rows])
    return found


def _contents_of_idx(
    root: Path, files: dict[str, tuple[Path, Path]], settings: ReadSettings
) -> Contents:
    parts = {name: read_idx_part(*pair) for name, pair in files.items()}
    classes = digit_names(max(int(part.labels.max()) for part in parts.values()))
    found = Contents(str(root))
    for name, part in parts.items():
        _add_arrays(found, name, classes, part, settings)
    return found


def _contents_of_named(name: str, settings: ReadSettings) -> Contents:
    known = named.load(name, settings.download)
    found = Contents(name)
    if _is_here(name):
        found.notes.append(f"'{name}' is the known data set; ./{name} would be the folder here")
    for split, part in known.parts.items():
        if isinstance(part, ArrayPart):
            _add_arrays(found, split, known.classes, part, settings)
            continue
        names = [path.name for path in part.paths]
        records = _scan(part.paths, names, settings)
        _add_scanned(found, _Split(split, known.classes, part.labels, names, part.paths), records)
    return found


def _scan(paths: list[Path], names: list[str], settings: ReadSettings) -> list[Record | Problem]:
    return scan(
        paths,
        names,
        workers=settings.workers,
        thumbnails=settings.thumbnails,
        known=settings.known,
        visitors=settings.visitors,
        progress=settings.progress,
    )


def _add_arrays(
    found: Contents, name: str, classes: tuple[str, ...], part: ArrayPart, settings: ReadSettings
) -> None:
    """Add a split whose images are arrays."""

    def examine(image: Array) -> Record:
        return measure(image, digest_of_pixels(image), settings.thumbnails)

    if int(part.labels.max()) >= len(classes):
        why = f"label {part.labels.max()} is beyond its {len(classes)} classes"
        raise DataError(found.origin, why)
    names = [f"{name}[{index}]" for index in range(len(part.labels))]
    records = list(over_threads(examine, list(part.images), settings.workers))
    _add(found, _Split(name, classes, part.labels, names), records)


def _add_scanned(found: Contents, split: _Split, records: Sequence[Record | Problem]) -> None:
    """Add a split whose files were scanned, its bad files apart."""
    keep: list[int] = []
    sound: list[Record] = []
    for index, record in enumerate(records):
        if isinstance(record, Problem):
            found.problems.append(record)
            continue
        keep.append(index)
        sound.append(record)
        if record.misnamed:
            found.misnamed.append(Problem(split.names[index], "misnamed", record.misnamed))
    names = [split.names[index] for index in keep]
    paths = None if split.paths is None else [split.paths[index] for index in keep]
    _add(found, _Split(split.name, split.classes, split.labels[keep], names, paths), sound)


def _add(found: Contents, split: _Split, records: list[Record]) -> None:
    found.sets[split.name] = ImageSet(
        classes=split.classes,
        labels=split.labels,
        names=split.names,
        digests=[record.digest for record in records],
        sizes=np.array([(r.height, r.width) for r in records], np.int32).reshape(-1, 2),
        grey=np.array([record.grey for record in records], np.bool_),
        paths=split.paths,
        pixels=_small_pixels(records),
    )
    squares = [record.thumbnail for record in records if record.thumbnail is not None]
    if squares:
        found.thumbnails[split.name] = np.stack(squares)
        found.colours[split.name] = np.array([record.colour for record in records], np.float32)


def _small_pixels(records: list[Record]) -> Array | list[Array] | None:
    """The pixels of a set in which every image is small, in as few channels as hold them all."""
    pixels = [record.pixels for record in records if record.pixels is not None]
    if not pixels or len(pixels) < len(records):
        return None
    if all(record.grey for record in records):
        return stack([image[:, :, :1] for image in pixels])
    return stack([with_channels(image, 3) for image in pixels])
