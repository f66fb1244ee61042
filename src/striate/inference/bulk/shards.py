r"""From a shard's images to its Parquet file: the one piece of work, whoever does it.

==================  ===============================================================================
``file``            as the list has it, or below the folder; bytes that are no UTF-8 as ``\xff``
``label``           what is known of it beforehand, or null
``class``           the likeliest class; null for an image that cannot be read, as all that follows
``probability``     of that class, float32
``unsure``          whether that is below the threshold, where there is one
``probabilities``   of all classes, a list of float32 in the order of the metadata's ``classes``
``value_age``       of a run of numbers instead of the three, for each target; and ``low_age`` and
                    ``high_age``, its interval, null where none is known; float64
``embedding``       a list of float32, where it was asked for
``error``           why the image cannot be read; null for all others
==================  ===============================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data.finding.inputs import Item
from striate.errors import DataError
from striate.inference.bulk import listing
from striate.inference.bulk.columns import columns_of
from striate.inference.bulk.entries import BYTES, Entry
from striate.inference.bulk.folder import LISTING, Job
from striate.inference.bulk.rows import BulkPredictor, Row
from striate.support.closing import Closable
from striate.support.files import write_atomically
from striate.support.packages import need
from striate.support.progress import Progress

_GROUP = 4096
"""Rows of a file that are held in memory before they are written, however many it has."""

_META = b"striate"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What is in a shard's file.

    Attributes:
        images: its rows.
        unreadable: those that hold an error.
    """

    images: int
    unreadable: int


class Shards(Closable):
    """Who computes the shards of a job, one after another.

    Args:
        folder: the job's, in which its listing is.
        job: what it was begun with.
        predictor: computes; closed with this.
        workers: threads that read images.
    """

    def __init__(self, folder: Path, job: Job, predictor: BulkPredictor, workers: int) -> None:
        self.folder, self.job = folder, job
        self._predictor, self._workers = predictor, workers
        self._listing = listing.open_listing(folder / LISTING)
        self._schema, self._columns = _schema(job), columns_of(job)

    def compute(self, shard: int, progress: Progress | None = None) -> Counts:
        """Compute the shard of that number, and write its file, whole or not at all.

        Args:
            shard: from 0 on.
            progress: called with images done, of the shard's.

        Raises:
            WriteError: the disk is full, or the folder cannot be written.
            TrainingError: the network gives something else than numbers.
        """
        parquet = need("pyarrow.parquet", purpose="write Parquet files", extra="bulk")
        entries = listing.read(self.folder / LISTING, self._listing, shard)
        counted = 0

        def content(beside: Path) -> None:
            nonlocal counted
            with parquet.ParquetWriter(
                beside,
                self._schema,
                compression="zstd",
                use_dictionary=[name for name in ("label", "class") if name in self._schema.names],
                write_page_checksum=True,
            ) as writer:
                for table in self._tables(entries, progress):
                    counted += len(table) - table.column("error").null_count
                    writer.write_table(table)
                note = {
                    "job": self.job.identity,
                    "shard": shard,
                    "images": len(entries),
                    "unreadable": counted,
                }
                writer.add_key_value_metadata({_META: json.dumps(note).encode()})

        write_atomically(self.folder / self.job.part(shard), content)
        return Counts(images=len(entries), unreadable=counted)

    def _tables(self, entries: list[Entry], progress: Progress | None) -> Iterator[Any]:
        """The shard's rows, a few thousand at a time."""
        root = Path(self.job.root)
        items = (Item(entry.file, _content(root, entry.file)) for entry in entries)
        rows: list[Row] = []
        start = 0
        with closing(self._predictor.answers(items, workers=self._workers)) as found:
            for done, row in enumerate(found, start=1):
                rows.append(row)
                if progress is not None:
                    progress(done, len(entries))
                if len(rows) == _GROUP or done == len(entries):
                    yield self._table(entries[start:done], rows)
                    rows, start = [], done

    def _table(self, entries: list[Entry], rows: list[Row]) -> Any:
        arrow = need("pyarrow", purpose="write Parquet files", extra="bulk")
        numbers, count = [row.numbers for row in rows], self._columns.count
        columns: dict[str, Any] = {
            "file": [_text(entry.file) for entry in entries],
            "label": [None if e.label is None else _text(e.label) for e in entries],
            **self._columns.cells([None if each is None else each[:count] for each in numbers]),
            "error": [row.error or None for row in rows],
        }
        if self.job.embedding:
            columns["embedding"] = [None if each is None else each[count:] for each in numbers]
        return arrow.table(
            [arrow.array(columns[field.name], field.type) for field in self._schema],
            schema=self._schema,
        )

    def close(self) -> None:
        """Close the listing and the engine."""
        self._listing.close()
        self._predictor.close()


def counts_of(folder: Path, job: Job, shard: int) -> Counts | None:
    """What the file of a shard holds, read to its end; None where it is damaged or of another job.

    Every page has a checksum, which is computed again.
    """
    arrow = need("pyarrow", purpose="read Parquet files", extra="bulk")
    parquet = need("pyarrow.parquet", purpose="read Parquet files", extra="bulk")
    try:
        with parquet.ParquetFile(
            folder / job.part(shard), memory_map=False, page_checksum_verification=True
        ) as file:
            note = json.loads((file.metadata.metadata or {})[_META])
            found = Counts(images=int(note["images"]), unreadable=int(note["unreadable"]))
            if (note["job"], note["shard"], found.images) != (job.identity, shard, job.size(shard)):
                return None
            if not file.schema_arrow.equals(_schema(job)):
                return None
            rows = errors = 0
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                rows += len(table)
                errors += len(table) - table.column("error").null_count
            if (rows, errors) == (found.images, found.unreadable):
                return found
    except (OSError, KeyError, TypeError, ValueError, arrow.ArrowException):
        pass
    return None


def _schema(job: Job) -> Any:
    arrow = need("pyarrow", purpose="write Parquet files", extra="bulk")
    columns = columns_of(job)
    fields = [
        ("file", arrow.string()),
        ("label", arrow.string()),
        *columns.fields,
        *([("embedding", arrow.list_(arrow.float32()))] if job.embedding else []),
        ("error", arrow.string()),
    ]
    return arrow.schema(fields, metadata=columns.metadata)


def _content(root: Path, file: str) -> Path | DataError:
    """The file of that name, or why nothing can be called so."""
    if "\0" in file:
        return DataError(file, "cannot be accessed (its name holds a null character)")
    return root / file


def _text(name: str) -> str:
    r"""`name` as UTF-8 can say it: bytes that are none become ``\xff``."""
    return name.encode(*BYTES).decode("utf-8", "backslashreplace")
