"""Predictions as a CSV file: a line for each image, those that cannot be read among them."""

from __future__ import annotations

import csv
import errno
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from striate.errors import StriateError
from striate.support.files import FULL, WriteError, output_file, sweep, write_atomically
from striate.support.paths import read_start, reason, shown

if TYPE_CHECKING:
    from striate.inference.prediction import Prediction

COLUMNS = ("file", "label", "predicted", "probability", "right", "unsure", "error")
"""The first columns; those of the classes come behind them."""

_BEGIN = ",".join(COLUMNS[:3]).encode()


def table_file(path: str | Path) -> Path:
    """The absolute path of a table to be written, after finding out that it can be.

    Raises:
        StriateError: nothing can be written there, or what stands there is no such table.
    """
    target = output_file(path, ".csv", kind=StriateError)
    try:
        begin, size = read_start(target, len(_BEGIN), kind=StriateError)
    except FileNotFoundError:
        return target
    if size and begin != _BEGIN:
        raise StriateError(
            shown(target), "holds something else than predictions", "choose another file"
        )
    return target


def with_table(
    found: Iterator[Prediction], target: Path, classes: Sequence[str]
) -> Generator[Prediction]:
    """What is `found` as it is, and at its end a CSV file with a line for each.

    The columns are `COLUMNS` and, for each class, its probability. Bytes of names that are no UTF-8
    are written as they are.

    Args:
        found: predictions with all classes.
        target: the file; an older one stays until the new one is whole.
        classes: names.

    Raises:
        WriteError: the file cannot be written.
    """
    sweep(target)
    with _writing(target):
        file = TemporaryFile(dir=target.parent)  # noqa: SIM115 - closed below
    with file, TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*COLUMNS, *(f"p({name})" for name in classes)])
        for each in found:
            with _writing(target):
                table.writerow(_row(each, classes))
            yield each

        def copy(part: Path) -> None:
            with part.open("wb") as whole:
                shutil.copyfileobj(file, whole)

        with _writing(target):
            text.flush()
            file.seek(0)
            write_atomically(target, copy)


def _row(each: Prediction, classes: Sequence[str]) -> list[str]:
    """The cells of one image; numbers with as many digits as a float32 has."""
    shares = dict(zip(each.classes, each.probabilities, strict=True))
    right = {None: "", True: "yes", False: "no"}[each.right]
    best = [each.classes[0], f"{each.probabilities[0]:.9g}"] if each.classes else ["", ""]
    cells = [f"{shares[name]:.9g}" if name in shares else "" for name in classes]
    unsure = ("yes" if each.unsure else "no") if each.classes else ""
    return [each.file, each.label, *best, right, unsure, each.error, *cells]


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
