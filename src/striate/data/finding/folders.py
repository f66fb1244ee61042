"""What lies in a folder: its folders and files, and which of the files are images."""

from __future__ import annotations

import os
import re
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterator
from pathlib import Path

from striate.data.decoding.formats import kind_of
from striate.errors import DataError, nearest
from striate.support import paths
from striate.support.systems import is_left_by_system
from striate.support.text import printable

_OF_PROGRAMS = {"__pycache__", "node_modules"}
_SPREADSHEETS = {".xlsx", ".xls", ".ods", ".numbers"}
_OTHER_ARCHIVES = {".7z", ".rar", ".gz", ".xz", ".zst", ".bz2"}
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/(?P<rest>[^/].*)?")


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name or, where that does not tell, by its first bytes.

    It may be of a kind that is not read here.
    """
    return bool(kind_of(path))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is the file system's or a program's own business."""
    return name.startswith(".") or is_left_by_system(name) or name.lower() in _OF_PROGRAMS


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in `folder`, each sorted, without what `is_hidden`.

    What nobody can look at, such as a link to itself, counts as a file: reading it says why.

    Raises:
        DataError: the folder cannot be listed.
    """
    folders, files = names_in(folder)
    return [folder / name for name in folders], [folder / name for name in files]


def names_in(folder: str | Path) -> tuple[list[str], list[str]]:
    """As `entries`, the names alone: a path takes ten times as long to make and to compare.

    Raises:
        DataError: the folder cannot be listed.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not is_hidden(entry.name):
                    (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        raise _unlisted(folder, error) from None
    return sorted(folders), sorted(files)


def class_name(folder: str) -> str:
    """The name of the class whose images lie in a folder called so.

    macOS writes é as two characters, others as one: the same class all the same.
    """
    return unicodedata.normalize("NFC", printable(folder))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _unlisted(folder: str | Path, error: OSError) -> DataError:
    why = f"cannot be listed ({paths.reason(error)})"
    return DataError(paths.shown(folder), why, "make it readable, or move it away")


def files_under(folder: Path, complain: Callable[[DataError], None] | None = None) -> list[Path]:
    """All files under `folder`, sorted by path, following links but no link twice.

    Args:
        folder: where to begin.
        complain: called with the error for each folder that cannot be listed; raised if None.

    Raises:
        DataError: a folder cannot be listed, and nobody is told otherwise.
    """
    return [Path(place, name) for place, names in listing(folder, complain) for name in names]


def listing(
    folder: str | Path,
    complain: Callable[[DataError], None] | None = None,
    *,
    names_there: tuple[list[str], list[str]] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """As `files_under`, with names: folders, each with the names of some of the files in it.

    A folder comes several times where other folders stand between its files, in the order of paths.

    Args:
        folder: where to begin.
        complain: as for `files_under`.
        names_there: what `names_in` gives for that folder, where it is known.
    """
    seen: set[str] = set()
    waiting: list[tuple[str, list[str] | None]] = [(str(folder), None)]
    while waiting:
        place, names = waiting.pop()
        if names is not None:
            yield place, names
            continue
        real = os.path.realpath(place)
        if real in seen:
            continue
        seen.add(real)
        try:
            folders, files = names_there or names_in(place)
        except DataError as error:
            if complain is None:
                raise
            complain(error)
            continue
        names_there = None  # those of the first folder alone
        waiting += reversed(list(_in_order(place, folders, files)))


def _in_order(
    place: str, folders: list[str], files: list[str]
) -> Iterator[tuple[str, list[str] | None]]:
    """The folders in `place` between the files, each where its name stands."""
    start = 0
    for name in folders:
        end = bisect(files, name)
        if end > start:
            yield place, files[start:end]
        yield os.path.join(place, name), None  # noqa: PTH118 - text, for speed
        start = end
    if files[start:]:
        yield place, files[start:]


def existing_folder(path: Path, names: tuple[str, ...] = ()) -> Path:
    """`path` resolved.

    Args:
        path: what a person gave.
        names: of data sets that may have been meant.

    Raises:
        DataError: it is no folder, or cannot be looked at.
    """
    refuse_address(path)
    full = paths.resolved(path, kind=DataError)
    if paths.is_folder(full, kind=DataError):
        return full
    if paths.exists(full, kind=DataError):
        remedy = "give a folder of class folders, a table (CSV, TSV, Parquet), a .zip or a .tar"
        if full.suffix.lower() in _OTHER_ARCHIVES:
            remedy = "unpack it, or pack it again as .zip or .tar"
        if full.suffix.lower() in _SPREADSHEETS:
            remedy = "save it as CSV"
        raise DataError(paths.shown(full), "is a file", remedy)
    choices = [*names, *beside(full)]
    raise DataError(paths.shown(full), "there is no such folder", nearest(full.name, choices))


def beside(path: Path) -> list[str]:
    """Names of the folders beside `path`, printable; none where nobody can look."""
    try:
        return [printable(folder.name) for folder in entries(path.parent)[0]]
    except DataError:
        return []


def refuse_address(source: str | Path) -> None:
    """Say what a URL or ``-`` would need, before they are taken for odd names of files.

    Raises:
        DataError: `source` is one of them, and nothing here is called that.
    """
    text = re.sub("(?<=:)/+", "/", str(source), count=1)  # Path writes :// so, too
    address = _ADDRESS.match(text)
    if text != "-" and address is None:
        return
    if paths.exists(paths.expanded(text, kind=DataError), kind=DataError):
        return
    if address is None:
        raise DataError("-", "standard input is not read", "give files or folders")
    if address["scheme"].lower() == "file":
        what, path = (
            printable(text.replace(":/", ":///", 1)),
            printable(f"/{address['rest'] or ''}"),
        )
        raise DataError(what, "is an address, not a path", f"give the path: {path}")
    what = printable(text.replace(":/", "://", 1))
    raise DataError(what, "is an address, and nothing is fetched from one", "download it first")
