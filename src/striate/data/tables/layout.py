"""From tables to the images of each split, in the order that folders of the same would have.

So the same photographs in class folders and in a table make the same run: by split, then by class,
then by path, whatever the order of the rows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Files
from striate.data.finding.arrangement import SPLITS
from striate.data.finding.folders import class_name
from striate.data.finding.layout import Layout, Part, note_alike
from striate.data.scan import Problem
from striate.data.tables.files import in_order, paths_in
from striate.data.tables.find import Listed, is_table, open_table
from striate.data.tables.roles import Roles, asks, number, roles_in, split_of, too_large
from striate.data.tables.table import Cells, Table, cell
from striate.data.targets import Answers, Target
from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable

_FEW = 20  # different numbers are classes, whatever the number of images
_A_CLASS = 5  # images a class, at least, where there are more


class _Row(NamedTuple):
    """One file: where it is, what it is answered with, and the row that a person finds it in."""

    path: str
    split: str
    label: str
    values: tuple[float, ...]
    place: int


@dataclass
class _Found:
    """The rows of all tables, by path; those that say no class or number; notes."""

    rows: dict[str, _Row] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_tables(
    origin: Path, tables: Sequence[Listed], answers: Answers, root: Path | None = None
) -> Layout:
    """The images that `tables` list.

    Args:
        origin: what a person named: the table, or the folder that they lie in.
        tables: one, or one of each split.
        answers: what is to be answered.
        root: the folder that names of files are relative to; by default that of a table, or the
            folder that was named.

    Raises:
        DataError: a table cannot be read, or a line of it is at fault.
    """
    found = _Found()
    targets: list[tuple[Target, ...]] = []
    for listed in tables:
        table = listed.opened or open_table(listed.path)
        roles = roles_in(table, answers)
        targets.append(tuple(target for _, target in roles.targets))
        found.notes += roles.notes
        _add(found, table, roles, listed.split)
    if not found.rows and found.problems:
        why = f"none of its rows has all that is asked for: {found.problems[0].reason}"
        raise DataError(paths.shown(tables[0].path), why, "write what is missing into some")
    if not found.rows:
        raise DataError(paths.shown(tables[0].path), "lists no files", "give a row to each")
    if any(each != targets[0] for each in targets):
        names = " and ".join(paths.shown(listed.path) for listed in tables[:2])
        raise DataError(names, "give the targets other units", "give both the same")
    if root is None:
        root = origin.parent if is_table(origin) else origin
    layout = _arranged(root, found.rows, targets[0])
    layout.origin, layout.counts = str(origin), table.counts
    layout.notes = list(dict.fromkeys(found.notes)) + layout.notes
    layout.problems = [replace(each, name=_called(each.name, root)) for each in found.problems]
    return layout


def _called(path: str, root: Path) -> str:
    """How a file is called: relative to the root, where it lies there."""
    before = os.path.join(os.fspath(root), "")  # noqa: PTH118
    return printable(path.removeprefix(before).replace(os.sep, "/"))


def _add(found: _Found, table: Table, roles: Roles, split: str) -> None:
    """Put the rows of a table to those that were found."""
    cells = table.read(roles.columns)
    files, note = paths_in(table, cells, roles.file)
    notes = [note] if note else []
    bad: dict[int, str] = {}
    labels = _labels(table, cells, roles, bad)
    if roles.label and not roles.sure:
        _refuse_numbers(table, roles.label, [label for label in labels if label])
    values = _values(table, cells, roles, bad)
    splits = [split] * len(files) if split else _splits(table, cells, roles)
    if not split and not roles.split:
        splits = _splits_of_folders(table, files)
        notes += ["the folders in the files' paths are the splits"] if any(splits) else []
    twice, numbers = 0, cells.rows.tolist()
    for at, path in enumerate(files):
        if at in bad:
            found.problems.append(Problem(path, "value", bad[at]))
            continue
        row = _Row(path, splits[at] or "train", labels[at], values[at], numbers[at])
        before = found.rows.setdefault(path, row)
        if before is not row:
            _refuse_another(table, roles, before, row)
            twice += 1
    if twice:
        notes.append(f"{table.path.name}: {twice:,} rows name a file again: each counts once")
    found.notes += [printable(each) for each in notes]


def _refuse_another(table: Table, roles: Roles, before: _Row, row: _Row) -> None:
    """Raise where a file is listed twice, as one thing and as another."""
    what, name = f"{table.shown}: {table.counts} {row.place}", printable(Path(row.path).name)
    first = f"{table.counts} {before.place}"
    if before.label != row.label:
        why = f"{name} is '{row.label}', and '{before.label}' in {first}"
        raise DataError(what, f"{why}: several labels a file are not supported", "keep one of them")
    if before.values != row.values:
        pairs = zip(roles.targets, before.values, row.values, strict=True)
        said = next((target.name, old, new) for (_, target), old, new in pairs if old != new)
        why = f"{name} has {said[0]} {said[2]:g}, and {said[1]:g} in {first}"
        raise DataError(what, why, "keep one of them")
    if before.split != row.split:
        why = f"{name} is in {row.split}, and in {before.split} in {first}"
        raise DataError(what, why, "keep one of them")


def _labels(table: Table, cells: Cells, roles: Roles, bad: dict[int, str]) -> list[str]:
    """The class of each row; empty ones where numbers are predicted, or in those put to the `bad`.

    Raises:
        DataError: no row has one.
    """
    column = roles.label
    if not column:
        return [""] * len(cells.rows)
    names = {text: class_name(text) for text in set(cells.of[column])}
    labels = [names[text] for text in cells.of[column]]
    if labels and not any(labels):
        raise table.in_column(column, "is empty", "name the class of each file")
    for at, label in enumerate(labels):
        if not label:
            bad[at] = f"{table.counts} {cells.rows[at]}, column '{column}': no class is named"
    _refuse_several(table, cells, column, labels)
    return labels


def _refuse_several(table: Table, cells: Cells, column: str, labels: list[str]) -> None:
    """Raise for a cell that holds several labels: a list, or labels of others put together."""
    known = set(labels)
    for label in sorted(known):
        listed = label.startswith("[") and label.endswith("]")
        parted = any(
            mark in label and {each.strip() for each in label.split(mark)} < known
            for mark in ("|", ";", ",")
        )
        if listed or parted:
            row = int(cells.rows[labels.index(label)])
            why = f"{cell(label)} is several labels, which are not supported"
            raise table.at(row, column, why, "keep one label a file")


def _refuse_numbers(table: Table, column: str, labels: list[str]) -> None:
    """Raise for classes that are numbers with more values than classes would have."""
    values = {text: number(text) for text in set(labels)}
    if any(value is None for value in values.values()):
        return
    numbers = {value for value in values.values() if value is not None}
    whole = all(value == int(value) and value >= 0 for value in numbers)
    if not whole or len(numbers) > max(_FEW, len(labels) // _A_CLASS):
        raise asks(
            table,
            column,
            f"holds {len(numbers):,} different numbers, such as {cell(labels[0])}",
        )


def _values(
    table: Table, cells: Cells, roles: Roles, bad: dict[int, str]
) -> list[tuple[float, ...]]:
    """The numbers of each row; those in which one is missing are put to the `bad`.

    Raises:
        DataError: a column holds no number at all.
    """
    found: list[list[float]] = []
    for column, _ in roles.targets:
        texts = cells.of[column]
        numbers = [number(text) for text in texts]
        if texts and all(value is None for value in numbers):
            raise _no_numbers(table, column, texts)
        for at, value in enumerate(numbers):
            why = too_large(value) if value is not None else "is not a number"
            if why:
                why = f"{cell(texts[at])} {why}" if texts[at] else "is empty"
                bad[at] = f"{table.counts} {cells.rows[at]}, column '{column}': {why}"
        found.append([math.nan if value is None else value for value in numbers])
    return list(zip(*found, strict=True)) if found else [()] * len(cells.rows)


def _no_numbers(table: Table, column: str, texts: Sequence[str]) -> DataError:
    """An error for a column of numbers that has none."""
    first = next(filter(None, texts), "")
    if not first:
        return table.in_column(column, "is empty", "give each file its number")
    comma = number(first.replace(",", ".", 1)) is not None
    remedy = "write 1.5 for 1,5" if comma else "name a column of numbers, or write them as 1.5"
    return table.in_column(column, f"holds no numbers, but {cell(first)}", remedy)


def _splits(table: Table, cells: Cells, roles: Roles) -> list[str]:
    """The split of each row."""
    if not roles.split:
        return [""] * len(cells.rows)
    known = {text: split_of(text) for text in set(cells.of[roles.split])}
    for at, text in enumerate(cells.of[roles.split]):
        if not known[text]:
            why = f"{cell(text)} is no split" if text else "is empty"
            raise table.at(int(cells.rows[at]), roles.split, why, "write train, val or test")
    return [known[text] for text in cells.of[roles.split]]


def _splits_of_folders(table: Table, files: Sequence[str]) -> list[str]:
    """The splits that the first folders of the files' paths name, where they name several."""
    root = os.path.join(os.fspath(table.path.parent), "")  # noqa: PTH118
    tops = [
        path.removeprefix(root).partition(os.sep)[0] if path.startswith(root) else ""
        for path in files
    ]
    known = {top: split_of(top) for top in set(tops)}
    if "" in known.values() or len(set(known.values())) < 2:
        return [""] * len(files)
    return [known[top] for top in tops]


