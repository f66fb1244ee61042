"""What an archive holds, one file after another: zip, and tar as it is or packed.

Nothing is believed that an archive tells of itself: names that lead out of it are refused, links
and devices passed over, and what is read of a member is at most what it said.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable

_PACKED = ("gz", "bz2", "xz", "zst")
SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tzst", *(f".tar.{each}" for each in _PACKED))
"""In which the names of archives end, in lower case."""

_PACKINGS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")  # as `_PACKED`
_REMEDY = "unpack it, or pack it again as .zip or .tar"
_HEADER = 1 << 24  # bytes: more of a header, which is held in memory, no file's name takes
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(OSError, ValueError, OverflowError, MemoryError, LookupError, RecursionError),
)
"""What is raised of the content of archives that are none, or that somebody made to do harm."""


class Member(NamedTuple):
    """A file or folder in an archive: its path with ``/``, and how a file is read."""

    name: str
    is_folder: bool
    chunks: Callable[[], Iterator[bytes]]


def is_archive(path: Path) -> bool:
    """Whether `path` is called as archives are, and is no folder, whatever else there is."""
    return suffix_of(path) != "" and not paths.is_folder(path, kind=DataError)


def suffix_of(path: Path) -> str:
    """The ending of `SUFFIXES` that a name has; empty where it has none.

    >>> suffix_of(Path("photos.tar.GZ")), suffix_of(Path("photos.png"))
    ('.tar.GZ', '')
    """
    name = path.name
    lengths = [len(each) for each in SUFFIXES if name.lower().endswith(each)]
    return name[len(name) - max(lengths) :] if lengths else ""


@contextmanager
def members_of(path: Path) -> Iterator[tuple[Generator[Member], int]]:
    """The files and folders of an archive, and how many there are; 0 where it does not tell.

    Raises:
        DataError: it is damaged, encrypted, packed in a way that is not read, holds a name that
            leads out of it, or cannot be read.
    """
    with ExitStack() as stack:
        with _explained(path):
            if _is_zip(path):
                zipped = stack.enter_context(zipfile.ZipFile(path))
                found = _of_zip(path, zipped), len(zipped.filelist)
            else:
                file = cast(IO[bytes], stack.enter_context(closing(_unpacking(path))))
                tar = stack.enter_context(tarfile.open(fileobj=file, mode="r:"))
                found = _of_tar(path, tar), 0
        yield found


def _is_zip(path: Path) -> bool:
    """Whether an archive is a zip, which is told by its end: that of a tar may be a zip in it."""
    head, _ = paths.read_start(path, 262, kind=DataError)
    is_tar = head.startswith(_PACKINGS) or head[257:] == b"ustar"
    return not is_tar and zipfile.is_zipfile(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever is raised about the content of an archive into one line."""
    try:
        yield
    except DataError:
        raise
    except NotImplementedError as error:
        why = f"is packed in a way that is not read ({paths.reason(error)})"
        raise DataError(paths.shown(path), why, _REMEDY) from None
    except DAMAGE as error:
        why = f"is damaged, or no archive ({paths.reason(error)})"
        raise DataError(paths.shown(path), why, "fetch or pack it again") from None
    except RuntimeError as error:  # so zipfile says that it wants a password
        raise DataError(paths.shown(path), f"cannot be read ({error})", _REMEDY) from None


def _of_zip(path: Path, archive: zipfile.ZipFile) -> Generator[Member]:
    for info in archive.filelist:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind and not stat.S_ISREG(kind) and not info.is_dir():
            continue
        if info.flag_bits & 0x1:
            why = "is encrypted, and no password is asked for"
            raise DataError(paths.shown(path), why, "unpack it, and give the folder")

        def chunks(info: zipfile.ZipInfo = info) -> Iterator[bytes]:
            with _explained(path), archive.open(info) as file:
                yield from _read(file)

        name = _inside(path, _name_in_zip(info))
        if name:
            yield Member(name, info.is_dir(), chunks)


def _name_in_zip(info: zipfile.ZipInfo) -> str:
    """A member's name: UTF-8 also where that is not marked, as by macOS."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/") if info.create_system == 0 else name  # written on Windows


def _unpacking(path: Path) -> io.BufferedIOBase:
    """The bytes of a tar archive, whatever they are packed with."""
    head, _ = paths.read_start(path, 6, kind=DataError)
    gzipped, bzipped, xzipped, zstandard = map(head.startswith, _PACKINGS)
    if gzipped:
        return Bounded(cast(io.BufferedIOBase, gzip.open(path)))
    if bzipped:
        return Bounded(cast(io.BufferedIOBase, bz2.open(path)))
    if xzipped:
        return Bounded(cast(io.BufferedIOBase, lzma.open(path)))
    if zstandard:
        return Bounded(_zstandard(path))
    return Bounded(path.open("rb"))


def _zstandard(path: Path) -> io.BufferedIOBase:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        why = "is packed with Zstandard, which Python reads from version 3.14 on"
        raise DataError(paths.shown(path), why, "unpack it, or pack it as .tar.gz") from None
    return cast(io.BufferedIOBase, zstd.open(path))


class Bounded(io.BufferedIOBase):
    """A file of which nobody reads more than `_HEADER` bytes at once.

    A header that says that it has gigabytes would otherwise be read into memory.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file = file

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes."""
        if size is None or not 0 <= size <= _HEADER:
            raise tarfile.ReadError("a header without end")
        return self.file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in what is unpacked."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """The place in what is unpacked."""
        return self.file.tell()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _of_tar(path: Path, archive: tarfile.TarFile) -> Generator[Member]:
    while True:
        with _explained(path):
            info = archive.next()
            archive.members.clear()  # type: ignore[attr-defined] # it would keep all of them
        if info is None:
            return
        if not (info.isreg() or info.isdir()):
            continue

        def chunks(info: tarfile.TarInfo = info) -> Iterator[bytes]:
            with _explained(path), cast(IO[bytes], archive.extractfile(info)) as file:
                yield from _read(file)

        name = _inside(path, info.name)
        if name:
            yield Member(name, info.isdir(), chunks)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(1 << 20):
        yield chunk


def _inside(path: Path, name: str) -> str:
    """The path of a member within its archive; empty where it has none.

    Raises:
        DataError: it leads out of it, or no file can have it.
    """
    if "\0" in name:
        why = f"holds a name that no file can have, '{printable(name[:60])}'"
        raise DataError(paths.shown(path), why, "pack it again")
    name = name.replace(os.sep, "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    drive = len(name) > 1 and name[1] == ":" and name[0].isalpha()
    whole = drive and (os.sep != "/" or "/" in name[:3])
    if name.startswith("/") or ".." in parts or whole:
        why = f"holds the name '{printable(name)}', which leads out of it"
        raise DataError(paths.shown(path), why, "do not trust it; give a folder")
    return "/".join(parts)
