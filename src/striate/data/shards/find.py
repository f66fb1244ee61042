"""The shards that a person means: a pattern of names, a folder of them, or one archive."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from pathlib import Path

from striate.data.finding.folders import names_in
from striate.data.finding.split_names import read_split_name
from striate.data.shards.index import SUFFIX, is_plain
from striate.data.shards.table import has_labels
from striate.errors import DataError
from striate.support import paths

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST = 1_000_000
_NUMBER = re.compile(r"[-_. ]*\d+([-_]of[-_]\d+)?$", re.IGNORECASE)


def is_pattern(data: str | Path) -> bool:
    """Whether `data` stands for several archives: ``x-{0000..0009}.tar``, ``x-*.tar``."""
    text = str(data)
    if not text.lower().endswith(SUFFIX) or _is_there(text):
        return False
    return bool(_RANGE.search(text) or glob.has_magic(text))


def _is_there(text: str) -> bool:
    """Whether a file is called so, whatever its name would stand for: ``photos[1].tar``."""
    return paths.is_file(paths.expanded(text, kind=DataError), kind=DataError)


def shards_of_pattern(pattern: str) -> list[Path]:
    """The archives that a pattern stands for, in its order.

    Raises:
        DataError: one of them is not there, or none is.
    """
    named = [paths.resolved(each, kind=DataError) for each in _expanded(pattern)]
    missing = [path for path in named if not paths.is_file(path, kind=DataError)]
    if _RANGE.search(pattern) and missing:
        more = f", and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise DataError(
            paths.shown(missing[0]), f"is not there{more}", "check the range of numbers"
        )
    if not named:
        raise DataError(paths.shown(pattern), "matches no archive", "check the pattern")
    return named


def _expanded(pattern: str) -> Iterator[str]:
    found = _RANGE.search(pattern)
    if not found:
        magic = glob.has_magic(pattern) and not _is_there(pattern)
        yield from sorted(glob.glob(pattern)) if magic else [pattern]  # noqa: PTH207 - absolute
        return
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < _MOST:
        why = f"counts from {first} to {last}"
        raise DataError(paths.shown(pattern), why, "give the smaller number first")
    for number in range(first, last + 1):
        text = str(number).zfill(len(found[1]))
        yield from _expanded(pattern[: found.start()] + text + pattern[found.end() :])


def by_split(shards: list[Path]) -> dict[str, list[Path]]:
    """Files by the split that their names, or their folders, speak of; else all of ``""``."""
    found: dict[str, list[Path]] = {}
    several = len({shard.parent for shard in shards}) > 1
    for shard in shards:
        reading = read_split_name(_NUMBER.sub("", shard.stem))
        if reading is None and several:
            reading = read_split_name(shard.parent.name)
        found.setdefault(reading.kind if reading else "", []).append(shard)
    return found if "" not in found else {"": shards}


def shards_in(folder: Path) -> list[Path]:
    """The shards in a folder, or in its folders of splits; none in a folder of anything else."""
    folders, files = names_in(folder)
    own = [folder / name for name in files if name.lower().endswith(SUFFIX)]
    if own and not folders:
        return own if has_labels(own[0]) else []
    inner: list[Path] = []
    for name in folders:
        if read_split_name(name) is None:
            return []
        below, there = names_in(folder / name)
        shards = [folder / name / each for each in there if each.lower().endswith(SUFFIX)]
        if below or not shards:
            return []
        inner += shards
    return inner if inner and has_labels(inner[0]) else []


def is_shard(path: Path) -> bool:
    """Whether an archive is a shard: plain tar, with notes beside its pictures."""
    return is_plain(path) and has_labels(path)