def _arranged(root: Path, rows: dict[str, _Row], targets: tuple[Target, ...]) -> Layout:
    """The rows as parts of a layout."""
    layout = Layout(root, targets=targets)
    ordered = sorted(
        rows.values(), key=lambda row: (SPLITS.index(row.split), row.label, in_order(row.path))
    )
    layout.files = Files.of(_by_folder(ordered))
    layout.places = [row.place for row in ordered]
    start = 0
    for split in SPLITS:
        own = [row for row in ordered if row.split == split]
        if not own:
            continue
        classes = tuple(sorted({row.label for row in own})) if not targets else ()
        known = {name: label for label, name in enumerate(classes)}
        labels = np.array([known.get(row.label, 0) for row in own], np.int64)
        values = _array(own) if targets else None
        files = layout.files[start : start + len(own)]
        layout.parts[split] = Part(classes, files, labels, values)
        start += len(own)
    layout.notes = note_alike({name for part in layout.parts.values() for name in part.classes})
    return layout


def _array(rows: Sequence[_Row]) -> NDArray[np.float64]:
    return np.array([row.values for row in rows], np.float64)


def _by_folder(rows: Sequence[_Row]) -> list[tuple[str, list[str]]]:
    """The files of `rows` in their order, those that follow each other in one folder together."""
    listed: list[tuple[str, list[str]]] = []
    for row in rows:
        folder, _, name = row.path.rpartition(os.sep)
        if not listed or listed[-1][0] != folder:
            listed.append((folder, []))
        listed[-1][1].append(name)
    return listed
