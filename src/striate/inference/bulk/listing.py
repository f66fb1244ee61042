"""The images of a job, written down once, in the order in which they are to come, cut into shards.

One Parquet file whose row group i lists the images of shard i: whoever computes a shard, on
whatever machine, reads that row group and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from striate.errors import DataError, RunError, parameter
from striate.inference.bulk.entries import BYTES, Entry, Input
from striate.support.files import write_atomically
from striate.support.packages import need
from striate.support.paths import shown
from striate.support.text import printable

GO_ON = "then give the same command again"

_PROBED = 100
"""How many images are looked for before any is predicted: where all are missing, something is."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What was written down.

    Attributes:
        images: how many there are.
        digest: of all paths and labels, in their order.
    """

    images: int
    digest: str


class _Digest:
    """Counts entries and digests them as they pass."""

    def __init__(self) -> None:
        self.images, self._total = 0, blake2b(digest_size=16)

    def over(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """`entries` as they are."""
        for entry in entries:
            self.images += 1
            # No name of a file, and no label that was read as a line, holds a null character.
            text = entry.file if entry.label is None else f"{entry.file}\0{entry.label}"
            self._total.update(text.encode(*BYTES) + b"\0\0")
            yield entry

    @property
    def found(self) -> Listing:
        """Of all that have passed."""
        return Listing(images=self.images, digest=self._total.hexdigest())


def digest_of(entries: Iterable[Entry]) -> Listing:
    """What `write` would write down of `entries`."""
    digest = _Digest()
    for _ in digest.over(entries):
        pass
    return digest.found


def write(path: Path, entries: Iterable[Entry], shard_size: int) -> Listing:
    """Write `entries` down at `path`, whole or not at all, `shard_size` of them a row group.

    Raises:
        WriteError: the disk is full, or the folder cannot be written.
        DataError: as `entries` do.
    """
    arrow = need("pyarrow", purpose="write Parquet files", extra="bulk")
    parquet = need("pyarrow.parquet", purpose="write Parquet files", extra="bulk")
    schema = arrow.schema([("file", arrow.binary()), ("label", arrow.binary())])
    digest = _Digest()

    def content(beside: Path) -> None:
        with parquet.ParquetWriter(
            beside,
            schema,
            compression="zstd",
            write_statistics=False,
            write_page_checksum=True,
        ) as writer:
            for group in _groups(digest.over(entries), shard_size):
                files = [entry.file.encode(*BYTES) for entry in group]
                labels = [None if e.label is None else e.label.encode(*BYTES) for e in group]
                table = arrow.table({"file": files, "label": labels}, schema=schema)
                writer.write_table(table, row_group_size=shard_size)

    write_atomically(path, content)
    return digest.found


def _groups(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    for entry in entries:
        group.append(entry)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def open_listing(path: Path) -> Any:
    """The file at `path`, opened, for `read`.

    Raises:
        RunError: it is gone or damaged.
    """
    parquet = need("pyarrow.parquet", purpose="read Parquet files", extra="bulk")
    with _sound(path):
        return parquet.ParquetFile(path, memory_map=False, page_checksum_verification=True)


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, IndexError) as error:  # pyarrow's own are of the first two
        remedy = f"remove it, {GO_ON}"  # which writes it down anew
        raise RunError(shown(path), "is gone or damaged", remedy) from error


def is_there(path: Path, images: int) -> bool:
    """Whether the file at `path` can be opened, and lists so many images."""
    try:
        with open_listing(path) as file:
            return bool(file.metadata.num_rows == images)
    except RunError:
        return False


def read(path: Path, file: Any, shard: int) -> list[Entry]:
    """The images of a shard, of what `open_listing` gives for `path`.

    Raises:
        RunError: it is damaged.
    """
    with _sound(path):
        group = file.read_row_group(shard)
    files, labels = group.column("file").to_pylist(), group.column("label").to_pylist()
    return [
        Entry(name.decode(*BYTES), None if label is None else label.decode(*BYTES))
        for name, label in zip(files, labels, strict=True)
    ]


def probed(entries: Iterator[Entry], given: Input) -> Iterator[Entry]:
    """`entries`, after looking whether any of the first are there.

    Raises:
        DataError: there are no entries, or of the first none is there: then it is the folder that
            is wrong, and not the files.
    """
    first: list[Entry] = []
    for entry in entries:
        first.append(entry)
        if len(first) == _PROBED:
            break
    if not first:
        why = "holds no images" if given.path == given.root else "lists no images"
        raise DataError(given.name, why, "give a folder, a list or a table with images")
    if not any((given.root / entry.file).exists() for entry in first if "\0" not in entry.file):
        count = "its only file is not" if len(first) == 1 else f"none of its first {len(first)} is"
        raise DataError(
            given.name,
            f"{count} there (such as {printable(first[0].file)})",
            f"relative paths begin in {shown(given.root)}: say where else by {parameter('root')}",
        )
    yield from first
    yield from entries
