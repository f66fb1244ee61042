"""A table in a file, whatever its form: its columns, its first rows, and any of its columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable

#: By these rows it is decided what the columns are.
SAMPLED = 1000
#: More than anybody's list of images, and room for it.
MOST_ROWS = 100_000_000
_SHOWN = 60  # characters of a cell that an error repeats


@dataclass(frozen=True, eq=False)
class Cells:
    """Some columns of a table.

    Attributes:
        of: by column, the text of each row without blanks around it; empty for what is missing.
        rows: int64 (n,), the number by which a person finds each row in the file.
    """

    of: dict[str, list[str]]
    rows: NDArray[np.int64]


class Table(ABC):
    """A table in a file.

    Attributes:
        path: the file, absolute.
        columns: names of the columns, printable.
        sample: the first rows, of at most `SAMPLED`.
        counts: what a person counts rows by: ``line`` or ``row``.
        holds_files: whether its files are known to be there, under whole paths.
    """

    counts = "row"
    holds_files = False

    def __init__(self, path: Path, columns: Sequence[str], sample: Cells) -> None:
        self.path, self.columns, self.sample = path, tuple(columns), sample
        for name in self.columns:
            if name and self.columns.count(name) > 1:
                why = f"has two columns that are called '{name}'"
                raise DataError(self.shown, why, "give each a name of its own")

    @property
    def shown(self) -> str:
        """The file as errors name it."""
        return paths.shown(self.path)

    @abstractmethod
    def read(self, columns: Sequence[str]) -> Cells:
        """All rows of these columns.

        Raises:
            DataError: the file is damaged, or too large.
        """

    def why_not(self, column: str) -> str:
        """Why a column holds nothing that is written in a line; empty where it does."""
        return ""

    def at(self, row: int, column: str, why: str, remedy: str = "") -> DataError:
        """An error about one cell."""
        return DataError(f"{self.shown}: {self.counts} {row}, column '{column}'", why, remedy)

    def in_column(self, column: str, why: str, remedy: str = "") -> DataError:
        """An error about a column."""
        return DataError(f"{self.shown}: column '{column}'", why, remedy)


def cell(text: str) -> str:
    """A cell's text as an error repeats it."""
    return f"'{printable(text[:_SHOWN])}{'…' if len(text) > _SHOWN else ''}'"
