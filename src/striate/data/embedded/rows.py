"""Rows of Parquet and Arrow files that hold images themselves, with pyarrow alone.

Hugging Face's `datasets` writes an image as a pair of ``bytes`` and ``path``, and into the schema
what the numbers of a class mean (``ClassLabel``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from striate.data.decoding.formats import kind_of_content
from striate.data.tables.parquet import text_of
from striate.errors import DataError
from striate.support import paths
from striate.support.packages import need
from striate.support.text import printable

_BATCH = 64  # rows, whose images are in memory together
_SEEN = 100  # rows, by which it is told what a column of bytes holds
_USUAL = ("image", "img", "picture", "photo", "jpg", "png")


@dataclass(frozen=True)
class Columns:
    """What the columns of such a file are.

    Attributes:
        image: holds the images.
        names: by column, what each number of a class means.
        plain: those that are written in a line, in order.
    """

    image: str
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plain: Sequence[str] = ()


class RowFile:
    """A Parquet file, or one of Arrow's streams, that may hold images.

    Raises:
        DataError: it is damaged, or pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrow = need("pyarrow", purpose="read Parquet files", extra="bulk", kind=DataError)
        need("pyarrow.parquet", purpose="read them", extra="bulk", kind=DataError)
        with self._opened() as (schema, _):
            self.schema = schema
            self.columns = self._columns(schema)

    def _opened(self) -> _Opened:
        return _Opened(self.path, self._arrow)

    def _columns(self, schema: Any) -> Columns | None:
        """What the columns are; None where none holds images."""
        types = self._arrow.types
        features = _features(schema)
        pairs, blobs, plain = [], [], []
        for each in schema:
            kind, name = each.type, each.name
            declared = features.get(name, {})
            if self._is_pair(kind):
                pairs.append(name)
            elif types.is_binary(kind) or types.is_large_binary(kind):
                blobs.append(name)
            elif not types.is_nested(kind) and declared.get("_type") != "Audio":
                plain.append(name)
        found = [name for name in pairs if features.get(name, {}).get("_type", "Image") == "Image"]
        found = found or [name for name in blobs if self._holds_images(name)]
        if not found:
            return None
        usual = [name for name in found if name.lower() in _USUAL]
        if len(found) > 1 and len(usual) != 1:
            why = f"has several columns of images ({', '.join(map(printable, found))})"
            raise DataError(paths.shown(self.path), why, "keep one, or call it image")
        twice = next((name for name in (*found, *plain) if schema.names.count(name) > 1), None)
        if twice is not None:
            why = f"has several columns '{printable(twice)}'"
            raise DataError(paths.shown(self.path), why, "keep one of them")
        names = {
            name: [str(each) for each in declared["names"]]
            for name, declared in features.items()
            if declared.get("_type") == "ClassLabel" and isinstance(declared.get("names"), list)
        }
        return Columns((usual or found)[0], names, plain)

    def _is_pair(self, kind: Any) -> bool:
        types = self._arrow.types
        parts = {part.name: part.type for part in kind} if types.is_struct(kind) else {}
        content, path = parts.get("bytes"), parts.get("path")
        if content is None or path is None:
            return False
        holds = types.is_binary(content) or types.is_large_binary(content)
        # A column that never has a name is one of nothing, where a library made up its type.
        named = types.is_string(path) or types.is_large_string(path) or types.is_null(path)
        return bool(holds and named)

    def _holds_images(self, name: str) -> bool:
        with self._opened() as (_, batches):
            for batch in batches:
                values = batch.column(batch.schema.get_field_index(name)).slice(0, _SEEN)
                known = [each for each in values.to_pylist() if each]
                if known:
                    return bool(kind_of_content(known[0][:132]))
        return False

    def rows(self) -> Iterator[tuple[bytes | None, str, dict[str, str]]]:
        """The image of each row, the name that it had, and the text of each other column."""
        assert self.columns is not None
        image, plain = self.columns.image, self.columns.plain
        with self._opened() as (_, batches), self._read():
            for batch in batches:
                images = batch.column(batch.schema.get_field_index(image)).to_pylist()
                cells = {
                    name: batch.column(batch.schema.get_field_index(name)).to_pylist()
                    for name in plain
                }
                for at, found in enumerate(images):
                    content, name = found, ""
                    if isinstance(found, dict):
                        content, name = found["bytes"], found["path"] or ""
                    texts = {key: self._text(key, values[at]) for key, values in cells.items()}
                    yield content, name, texts

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Explain values that Python has none of: text that is not UTF-8, years without end."""
        try:
            yield
        except (ValueError, OverflowError, LookupError) as error:
            why = f"holds a value that cannot be read ({paths.reason(error)})"
            raise DataError(paths.shown(self.path), why, "write it again without") from None

    def _text(self, column: str, value: Any) -> str:
        assert self.columns is not None
        names = self.columns.names.get(column)
        if names is None or not isinstance(value, int):
            return text_of(value)
        return names[value] if 0 <= value < len(names) else ""


class _Opened:
    """A file while it is read: its schema, and its rows in batches."""

    def __init__(self, path: Path, arrow: Any) -> None:
        self.path, self.arrow = path, arrow

    def __enter__(self) -> tuple[Any, Iterator[Any]]:
        paths.refuse_special(self.path, kind=DataError)
        try:
            if self.path.suffix.lower() == ".arrow":
                self._file = self.arrow.OSFile(os.fspath(self.path), "rb")
                reader = self.arrow.ipc.open_stream(self._file)
                return reader.schema, self._each(_sliced(reader))
            self._file = self.arrow.parquet.ParquetFile(os.fspath(self.path))
            return self._file.schema_arrow, self._each(self._file.iter_batches(batch_size=_BATCH))
        except (self.arrow.ArrowException, OSError) as error:
            raise self._damaged(error) from None

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _each(self, batches: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from batches
        except (self.arrow.ArrowException, OSError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: BaseException) -> DataError:
        form = "an Arrow stream" if self.path.suffix.lower() == ".arrow" else "Parquet"
        why = f"cannot be read as {form} ({paths.reason(error)})"
        return DataError(paths.shown(self.path), why, "fetch or write it again")


def _sliced(reader: Any) -> Iterator[Any]:
    """The batches of a stream, in parts of a few rows."""
    for batch in reader:
        for start in range(0, batch.num_rows, _BATCH):
            yield batch.slice(start, _BATCH)


def _features(schema: Any) -> dict[str, dict[str, Any]]:
    """What `datasets` wrote of the columns into a schema."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        found = about["info"]["features"]
        return {str(name): each for name, each in found.items() if isinstance(each, dict)}
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
