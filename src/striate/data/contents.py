"""Everything that a folder, table, IDX files or name hold: read and decoded, nothing refused."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.archives.entry import Unpacked
from striate.data.archives.members import is_archive
from striate.data.archives.unpacked import unpacked
from striate.data.columns import Digests, Files, Names, Numbered
from striate.data.embedded.find import fetched, holds_images, is_of_the_hub, tables_in
from striate.data.embedded.unpack import unpacked_rows
from striate.data.finding import named
from striate.data.finding.folders import existing_folder
from striate.data.finding.idx import ArrayPart, digit_names, find_idx, read_idx_part
from striate.data.finding.layout import Layout, Part, read_layout
from striate.data.images import Array, ImageSet
from striate.data.pixels import Block, Pixels
from striate.data.reading import ReadFiles, ReadSettings, read_files
from striate.data.records import FORMS, Records
from striate.data.scan import (
    Problem,
    Record,
    ShownAs,
    belied,
    digest_of_pixels,
    measure,
    over_threads,
)
from striate.data.shards.find import (
    by_split,
    is_pattern,
    is_shard,
    shards_in,
    shards_of_pattern,
)
from striate.data.shards.table import ShardTable
from striate.data.sketches import Sketches
from striate.data.tables.find import Listed, is_table, metadata_in, open_table, tables_beside
from striate.data.tables.layout import read_tables
from striate.data.tables.numbered import with_numbers
from striate.data.tables.roles import is_labelled
from striate.data.targets import Answers, Target
from striate.errors import DataError, parameter
from striate.support import paths
from striate.support.folders import cache_folder
from striate.support.text import printable


@dataclass
class Contents:
    """All that was found.

    `sets` holds the sound images of each split of the source (``train``, ``val``, ``test``; a
    source without splits is all ``train``), each with its own classes; `sketches` go with them
    where they were asked for. `problems` are files that cannot be used, `misnamed` those whose name
    belies their format, `ignored` those that are no images, and `loose` images that lie in no class
    folder.
    """

    origin: str
    sets: dict[str, ImageSet] = field(default_factory=dict)
    sketches: dict[str, Sketches] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    misnamed: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_contents(data: str | Path, settings: ReadSettings) -> Contents:
    """Read and decode everything that `data` names; see `striate.data.sources.open_data`."""
    name = known_name(data)
    if name:
        return _contents_of_named(name, settings)
    if is_of_the_hub(data):
        return _contents_of_rows(str(data), fetched(str(data), settings.download), settings)
    path = paths.expanded(data, kind=DataError)
    if is_table(path):
        return _contents_of_table(paths.resolved(path, kind=DataError), settings)
    if is_pattern(path):
        origin = paths.resolved(path, kind=DataError)
        return _contents_of_shards(origin, shards_of_pattern(str(path)), settings)
    if is_archive(path) and paths.exists(path, kind=DataError):
        return _contents_of_archive(paths.resolved(path, kind=DataError), settings)
    return _contents_of_folder(existing_folder(path, named.names()), settings)


def _contents_of_table(path: Path, settings: ReadSettings) -> Contents:
    """The images that a table lists, or holds."""
    if holds_images(path):
        return _contents_of_rows(str(path), {"": [path]}, settings)
    return _contents_of_files(read_tables(path, [Listed(path)], settings.answers), settings)


def _contents_of_shards(origin: Path, shards: list[Path], settings: ReadSettings) -> Contents:
    """What WebDataset's shards hold."""
    tables = [
        Listed(origin, split, ShardTable(origin, own)) for split, own in by_split(shards).items()
    ]
    root = Path(os.path.commonpath([shard.parent for shard in shards]))
    return _contents_of_files(read_tables(origin, tables, settings.answers, root), settings)


def _contents_of_archive(path: Path, settings: ReadSettings) -> Contents:
    """What the folder in an archive holds; errors name the archive, not where it is unpacked."""
    if is_shard(path):
        return _contents_of_shards(path, [path], settings)
    cache, show = settings.cache or cache_folder(), settings.progress is not None
    return _contents_of_unpacked(str(path), unpacked(path, cache, show=show), settings)


def _contents_of_rows(
    origin: str, files: Mapping[str, Sequence[Path]], settings: ReadSettings
) -> Contents:
    """What tables hold that hold images themselves."""
    cache, show = settings.cache or cache_folder(), settings.progress is not None
    found = unpacked_rows(origin, files, cache, show=show)
    return _contents_of_unpacked(origin, found, settings)


