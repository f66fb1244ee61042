"""The files that a table names, as paths."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from striate.data.decoding.formats import PLUGGED, SUFFIXES
from striate.data.tables.table import Cells, Table, cell
from striate.errors import DataError
from striate.support.text import printable

_TRIED = 50  # files, by which it is seen whether the paths lead anywhere
_ODD = re.compile(r"//|/\.\.?(/|$)|/$|\\")  # what is written otherwise than paths are
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def paths_in(table: Table, cells: Cells, column: str) -> tuple[list[str], str]:
    """The path of each file, absolute, and a note on what was put to their names; or none.

    Relative ones are taken from the table's folder.

    Raises:
        DataError: a cell holds no path, or none of the files is there.
    """
    if table.holds_files:
        return list(cells.of[column]), ""
    root = os.fspath(table.path.parent)
    found = [
        _path(table, row, column, root, text)
        for row, text in zip(cells.rows.tolist(), cells.of[column], strict=True)
    ]
    tried = found[:: max(1, len(found) // _TRIED)][:_TRIED]
    if not tried or any(map(_is_there, tried)):
        return found, ""
    suffix = _ending(tried)
    if not suffix:
        raise DataError(
            table.shown,
            f"none of the files that it names is there, such as {printable(found[0])}",
            f"paths are taken from the table's folder: move it, or put what is missing before the "
            f"names in column '{column}'",
        )
    note = f"{suffix} was put to the names in column '{column}', as the files have it"
    return [f"{path}{suffix}" for path in found], note


def _path(table: Table, row: int, column: str, root: str, text: str) -> str:
    if not text:
        raise table.at(row, column, "is empty", "name a file, or remove the row")
    if _ADDRESS.match(text):
        why = f"{cell(text)} is an address, and nothing is fetched from one"
        raise table.at(row, column, why, "download the images first, and name the files")
    if "\0" in text:
        raise table.at(row, column, f"{cell(text)} is no path", "name a file")
    path = os.path.join(root, text)  # noqa: PTH118 - text, for speed
    if _ODD.search(path):
        path = os.path.normpath(path)
    if "\\" in text and os.sep != "\\" and not _is_there(path):  # written on Windows
        path = os.path.normpath(os.path.join(root, text.replace("\\", "/")))  # noqa: PTH118
    if path in (root, os.sep):
        raise table.at(row, column, f"{cell(text)} is a folder", "name a file")
    return path


def _ending(tried: Sequence[str]) -> str:
    """The ending that all of the `tried` files have and the table leaves out; or none."""
    there = (
        suffix
        for suffix in (*SUFFIXES, *PLUGGED)
        if all(_is_there(f"{each}{suffix}") for each in tried)
    )
    return next(there, "")


def _is_there(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def in_order(path: str) -> str:
    """What files are sorted by, so that they stand as a folder lists them: part by part."""
    return path.replace(os.sep, "\0")
