"""Predictions as a CSV file: a line for each image, those that cannot be read among them."""

from __future__ import annotations

import csv
import errno
import shutil
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Protocol, TypeVar

from striate.errors import StriateError
from striate.support.files import FULL, WriteError, output_file, sweep, write_atomically
from striate.support.paths import read_start, reason, shown
from striate.support.words import exact_percent

if TYPE_CHECKING:
    from striate.data.targets import Target
    from striate.inference.estimate import Estimate
    from striate.inference.prediction import Prediction

COLUMNS = ("file", "label", "predicted", "probability", "right", "unsure", "error")
"""The first columns of predicted classes; those of the classes come behind them."""
NUMBER_COLUMNS = ("file", "error")
"""The first columns of predicted numbers; those of the targets come behind them."""

#: What a table of ours begins with, of classes or of numbers.
_BEGIN = tuple(f"{','.join(columns)},".encode() for columns in (COLUMNS[:3], NUMBER_COLUMNS))

_Row_contra = TypeVar("_Row_contra", contravariant=True)
Told = TypeVar("Told")


class Columns(Protocol[_Row_contra]):
    """What a table says of each image."""

    @property
    def head(self) -> list[str]:
        """The names of the columns."""

    def row(self, each: _Row_contra) -> list[str]:
        """The cells of one image; numbers with as many digits as a float32 has."""


@dataclass(frozen=True)
class ClassTable:
    """`COLUMNS` and, for each of `classes`, its probability."""

    classes: Sequence[str]

    @property
    def head(self) -> list[str]:
        """The names of the columns."""
        return [*COLUMNS, *(f"p({name})" for name in self.classes)]

    def row(self, each: Prediction) -> list[str]:
        """The cells of one image, which is predicted with all classes."""
        shares = dict(zip(each.classes, each.probabilities, strict=True))
        right = {None: "", True: "yes", False: "no"}[each.right]
        best = [each.classes[0], f"{each.probabilities[0]:.9g}"] if each.classes else ["", ""]
        cells = [f"{shares[name]:.9g}" if name in shares else "" for name in self.classes]
        unsure = ("yes" if each.unsure else "no") if each.classes else ""
        return [each.file, each.label, *best, right, unsure, each.error, *cells]


@dataclass(frozen=True)
class NumberTable:
    """`NUMBER_COLUMNS` and, for each of `targets`, its value and the ends of its intervals.

    Args:
        targets: of the values.
        levels: of the intervals of each.
    """

    targets: Sequence[Target]
    levels: Sequence[Sequence[float]]

    @property
    def head(self) -> list[str]:
        """The names of the columns: ``age (years)``, ``age (years) 90 % low`` and so on.

        A target of which one would be called as another column is ``value(file)``, ``value(file)
        90 % low`` and so on.
        """
        names = [target.described for target in self.targets]
        ours = [
            [name, *_ends(name, levels)] for name, levels in zip(names, self.levels, strict=True)
        ]
        uses = Counter(chain(NUMBER_COLUMNS, *ours))
        found = [*NUMBER_COLUMNS]
        for name, own, levels in zip(names, ours, self.levels, strict=True):
            alone = all(uses[each] == 1 for each in own)
            found += own if alone else [f"value({name})", *_ends(f"value({name})", levels)]
        return found

    def row(self, each: Estimate) -> list[str]:
        """The cells of one image."""
        if each.error:
            return [each.file, each.error, *("" for _ in self.head[len(NUMBER_COLUMNS) :])]
        numbers: list[float] = []
        for value, intervals in zip(each.values, each.intervals, strict=True):
            numbers.append(value)
            for interval in intervals:
                numbers += [interval.low, interval.high]
        return [each.file, "", *(f"{number:.9g}" for number in numbers)]


def _ends(name: str, levels: Sequence[float]) -> list[str]:
    """The columns of the intervals of what is in the column `name`."""
    told = [exact_percent(level, space=" ") for level in levels]
    return [f"{name} {level} {end}" for level in told for end in ("low", "high")]


def table_file(path: str | Path) -> Path:
    """The absolute path of a table to be written, after finding out that it can be.

    Raises:
        StriateError: nothing can be written there, or what stands there is no such table.
    """
    target = output_file(path, ".csv", kind=StriateError)
    try:
        begin, size = read_start(target, max(map(len, _BEGIN)), kind=StriateError)
    except FileNotFoundError:
        return target
    if size and not begin.startswith(_BEGIN):
        raise StriateError(
            shown(target), "holds something else than predictions", "choose another file"
        )
    return target


def with_table(found: Iterator[Told], target: Path, columns: Columns[Told]) -> Generator[Told]:
    """What is `found` as it is, and at its end a CSV file with a line for each.

    Bytes of names that are no UTF-8 are written as they are.

    Args:
        found: what is predicted.
        target: the file; an older one stays until the new one is whole.
        columns: what it says of each.

    Raises:
        WriteError: the file cannot be written.
    """
    sweep(target)
    with _writing(target):
        file = TemporaryFile(dir=target.parent)  # noqa: SIM115 - closed below
    with file, TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns.head)
        for each in found:
            with _writing(target):
                table.writerow(columns.row(each))
            yield each

        def copy(part: Path) -> None:
            with part.open("wb") as whole:
                shutil.copyfileobj(file, whole)

        with _writing(target):
            text.flush()
            file.seek(0)
            write_atomically(target, copy)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """What fails in the block is said of `target`.

    Raises:
        WriteError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = FULL if full else f"cannot be written ({reason(error)})"
        raise WriteError(shown(target), why, "choose another file") from error
