"""Tables of a JSON object a line, such as ``metadata.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.tables.parquet import text_of
from striate.data.tables.table import SAMPLED, Cells, Table
from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable


class JsonLinesTable(Table):
    """A file of JSON objects; a key is a column.

    Raises:
        DataError: it cannot be read, or a line is no object.
    """

    counts = "line"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of: dict[str, list[str]] = {}
        self._odd: dict[str, str] = {}
        self._rows: list[int] = []
        try:
            text = paths.read_file(path, kind=DataError).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(self.shown, "is not UTF-8", "save it as UTF-8") from None
        # Nothing else parts lines: a string of JSON may hold what Python also takes for an end.
        for line, content in enumerate(text.split("\n"), 1):
            if content.strip():
                self._add(line, content)
        for cells in self._of.values():
            cells.extend([""] * (len(self._rows) - len(cells)))
        first = {name: cells[:SAMPLED] for name, cells in self._of.items()}
        rows = np.array(self._rows, np.int64)
        super().__init__(path, list(self._of), Cells(first, rows[:SAMPLED]))

    def _add(self, line: int, content: str) -> None:
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            what = f"{self.shown}: line {line}"
            raise DataError(what, "is no JSON object", 'write {"file_name": …, "label": …}')
        for name, value in {printable(key): each for key, each in found.items()}.items():
            cells = self._of.setdefault(name, [])
            cells.extend([""] * (len(self._rows) - len(cells)))
            cells.append(self._text(name, value))
        self._rows.append(line)

    def _text(self, name: str, value: Any) -> str:
        if isinstance(value, (list, dict)):
            self._odd[name] = "holds lists or tables: several labels a file are not supported"
            return ""
        return text_of(value)

    def why_not(self, column: str) -> str:
        """See `Table`."""
        return self._odd.get(column, "")

    def read(self, columns: Sequence[str]) -> Cells:
        """See `Table`."""
        return Cells({name: self._of[name] for name in columns}, np.array(self._rows, np.int64))
