"""Which images are meant, one by one: those of a folder, of a list of paths, or of a table.

None of the three is ever held whole: a list or a table is read as it is used, and of a folder the
names in one of its folders at a time.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from striate.data.archives.entry import Claim
from striate.data.archives.members import is_archive
from striate.data.archives.unpacked import unpacked
from striate.data.decoding.formats import kind_of_content
from striate.data.finding.folders import class_name, is_hidden, is_image, refuse_address
from striate.errors import DataError, nearest, parameter
from striate.support import paths
from striate.support.folders import cache_folder
from striate.support.packages import need
from striate.support.text import printable

FILE_COLUMNS = ("file", "path", "filename", "file_name", "filepath", "image", "image_path")
"""What the column of files is called where nobody says so; the first that there is."""

LABEL_COLUMNS = ("label", "class", "class_name", "category", "target")
"""Likewise, the column of labels."""

BYTES = ("utf-8", "surrogateescape")
"""How names become bytes, and come back from them unharmed whatever they are."""

_TABLES = {".csv": ",", ".tsv": "\t", ".parquet": "", ".pq": ""}
_UNTOLD = (
    "give a folder or an archive, a text file with a path a line, or a CSV, TSV or Parquet file"
)
_ROWS = 4096  # of a Parquet file, read at a time


class Entry(NamedTuple):
    """One image: its path as it was written, or below its folder, and its label if it has one.

    Bytes of a name that are no UTF-8 are surrogates, as Python has them everywhere.
    """

    file: str
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Input:
    """Where the images of a job are listed.

    Attributes:
        path: the folder, the list or the table, resolved; of an archive the folder that it holds,
            unpacked; None for standard input.
        root: where relative paths begin.
        file_column: of a table; None to look for it.
        label_column: of a table; None to look for it.
        archive: that was named, if one was.
        held: what keeps what it holds in the cache.
    """

    path: Path | None
    root: Path
    file_column: str | None = None
    label_column: str | None = None
    archive: Path | None = None
    held: Claim | None = None

    @classmethod
    def of(
        cls,
        given: str | Path,
        *,
        root: str | Path | None = None,
        file_column: str | None = None,
        label_column: str | None = None,
    ) -> Input:
        """What a person means by `given`.

        Raises:
            DataError: there is nothing of that name, it is no folder, list or table, or an option
                does not go with it.
        """
        columns = {"file_column": file_column, "label_column": label_column}
        archive, held = None, None
        if str(given) == "-":
            path, folder = None, Path.cwd()
        else:
            refuse_address(given)
            path = paths.resolved(given, kind=DataError)
            if not paths.exists(path, kind=DataError):
                raise DataError(paths.shown(path), "there is no such file or folder", _UNTOLD)
            if is_archive(path):
                archive = path
                path, held = unpacked(path, cache_folder())
            folder = path if path.is_dir() else path.parent
        is_table = path is not None and not path.is_dir() and path.suffix.lower() in _TABLES
        for name, column in columns.items():
            if column is not None and not is_table:
                raise DataError(parameter(name, column), "is of a table", "leave it out")
        if root is not None:
            if path is not None and path.is_dir():
                raise DataError(parameter("root", root), "is of a list or a table", "leave it out")
            folder = paths.resolved(root, kind=DataError)
            if not paths.is_folder(folder, kind=DataError):
                raise DataError(paths.shown(folder), "there is no such folder", "check the path")
        return cls(path=path, root=folder, archive=archive, held=held, **columns)

    @property
    def name(self) -> str:
        """For people."""
        return "standard input" if self.path is None else paths.shown(self.archive or self.path)

    def entries(self, classes: Sequence[str]) -> Iterator[Entry]:
        """Every image, in the order of the list, or of the paths in a folder.

        In a folder, an image's label is the nearest folder above it that is called as one of
        `classes`.

        Raises:
            DataError: the folder, list or table cannot be read.
        """
        if self.path is None:
            return _listed(sys.stdin.buffer, self.name)
        if self.path.is_dir():
            return _under(self.path, frozenset(classes))
        delimiter = _TABLES.get(self.path.suffix.lower())
        if delimiter is None:
            return _in_list(self.path)
        return self._in_parquet() if not delimiter else self._in_text(delimiter)

    def _in_text(self, delimiter: str) -> Iterator[Entry]:
        assert self.path is not None
        with _opened(self.path) as file:
            rows = csv.reader(_lines(file, self.name), delimiter=delimiter)
            try:
                at, label_at = self._columns(next(rows, []))
                for row in rows:
                    if row:
                        label = row[label_at] if 0 <= label_at < len(row) else ""
                        yield Entry(row[at] if at < len(row) else "", label or None)
            except csv.Error as error:
                why = f"is no sound table (line {rows.line_num:,}: {error})"
                raise DataError(self.name, why, "write it again") from error

    def _in_parquet(self) -> Iterator[Entry]:
        parquet = need("pyarrow.parquet", purpose="read Parquet files", extra="bulk")
        assert self.path is not None
        paths.refuse_special(self.path, kind=DataError)
        try:
            with parquet.ParquetFile(self.path) as file:
                names = file.schema_arrow.names
                at, label_at = self._columns(names)
                columns = [names[each] for each in (at, label_at) if each >= 0]
                for batch in file.iter_batches(_ROWS, columns=columns):
                    cells = [batch.column(name).to_pylist() for name in columns]
                    for name, *label in zip(*cells, strict=True):
                        yield Entry(_text(name) or "", _text(label[0]) if label else None)
        except (OSError, ValueError) as error:  # pyarrow's own are of both kinds
            why = f"is no sound Parquet file ({paths.reason(error)})"
            raise DataError(self.name, why, "write it again") from error

    def _columns(self, names: Sequence[str]) -> tuple[int, int]:
        """Where the files and the labels stand; -1 for labels that there are none of."""
        at = _column(names, self.file_column, FILE_COLUMNS)
        label_at = _column(names, self.label_column, LABEL_COLUMNS)
        for name, wanted, found in (
            ("file_column", self.file_column, at),
            ("label_column", self.label_column, label_at),
        ):
            if wanted is not None and found < 0:
                raise DataError(
                    parameter(name, wanted),
                    f"{self.name} has no such column",
                    nearest(printable(wanted), map(printable, names)),
                )
        if at < 0:
            shown = ", ".join(printable(name) for name in names[:12]) or "none"
            raise DataError(
                self.name,
                f"has no column of files that is known by its name (it has: {shown})",
                f"say which it is: {parameter('file_column')}",
            )
        return at, label_at


def _column(names: Sequence[str], wanted: str | None, known: Sequence[str]) -> int:
    """Where in `names` the column stands that is `wanted`, or the first of `known`; else -1."""
    lowered = [name.strip().lower() for name in names]
    if wanted is not None:
        return names.index(wanted) if wanted in names else -1
    return next((lowered.index(name) for name in known if name in lowered), -1)


def _text(value: object) -> str | None:
    """A cell of a table: labels may be numbers, and paths bytes."""
    if value is None:
        return None
    return value.decode(*BYTES) if isinstance(value, bytes) else str(value)


def _opened(path: Path) -> IO[bytes]:
    paths.refuse_special(path, kind=DataError)
    try:
        return path.open("rb")
    except OSError as error:
        why = f"cannot be read ({paths.reason(error)})"
        raise DataError(paths.shown(path), why, "make it readable") from error


def _in_list(path: Path) -> Iterator[Entry]:
    with _opened(path) as file:
        yield from _listed(file, paths.shown(path))


def _listed(file: IO[bytes], name: str) -> Iterator[Entry]:
    """The images of a list, of which empty lines are no part."""
    for line in _lines(file, name):
        if entry := line.removesuffix("\n").removesuffix("\r"):
            yield Entry(entry)


def _lines(file: IO[bytes], name: str) -> Iterator[str]:
    """The lines of a text, of which bytes that are no UTF-8 are kept as surrogates.

    Raises:
        DataError: it is an image, or UTF-16.
    """
    first = file.readline(1 << 20)
    if kind := kind_of_content(first):
        raise DataError(name, f"is an image ({kind}), not a list of images", _UNTOLD)
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(name, "is saved as UTF-16", "save it as UTF-8")
    lines: Iterable[bytes] = chain([first.removeprefix(b"\xef\xbb\xbf")], file)
    for line in lines:
        yield line.decode(*BYTES)


def _under(folder: Path, classes: frozenset[str]) -> Iterator[Entry]:
    """The images at any depth in `folder`, sorted by path; links are followed, none twice."""
    seen: set[str] = set()

    def inside(place: Path, above: str, label: str | None) -> Iterator[Entry]:
        real = os.path.realpath(place)
        if real in seen:
            return
        seen.add(real)
        named = class_name(place.name)
        label = named if named in classes else label
        names, folders = _names(place)
        for name in names:
            if name in folders:
                yield from inside(place / name, f"{above}{name}/", label)
            elif is_image(place / name):
                yield Entry(f"{above}{name}", label)

    return inside(folder, "", None)


def _names(folder: Path) -> tuple[list[str], set[str]]:
    """All names in a folder that are not hidden, sorted, and which of them are folders."""
    names: list[str] = []
    folders: set[str] = set()
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if is_hidden(entry.name):
                    continue
                names.append(entry.name)
                with suppress(OSError):  # a link to itself: a file, of which reading says so
                    if entry.is_dir():
                        folders.add(entry.name)
    except OSError as error:
        why = f"cannot be listed ({paths.reason(error)})"
        remedy = "make it readable, or move it away"
        raise DataError(paths.shown(folder), why, remedy) from error
    names.sort()
    return names, folders
