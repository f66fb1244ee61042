"""The samples of shards as a table: what a person could have written down of them.

A sample is what lies under one key, the name up to its first point: ``0017.jpg``, ``0017.cls``,
``0017.json``, ``0017.txt``. Its picture is the row's file. ``.cls`` is its class, a name or a
number; the keys of ``.json`` are columns; ``.txt`` is its class where nothing else is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from striate.data.decoding.formats import PLUGGED, SUFFIXES
from striate.data.shards.index import Entry, entries_of
from striate.data.tables.parquet import text_of
from striate.data.tables.table import MOST_ROWS, SAMPLED, Cells, Table
from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable

FILE, LABEL, TEXT = "file", "label", "txt"
_NOTES = ("cls", "json", "txt")
_MOST = 1 << 24  # bytes of a sample's notes
_PICTURES = frozenset(suffix[1:] for suffix in (*SUFFIXES, *PLUGGED))


class _Sample(NamedTuple):
    """A picture's name in its archive, and the text of each of its notes."""

    picture: str
    notes: dict[str, str]


class ShardTable(Table):
    """The samples of shards, in their order.

    Args:
        origin: what a person named.
        shards: the archives, absolute, at least one.

    Raises:
        DataError: a shard is damaged, or none has a picture.
    """

    counts = "sample"
    holds_files = True

    def __init__(self, origin: Path, shards: Sequence[Path]) -> None:
        self._columns: dict[str, list[str]] = {FILE: []}
        self._odd: dict[str, str] = {}
        count = 0
        self._at: list[str] = []
        for shard in shards:
            for sample in _samples(shard):
                self._add(shard, sample, count)
                count += 1
        if not count:
            why = "holds no pictures" if len(shards) == 1 else "hold no pictures"
            raise DataError(paths.shown(origin), why, "pack each as key.jpg beside its key.cls")
        if count > MOST_ROWS:
            raise DataError(
                paths.shown(origin), f"has more than {MOST_ROWS:,} samples", "give fewer"
            )
        for cells in self._columns.values():
            cells.extend([""] * (count - len(cells)))
        if LABEL not in self._columns and TEXT in self._columns and not self._odd:
            self._columns[LABEL] = self._columns.pop(TEXT)
        names = list(self._columns)
        first = {name: self._columns[name][:SAMPLED] for name in names}
        super().__init__(origin, names, Cells(first, np.arange(1, min(count, SAMPLED) + 1)))
        self._count = count

    def _add(self, shard: Path, sample: _Sample, row: int) -> None:
        self._columns[FILE].append(f"{shard}/{sample.picture}")
        notes = dict(sample.notes)
        cells: dict[str, str] = {}
        if "json" in notes:
            cells |= self._of_json(shard, sample, notes["json"])
        if "txt" in notes:
            cells[TEXT] = notes["txt"].strip()
        if "cls" in notes:
            cells[LABEL] = notes["cls"].strip()
        for name, text in cells.items():
            column = self._columns.setdefault(name, [])
            column += [""] * (row - len(column))
            column.append(text)

    def _of_json(self, shard: Path, sample: _Sample, text: str) -> dict[str, str]:
        what = f"{paths.shown(shard)}: {printable(sample.picture)}"
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise DataError(what, "has a .json beside it that is none", "pack it again") from None
        if not isinstance(found, dict):
            return {LABEL: text_of(found)} if _is_plain(found) else {}
        cells = {}
        for name, value in found.items():
            if _is_plain(value):
                cells[printable(name)] = text_of(value)
            else:
                self._odd[printable(name)] = "holds lists or tables: one label a file is supported"
                cells[printable(name)] = ""
        cells.pop(FILE, None)
        return cells

    def why_not(self, column: str) -> str:
        """See `Table`."""
        return self._odd.get(column, "")

    def read(self, columns: Sequence[str]) -> Cells:
        """See `Table`."""
        return Cells({name: self._columns[name] for name in columns}, np.arange(1, self._count + 1))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _samples(shard: Path) -> list[_Sample]:
    """The samples of a shard that have a picture, in its order."""
    found: dict[str, dict[str, Entry]] = {}
    for entry in entries_of(shard):
        folder, _, name = entry.name.rpartition("/")
        key, _, ending = name.partition(".")
        if key and ending:
            found.setdefault(f"{folder}/{key}", {})[ending.lower()] = entry
    samples = []
    with shard.open("rb") as file:
        for parts in found.values():
            pictures = [each for ending, each in parts.items() if _is_picture(ending)]
            if not pictures:
                continue
            if len(pictures) > 1:
                names = " and ".join(printable(each.name) for each in pictures[:2])
                why = f"holds several pictures of one sample ({names})"
                raise DataError(paths.shown(shard), why, "keep one of them under each key")
            notes = {}
            for ending in _NOTES:
                if ending in parts and parts[ending].size <= _MOST:
                    file.seek(parts[ending].start)
                    content = file.read(parts[ending].size)
                    notes[ending] = content.decode("utf-8-sig", "replace")
            samples.append(_Sample(pictures[0].name, notes))
    return samples


def _is_picture(ending: str) -> bool:
    return ending.rpartition(".")[2] in _PICTURES


def has_labels(shard: Path) -> bool:
    """Whether an archive holds samples with notes beside their pictures, and no class folders."""
    samples = _samples(shard)
    folders = {sample.picture.rpartition("/")[0] for sample in samples}
    noted = [sample for sample in samples if sample.notes]
    certain = any("cls" in sample.notes for sample in samples)
    return certain or (len(folders) <= 1 and 2 * len(noted) > len(samples) > 0)
