"""What was made of images, by their content hash: on disk, else in memory, else made anew.

An entry of the cache is a folder for one way of making it, called by a hash of that way. In it lies
a file an image, so that processes that work at once write the same bytes under the same name. Each
begins with a mark and the hash of what follows: a file that was cut, altered or removed is as one
that was never there. Nothing is flushed for the same reason.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from striate.errors import StriateError
from striate.support.cache_files import MARK, hashed
from striate.support.closing import Closable
from striate.support.files import part_of, write_atomically
from striate.support.paths import reason, shown

if sys.platform != "win32":
    import fcntl

Place = Literal["auto", "disk", "memory"]

#: The folder of these entries in the cache.
COPIES = "copies"
ABOUT = "about.json"
SUFFIX = ".image"
FORMAT = 1
MAGIC = b"striate\x02"

#: What is left free on a disk, in bytes.
RESERVE = 256 << 20
_HASH = 16  # bytes
_HEADER = len(MAGIC) + _HASH


class Store(Closable):
    """What was made of images in one way.

    Threads may use it at once. Where the disk takes no more, memory does, as far as it is allowed
    to; nothing that goes wrong here is an error, since all of it can be made anew.

    Args:
        cache: the cache's folder; None where there is none.
        key: all that decides what is made of an image, as plain values.
        about: what people want to know of it, as plain values.
        place: ``disk`` or ``memory`` alone, or, ``auto``, memory for what the disk does not take.
        memory: bytes that may be held in memory.

    Attributes:
        trouble: why the disk takes no more; empty while it does, and where it is not wanted.
        full: whether something could be kept nowhere.
    """

    def __init__(
        self,
        cache: Path | None,
        key: Mapping[str, Any],
        about: Mapping[str, Any],
        *,
        place: Place = "auto",
        memory: int,
    ) -> None:
        name = hashed(json.dumps({"format": FORMAT, **key}, sort_keys=True).encode())
        self.path = (cache or Path()) / COPIES / name
        self.about = {MARK: FORMAT, **about}
        self.trouble, self.full = "", False
        self._readable = self._writable = cache is not None and place != "memory"
        self._most = 0 if place == "disk" else memory
        self._held: dict[str, bytes] = {}
        self._taken = 0
        self._lock = threading.Lock()
        self._claim: weakref.finalize[Any, Store] | None = None

    def __contains__(self, digest: str) -> bool:
        """Whether there is something of that image, without a look at whether it is sound."""
        if digest in self._held:
            return True
        try:
            return self._readable and self._file(digest).exists()
        except OSError:
            return False

    def get(self, digest: str) -> bytes | None:
        """What was made of the image with that content hash; None where it has to be made."""
        held = self._held.get(digest)
        if held is not None or not self._readable:
            return held
        try:
            found = self._file(digest).read_bytes()
        except OSError:
            return None
        content = found[_HEADER:]
        if found[:_HEADER] != _header(content):
            return None
        self._in_use()
        return content

    def put(self, digest: str, content: bytes) -> None:
        """Keep what was made of an image, if there is room for it."""
        if self._writable:
            try:
                try:
                    self._write(digest, content)
                except FileNotFoundError:  # the entry was pruned, or removed by hand
                    self._release()
                    self._write(digest, content)
            except (OSError, StriateError) as error:
                self._writable = False
                self.trouble = _explained(self.path, error)
            else:
                return
        with self._lock:
            if digest in self._held:
                return
            if self._taken + len(content) > self._most:
                self.full = True
                return
            self._taken += len(content)
            self._held[digest] = content

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes more can be kept, as far as that can be told beforehand."""
        with self._lock:
            if self._taken + size <= self._most:
                return True
        if not self._writable:
            return False
        try:
            self._in_use(made=True)
            return shutil.disk_usage(self.path).free - RESERVE >= size
        except (OSError, StriateError) as error:
            self._writable, self.trouble = False, _explained(self.path, error)
            return False

    def close(self) -> None:
        """Let go of what is held in memory, and of the entry, which may be pruned from now on."""
        self._held.clear()
        self._release()

    def _file(self, digest: str) -> Path:
        return self.path / digest[:2] / f"{digest}{SUFFIX}"

    def _write(self, digest: str, content: bytes) -> None:
        self._in_use(made=True)
        file = self._file(digest)
        file.parent.mkdir(exist_ok=True)
        if shutil.disk_usage(file.parent).free < RESERVE + len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        beside = part_of(file)
        try:
            with beside.open("xb") as handle:
                handle.write(_header(content) + content)
            beside.replace(file)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise

    def _release(self) -> None:
        with self._lock:
            if self._claim is not None:
                self._claim()
            self._claim = None

    def _in_use(self, *, made: bool = False) -> None:
        """Hold the entry, so that it is not pruned; with `made`, make it first."""
        with self._lock:
            if self._claim is not None:
                return
            about = self.path / ABOUT
            if made:
                self.path.mkdir(parents=True, exist_ok=True)
                if not about.exists():
                    write_atomically(about, json.dumps(self.about, indent=1).encode())
            try:
                handle = os.open(about, os.O_RDONLY)
            except OSError:
                return
            with suppress(OSError):  # some network file systems know no locks, some no times
                if sys.platform != "win32":
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                os.utime(about)
            # Whoever forgets to close it holds it no longer than there is a use for it.
            self._claim = weakref.finalize(self, os.close, handle)


def _header(content: bytes) -> bytes:
    return MAGIC + blake2b(content, digest_size=_HASH).digest()


def _explained(path: Path, error: OSError | StriateError) -> str:
    if isinstance(error, StriateError):
        return f"{error.what} {error.why}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{shown(path)}: the disk is full"
    return f"{shown(path)}: cannot be written ({reason(error)})"
