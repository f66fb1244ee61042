"""The tables that a person means: a file that is one, or ``metadata.csv`` in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from striate.data.finding.folders import names_in
from striate.data.finding.split_names import read_split_name
from striate.data.tables.delimited import DelimitedTable
from striate.data.tables.lines import JsonLinesTable
from striate.data.tables.parquet import ParquetTable
from striate.data.tables.table import Table
from striate.errors import DataError, nearest
from striate.support import paths

_TEXT, _PARQUET, _LINES = (".csv", ".tsv", ".tab"), (".parquet", ".pq"), (".jsonl",)
SUFFIXES = (*_TEXT, *_PARQUET, *_LINES)
_METADATA = tuple(f"metadata{suffix}" for suffix in SUFFIXES)


@dataclass(frozen=True)
class Listed:
    """A table, and the split that all of its files are in; empty where it tells that itself.

    It is opened by its path, unless it is open.
    """

    path: Path
    split: str = ""
    opened: Table | None = None


def is_table(path: Path) -> bool:
    """Whether `path` names a table and is no folder, whatever else there is."""
    return path.suffix.lower() in SUFFIXES and not paths.is_folder(path, kind=DataError)


def open_table(path: Path) -> Table:
    """The table in a file.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    if not paths.exists(path, kind=DataError):
        beside = tables_beside(path.parent)
        remedy = nearest(path.name, beside) if beside else "check the path"
        raise DataError(paths.shown(path), "there is no such file", remedy)
    suffix = path.suffix.lower()
    if suffix in _LINES:
        return JsonLinesTable(path)
    return ParquetTable(path) if suffix in _PARQUET else DelimitedTable(path)


def metadata_in(root: Path) -> list[Listed]:
    """``metadata.csv`` and the like in a folder or, of each split, in the folder of that.

    That is how Hugging Face's ``imagefolder`` has them.

    Raises:
        DataError: there are several in one folder.
    """
    folders, _ = names_in(root)
    own = _metadata(root)
    if own is not None:
        return [Listed(own)]
    splits: dict[str, Listed] = {}
    for name in folders:
        reading = read_split_name(name)
        found = _metadata(root / name) if reading is not None and reading.sure else None
        if found is not None and reading is not None:
            if reading.kind in splits:
                both = f"{splits[reading.kind].path.parent.name}/ and {name}/"
                why = f"{both} could both be the {reading.kind} images"
                raise DataError(paths.shown(root), why, "keep one of them")
            splits[reading.kind] = Listed(found, reading.kind)
    return list(splits.values())


def tables_beside(folder: Path) -> list[str]:
    """Names of the tables in a folder; none where nobody can look."""
    try:
        return [name for name in names_in(folder)[1] if name.lower().endswith(SUFFIXES)]
    except DataError:
        return []


def _metadata(folder: Path) -> Path | None:
    found = [name for name in names_in(folder)[1] if name.lower() in _METADATA]
    if len(found) > 1:
        why = f"holds both {found[0]} and {found[1]}"
        raise DataError(paths.shown(folder), why, "keep one of them, or give its path")
    return folder / found[0] if found else None