def _contents_of_unpacked(origin: str, unpacked: Unpacked, settings: ReadSettings) -> Contents:
    """What a folder in the cache holds; errors name what it is from, not where it is unpacked."""
    try:
        return _contents_of_folder(unpacked.root, settings, origin=origin, held=unpacked.claim)
    except DataError as error:
        told = (error.what, error.why, error.remedy)
        where = paths.shown(unpacked.root)
        raise DataError(*(text.replace(where, printable(origin)) for text in told)) from None


def _contents_of_folder(
    root: Path, settings: ReadSettings, *, origin: str = "", held: object = None
) -> Contents:
    """What a folder holds that a person calls `origin`, and that is there with what is `held`."""
    idx = find_idx(root)
    if idx:
        named.refuse_columns(paths.shown(root), settings.answers)
        return replace(_contents_of_idx(root, idx, settings), origin=origin or str(root))
    shards = shards_in(root)
    if shards:
        return _contents_of_shards(root, shards, settings)
    if not held and (tables := tables_in(root)):
        return _contents_of_rows(str(root), tables, settings)
    table = _only_table(root, settings.answers) if held else None
    if table is None:
        layout = _layout_of_folder(root, settings.answers)
    else:
        layout = read_tables(table, [Listed(table)], settings.answers)
    layout.origin = origin or layout.origin
    layout.files.held = held
    return _contents_of_files(layout, settings)


def _layout_of_folder(root: Path, answers: Answers) -> Layout:
    """The images in a folder: as its ``metadata.csv`` lists them, or by its class folders.

    A table that tells nothing of classes, which lies beside folders that do, is passed over.
    """
    tables = metadata_in(root)
    if tables and is_labelled(open_table(tables[0].path), answers):
        return read_tables(root, tables, answers)
    if tables:
        with suppress(DataError):
            layout = read_layout(root)
            if layout.parts:
                name = tables[0].path.name
                layout.notes.append(f"{name} has no column of classes: the folders are the classes")
                return layout
        return read_tables(root, tables, answers)
    beside = next((paths.shown(root / name) for name in tables_beside(root)), "")
    if answers.label is not None:
        remedy = f"did you mean the table {beside}?" if beside else "give a table"
        raise DataError(
            parameter("label", answers.label),
            f"is a column, and {paths.shown(root)} a folder",
            remedy,
        )
    layout = read_layout(root)
    return with_numbers(layout, answers, beside) if answers.targets else layout


def _only_table(root: Path, answers: Answers) -> Path | None:
    """The one table beside the images of an archive, which nobody can name, if it is meant.

    That is so where it is asked for a column, or where the folders are no classes.
    """
    beside = tables_beside(root)
    if len(beside) != 1 or metadata_in(root):
        return None
    if not answers.targets and answers.label is None:
        with suppress(DataError):
            parts = read_layout(root).parts.values()
            if any(len(part.classes) > 1 for part in parts):
                return None
    return root / beside[0]


def known_name(data: str | Path) -> str:
    """The named data set that is meant, or an empty string."""
    name = str(data)
    if not named.is_name(name) or (isinstance(data, Path) and _is_here(name)):
        return ""
    return name


def _is_here(name: str) -> bool:
    return paths.is_folder(Path(name), kind=DataError)


def _contents_of_files(layout: Layout, settings: ReadSettings) -> Contents:
    found = Contents(
        layout.origin or str(layout.root),
        problems=layout.problems,
        ignored=layout.ignored,
        loose=layout.loose,
        notes=layout.notes,
    )
    files = layout.files
    names = Names(files, str(layout.root))
    rows, start = {}, 0
    for name, part in layout.parts.items():
        rows[name] = range(start, start + len(part.paths))
        start += len(part.paths)
    wanted = _visited({name: len(own) for name, own in rows.items()}, settings)

    def shown_as(index: int) -> str | None:
        split = next(name for name, own in rows.items() if index in own)
        if wanted and split != wanted:
            return None
        return split if len(rows) > 1 else ""

    read = read_files(files, names, found.origin, settings, shown_as)
    for index, place in enumerate(layout.places):
        if index in read.records.problems:
            problem = read.records.problems[index]
            told = replace(problem, reason=f"{problem.reason} ({layout.counts} {place})")
            read.records.problems[index] = told
    source = _Source(files, names, read, layout.targets)
    for name, part in layout.parts.items():
        _add(found, name, part, source, np.arange(len(files))[rows[name]])
    return found


