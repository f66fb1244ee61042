"""Tables in Parquet files, with pyarrow."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.tables.table import MOST_ROWS, SAMPLED, Cells, Table
from striate.errors import DataError
from striate.support import paths
from striate.support.packages import need
from striate.support.text import printable

_AGAIN = "write it again"


class ParquetTable(Table):
    """A Parquet file.

    Raises:
        DataError: it is damaged, or pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        paths.refuse_special(path, kind=DataError)
        self._arrow = need("pyarrow", purpose="read Parquet files", extra="bulk", kind=DataError)
        parquet = need("pyarrow.parquet", purpose="read them", extra="bulk", kind=DataError)
        try:
            self._file: Any = parquet.ParquetFile(os.fspath(path))
        except (self._arrow.ArrowException, OSError) as error:
            why = f"cannot be read as Parquet ({paths.reason(error)})"
            raise DataError(self.shown, why, _AGAIN) from None
        schema = self._file.schema_arrow
        self._kinds = {printable(each.name): each.type for each in schema}
        self._names = {printable(each.name): each.name for each in schema}
        if self._file.metadata.num_rows > MOST_ROWS:
            raise DataError(self.shown, f"has more than {MOST_ROWS:,} rows", "give fewer")
        names = [printable(name) for name in schema.names]
        plain = [name for name in self._kinds if not self.why_not(name)]
        super().__init__(path, names, self._cells(plain, most=SAMPLED))

    def why_not(self, column: str) -> str:
        """Why a column holds nothing that is written in a line; empty where it does."""
        kind, types = self._kinds[column], self._arrow.types
        if types.is_struct(kind) or types.is_binary(kind) or types.is_large_binary(kind):
            return "holds data, such as images themselves, where names and numbers are read"
        if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            return "holds lists: several labels a file are not supported"
        if types.is_nested(kind):
            return "holds tables"
        return ""

    def read(self, columns: Sequence[str]) -> Cells:
        """All rows of these columns."""
        return self._cells(columns, most=MOST_ROWS)

    def _cells(self, columns: Sequence[str], *, most: int) -> Cells:
        found: dict[str, list[str]] = {name: [] for name in columns}
        names = [self._names[name] for name in columns]
        count = 0
        try:
            for batch in self._file.iter_batches(batch_size=SAMPLED, columns=names):
                room = most - count
                for name in columns:
                    values = batch.column(batch.schema.get_field_index(self._names[name]))
                    found[name] += [text_of(each) for each in values.slice(0, room).to_pylist()]
                count += min(batch.num_rows, room)
                if count == most:
                    break
        except (self._arrow.ArrowException, OSError, ValueError, OverflowError) as error:
            why = f"cannot be read as Parquet ({paths.reason(error)})"
            raise DataError(self.shown, why, _AGAIN) from None
        return Cells(found, np.arange(1, count + 1))


def text_of(value: Any) -> str:
    """A value as CSV has it: missing ones are empty, whole numbers have no point."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()
