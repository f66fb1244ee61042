"""Features cached on disk: computed once, looked up by the content of the image.

An entry is a folder for one way of computing features (weights, pre-processing, engine, view); its
name is the hash of all these. It holds segments, files that one process each has appended blocks
to, so that processes that work at once never write to the same file. A block is

=========  ====================================================================================
64 bytes   magic, number of rows, features a row, CRC-32 of the rest of the block, CRC-32 of these
16 bytes   a row: content hash of the image (``ImageSet.digests``)
4 bytes    a row and feature: float32, little-endian
=========  ====================================================================================

A block that was not written to its end, or was altered, is known by its length or its checksum and
passed over; whatever it held is computed anew.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import StriateError
from striate.support.cache_files import MARK
from striate.support.files import sha256, write_atomically
from striate.support.paths import shown

if sys.platform != "win32":
    import fcntl

ABOUT = "about.json"
SUFFIX = ".features"
FORMAT = 1
DIGEST = 16  # bytes of an image's content hash

MAGIC = b"striate\x01"
_FIELDS = struct.Struct("<8sIII")
_HEADER = 64  # of which the last four bytes are the header's own checksum


class CacheEntry:
    """The features that were computed in one way.

    Args:
        folder: of the whole cache; None where there is none, and nothing is cached.
        key: all that decides the features of an image, as plain values.
        about: what people want to know of it, as plain values: backbone, engine, view.

    Attributes:
        trouble: what a person should know, in whole sentences; grows.
    """

    def __init__(
        self, folder: Path | None, key: Mapping[str, Any], about: Mapping[str, Any]
    ) -> None:
        text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
        self._writable = folder is not None
        self.path = (folder or Path()) / "features" / sha256(text.encode())[:32]
        self.about = {MARK: FORMAT, **about}
        self.trouble: list[str] = []
        self._segment: FileIO | None = None
        self._readable = self._writable

    def read(self, digests: Sequence[str], width: int | None = None) -> Found:
        """Look up the images with `digests`.

        Damage is named in `trouble` where it costs something: where rows have to be computed anew.
        """
        wanted = {bytes.fromhex(digest) for digest in digests}
        found = Found({}, width)
        segments = segments_of(self.path) if self._readable else []
        damaged = [file for file in segments if not found.take(file, wanted)]
        if damaged and wanted - found.rows.keys():
            names = ", ".join(file.name for file in damaged)
            self.trouble.append(
                f"{shown(self.path)}: {names} was cut short or altered; "
                "what is missing is computed anew"
            )
        if found.rows:
            with suppress(OSError):  # a cache that may only be read has no last use
                os.utime(self.path / ABOUT)
        return found

    def add(self, digests: Sequence[str], features: NDArray[np.float32]) -> None:
        """Append the `features` (n, D) of the images with `digests` (n).

        Where that fails (a full disk), `trouble` says so, nothing that was cached is lost, and
        nothing more is written.
        """
        if not self._writable or not len(features):
            return
        try:
            if self._segment is None:
                self._segment = self._open()
            _append(self._segment, _block(digests, features))
            with suppress(OSError):  # pruned meanwhile
                os.utime(self.path / ABOUT)  # what is written is in use
        except (OSError, StriateError) as error:
            self._writable = False
            self.trouble.append(f"features are no longer cached: {_reason(self.path, error)}")

    def close(self) -> None:
        """End writing. An entry that was not closed loses nothing but what was not yet added."""
        if self._segment is None:
            return
        with suppress(OSError):
            os.fsync(self._segment.fileno())
        with suppress(OSError):
            self._segment.close()
        self._segment = None

    def _open(self) -> FileIO:
        """A new segment, which nobody else writes to, marked as being written."""
        try:
            return self._make()
        except (OSError, StriateError):
            if self.path.exists() or not self.path.parent.exists():
                raise
            return self._make()  # the entry was pruned between one step and the next

    def _make(self) -> FileIO:
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / ABOUT).exists():
            write_atomically(self.path / ABOUT, json.dumps(self.about, indent=1).encode())
        name = f"{time.time_ns():x}-{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        segment = (self.path / name).open("xb", buffering=0)
        if sys.platform != "win32":
            with suppress(OSError):  # some network file systems know no locks
                fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return segment


class Found:
    """Rows of memory-mapped segments by the content hash of their image.

    Attributes:
        rows: float32 (D,) each, read-only, still on disk.
        width: D, where it is known.
    """

    def __init__(self, rows: dict[bytes, NDArray[np.float32]], width: int | None = None) -> None:
        self.rows = rows
        self.width = width

    def __contains__(self, digest: str) -> bool:
        return bytes.fromhex(digest) in self.rows

    def __getitem__(self, digest: str) -> NDArray[np.float32]:
        return self.rows[bytes.fromhex(digest)]

    def take(self, file: Path, wanted: set[bytes]) -> bool:
        """Take the `wanted` rows of a segment; False where it is damaged."""
        sound = True
        for rows, width, content, checksum in blocks_of(file):
            if content is None or (self.width or width) != width:
                sound = False
                continue
            digests = [
                content[row : row + DIGEST].tobytes() for row in range(0, rows * DIGEST, DIGEST)
            ]
            if wanted.isdisjoint(digests):
                continue
            if zlib.crc32(content.data) != checksum:
                sound = False
                continue
            self.width = width
            values = content[rows * DIGEST :].view("<f4").reshape(rows, width)
            values.flags.writeable = False
            for digest, value in zip(digests, values, strict=True):
                if digest in wanted:
                    self.rows.setdefault(digest, value)
        return sound


def _block(digests: Sequence[str], features: NDArray[np.float32]) -> bytes:
    rows, width = features.shape
    names = b"".join(bytes.fromhex(digest) for digest in digests)
    if len(names) != rows * DIGEST:
        raise ValueError(f"{rows} rows need as many hashes of {DIGEST} bytes")
    content = names + features.astype("<f4").tobytes()
    fields = _FIELDS.pack(MAGIC, rows, width, zlib.crc32(content)).ljust(_HEADER - 4, b"\0")
    return fields + struct.pack("<I", zlib.crc32(fields)) + content


def _append(segment: FileIO, block: bytes) -> None:
    """Write `block` at the end, or leave the segment as it was."""
    end = segment.tell()
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[segment.write(rest) :]
    except OSError:
        with suppress(OSError):
            segment.truncate(end)
        raise


def blocks_of(file: Path) -> Iterator[tuple[int, int, NDArray[np.uint8] | None, int]]:
    """(rows, width, content, its checksum) of each block; content is None where it is damaged.

    The end of a segment that another process is writing is not damaged, only unfinished.
    """
    try:
        size = file.stat().st_size
        data = np.memmap(file, np.uint8, "r") if size else np.empty(0, np.uint8)
    except (OSError, ValueError):  # removed meanwhile, or not ours to read
        return
    at, size = 0, len(data)
    while at < size:
        header = data[at : at + _HEADER].tobytes()
        whole = len(header) == _HEADER and header.startswith(MAGIC)
        if not whole or struct.pack("<I", zlib.crc32(header[:-4])) != header[-4:]:
            break
        _, rows, width, checksum = _FIELDS.unpack_from(header)
        end = at + _HEADER + rows * (DIGEST + 4 * width)
        if end > size:
            break
        yield rows, width, data[at + _HEADER : end], checksum
        at = end
    if at < size and not being_written(file):
        yield 0, 0, None, 0


def being_written(file: Path) -> bool:
    """Whether a living process holds the segment."""
    if sys.platform != "win32":
        try:
            with file.open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    return False


def segments_of(entry: Path) -> list[Path]:
    """The segments of an entry, oldest first: files only, since to open a pipe is to wait."""
    try:
        return sorted(each for each in entry.iterdir() if each.suffix == SUFFIX and each.is_file())
    except OSError:
        return []


def _reason(path: Path, error: Exception) -> str:
    number = getattr(error, "errno", None) or getattr(error.__cause__, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"{shown(path)}: the disk is full; free some space or set STRIATE_CACHE"
    if isinstance(error, OSError):
        said = error.strerror or str(error)
        return f"{shown(path)}: cannot be written ({said}); set STRIATE_CACHE to another folder"
    return str(error)