def _visited(images: Mapping[str, int], settings: ReadSettings) -> str:
    """The split whose images alone visitors are shown, by the number of files of each; or none."""
    return next((name for name in settings.visited if images.get(name)), "")


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
    known = named.load(name, settings.download, settings.answers)
    found = Contents(name)
    if _is_here(name):
        found.notes.append(f"'{name}' is the known data set; ./{name} would be the folder here")
    sizes = {split: len(part.labels) for split, part in known.parts.items()}
    shown = _visited(sizes, settings)
    for split, part in known.parts.items():
        if isinstance(part, ArrayPart):
            _add_arrays(found, split, known.classes, part, settings)
            own = found.sets[split]
            found.sets[split] = replace(own, targets=known.targets, values=known.values.get(split))
            continue
        files = Files.of((str(path.parent), [path.name]) for path in part.paths)
        names = Names(files, None)
        told = (split if len(known.parts) > 1 else "") if shown in ("", split) else None
        read = read_files(files, names, f"{name}/{split}", settings, _always(told))
        source = _Source(files, names, read, known.targets)
        labelled = Part(known.classes, files, part.labels, known.values.get(split))
        _add(found, split, labelled, source, np.arange(len(files)))
    return found


def _always(split: str | None) -> ShownAs:
    return lambda _: split


@dataclass(frozen=True)
class _Source:
    """All files of a source, how they are called, and what is known of them."""

    files: Files
    names: Names
    read: ReadFiles
    targets: tuple[Target, ...] = ()


def _add(found: Contents, split: str, part: Part, source: _Source, rows: NDArray[np.int64]) -> None:
    """Add the files in those `rows` of the source as a split, those with problems apart.

    `part` has the classes, and the label of each.
    """
    files, names, records = source.files, source.names, source.read.records
    own = range(int(rows[0]), int(rows[-1]) + 1) if len(rows) else range(0)
    found.problems += [records.problems[row] for row in sorted(records.problems) if row in own]
    sound = records.sound[rows]
    kept = rows[sound]
    for row in kept[records.misnamed[kept]].tolist():
        reason = belied(files[row], FORMS[records.forms[row]])
        found.misnamed.append(Problem(names[row], "misnamed", reason))
    found.sets[split] = ImageSet(
        classes=part.classes,
        labels=part.labels[sound],
        names=names.take(kept),
        digests=Digests(records.digests[kept]),
        sizes=records.sizes[kept],
        grey=records.grey[kept],
        paths=files.take(kept),
        pixels=source.read.pixels(kept),
        targets=source.targets,
        values=None if part.values is None else part.values[sound],
    )
    if records.sketches is not None:
        found.sketches[split] = records.sketches.take(kept)


def _add_arrays(
    found: Contents, name: str, classes: tuple[str, ...], part: ArrayPart, settings: ReadSettings
) -> None:
    """Add a split whose images are arrays."""

    def examine(image: Array) -> Record:
        return measure(image, digest_of_pixels(image), settings.sketches)

    if int(part.labels.max()) >= max(len(classes), 1):
        why = f"label {part.labels.max()} is beyond its {len(classes)} classes"
        raise DataError(found.origin, why)
    records = Records(len(part.labels), sketches=settings.sketches, pixels=False)
    with closing(over_threads(examine, list(part.images), settings.workers)) as examined:
        for index, record in enumerate(examined):
            records.put(index, record)
    grey = bool(records.grey.all())
    found.sets[name] = ImageSet(
        classes=classes,
        labels=part.labels,
        names=Numbered(name, np.arange(len(records))),
        digests=Digests(records.digests),
        sizes=records.sizes,
        grey=records.grey,
        pixels=Pixels(Block.of(_without_colour(part.images) if grey else part.images)),
    )
    if records.sketches is not None:
        found.sketches[name] = records.sketches


def _without_colour(images: Array | Sequence[Array]) -> Array | list[Array]:
    """Grey `images` with one channel."""
    if isinstance(images, np.ndarray):
        return images[:, :, :, :1]
    return [image[:, :, :1] for image in images]
