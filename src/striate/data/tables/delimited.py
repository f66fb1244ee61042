"""Tables of text: a row a line, cells parted by commas, semicolons or tabs."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from striate.data.tables.table import MOST_ROWS, SAMPLED, Cells, Table
from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable

_LARGEST = 1 << 30
_DELIMITERS = (",", ";", "\t", "|")
_SAVE = "save it as CSV in UTF-8"


class DelimitedTable(Table):
    """A file of CSV or TSV.

    Commas are expected, or what stands most often in the first line: semicolons, of spreadsheets in
    countries that write 1,5; in ``.tsv`` tabs.

    Raises:
        DataError: it cannot be read, is no text, or has no header.
    """

    counts = "line"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = _text_of(path)
        self._delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else self._likeliest()
        header = next((cells for _, cells in self._lines()), [])
        self._header = [printable(" ".join(name.split())) for name in header]
        if not any(self._header):
            raise DataError(self.shown, "is empty", "give a table whose first line names columns")
        super().__init__(path, self._header, self._cells(self._header, most=SAMPLED))

    def _likeliest(self) -> str:
        first = self._text.lstrip("\r\n").partition("\n")[0]
        return max(_DELIMITERS, key=first.count)  # the first of equals

    def read(self, columns: Sequence[str]) -> Cells:
        """All rows of these columns."""
        return self._cells(columns, most=MOST_ROWS)

    def _cells(self, columns: Sequence[str], *, most: int) -> Cells:
        places = [self._header.index(name) for name in columns]
        found: list[list[str]] = [[] for _ in columns]
        numbers: list[int] = []
        lines = self._lines()
        next(lines, None)
        for number, cells in lines:
            if len(cells) != len(self._header):
                raise DataError(
                    f"{self.shown}: line {number}",
                    f"has {len(cells)} cells where the first line names {len(self._header)}",
                    "put text that holds the separator into quotes",
                )
            if len(numbers) == most:
                break
            numbers.append(number)
            for column, place in zip(found, places, strict=True):
                column.append(cells[place].strip())
        return Cells(dict(zip(columns, found, strict=True)), np.array(numbers, np.int64))

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """The number of each line that is not blank, where it begins, and its cells."""
        text = io.StringIO(self._text, newline="")
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        begins = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                what = f"{self.shown}: line {begins}"
                remedy = "a quote that opens a cell must close it"
                raise DataError(what, f"cannot be read as CSV ({error})", remedy) from None
            if any(each.strip() for each in cells):
                yield begins, cells
            begins = reader.line_num + 1


def _text_of(path: Path) -> str:
    """The text of a file in UTF-8 or, with its mark, in UTF-16."""
    what = paths.shown(path)
    try:
        content = paths.read_file(path, most=_LARGEST, kind=DataError)
    except FileNotFoundError:
        raise DataError(what, "is not there any more", "put it back") from None
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{what}: line {line}", "is no text in UTF-8", _SAVE) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{what}: line {line}", "is no text (it holds a null character)", _SAVE)
    return text
