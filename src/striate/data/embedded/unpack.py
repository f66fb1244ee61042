"""Images inside tables, unpacked once into the cache: files, and a table of all else.

There they are a folder with ``metadata.csv``, which is read as any other.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from striate.data.archives.entry import Budget, Unpacked, unpack_once
from striate.data.decoding.formats import SUFFIXES, kind_of_content
from striate.data.embedded.rows import RowFile
from striate.errors import DataError
from striate.support.progress import Progress, counting
from striate.support.text import printable

_TABLE = "metadata.csv"
_FILE, _SPLIT = "file_name", "split"
_LONGEST = 100_000  # characters of a cell that is a class or a number; readers of CSV have a limit
_PLAIN = re.compile(r"\.[A-Za-z0-9]{1,9}")
_ENDINGS = {kind: suffix for suffix, kind in reversed(SUFFIXES.items())}


def unpacked_rows(
    origin: str, files: Mapping[str, Sequence[Path]], cache: Path, *, show: bool = False
) -> Unpacked:
    """The folder of the images in tables, unpacked unless it is already.

    Args:
        origin: what a person named.
        files: the tables of each split; of ``""`` where there are no splits.
        cache: the cache's folder.
        show: tell how far it is, where there is a terminal.

    Raises:
        DataError: a table is damaged, or holds no images; or they do not fit into the cache.
    """
    sources = [(split, path) for split, own in files.items() for path in own]

    def fill(folder: Path, budget: Budget) -> None:
        with counting(f"unpacking {printable(Path(origin).name)}", wanted=show) as progress:
            _write_all(origin, sources, folder, budget, progress)

    meaning = "/".join(split for split, _ in sources)  # so are their names, which may change
    return unpack_once(origin, [path for _, path in sources], fill, cache, meaning=meaning)


def _write_all(
    origin: str,
    sources: Sequence[tuple[str, Path]],
    folder: Path,
    budget: Budget,
    progress: Progress | None,
) -> None:
    tables = [(split, RowFile(path)) for split, path in sources]
    plain = dict.fromkeys(name for _, each in tables if each.columns for name in each.columns.plain)
    for name in (_FILE, *([_SPLIT] if any(split for split, _ in sources) else [])):
        plain.pop(name, None)
    splits = any(split for split, _ in sources)
    count = 0
    with (folder / _TABLE).open("w+", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([_FILE, *([_SPLIT] if splits else []), *plain])
        for split, rows in tables:
            if rows.columns is None:
                why = "holds no images, and others beside it do"
                raise DataError(str(rows.path), why, "keep tables of one kind together")
            place = folder / (split or "images")
            place.mkdir(exist_ok=True)
            for content, name, cells in rows.rows():
                called = name
                if content is not None or not name:
                    held = content or b""  # a row without an image is an empty file
                    called = f"{place.name}/{count:08}{_ending(held, name)}"
                    budget.take(len(held), files=1)
                    (folder / called).write_bytes(held)
                texts = [cells.get(each, "").replace("\0", "")[:_LONGEST] for each in plain]
                table.writerow([called, *([split] if splits else []), *texts])
                count += 1
                if progress is not None:
                    progress(count, 0)
        if not count:
            raise DataError(printable(origin), "holds no rows", "give a table with some")
        budget.take(file.tell(), files=1)


def _ending(content: bytes, name: str) -> str:
    """The ending of a file of that content, which had a name or none."""
    kind = kind_of_content(content[:132])
    own = Path(name).suffix
    if own and SUFFIXES.get(own.lower()) == kind:
        return own
    return _ENDINGS.get(kind, own if _PLAIN.fullmatch(own) else "")
