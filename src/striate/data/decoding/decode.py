"""From the bytes of an image file to its pixels, and a reason where that is not possible.

What an image is, whatever its file: upright (its EXIF orientation applied), on white where it is
transparent, 8 bits a channel (of 16, the upper eight), grey or RGB, the first of its frames. CMYK
is read by Adobe's inverted convention and turned into RGB by the plain formula, without profiles.

A file is taken only if it is whole as far as its format lets one know: see
`striate.data.decoding.jpeg` and `striate.data.decoding.damage`. docs/data.md has the
figures of what gets through all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path

import numpy as np
import PIL
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray

from striate.data.decoding import memory, pixels
from striate.data.decoding.flaws import Flaw, Kind, broken, foreign, unidentified
from striate.data.decoding.formats import FOREIGN, kind_of_content
from striate.data.decoding.plugged import PLUGGED_READERS, plugin_versions
from striate.data.decoding.readers import READERS, Reader
from striate.data.reduction import Reduction
from striate.data.shards.index import may_be_member, read_member
from striate.errors import DataError
from striate.support import paths

_RULES = 3  # raised by whatever makes a file taken that was not, or the other way round
_LARGE_FILE = 32  # a file of more than this part of the limit is read while no other is decoded


class ImageError(DataError):
    """A file that cannot be used as an image; `kind` is the way in which."""

    def __init__(self, what: str, why: str, remedy: str = "", *, kind: Kind = "unreadable") -> None:
        self.kind = kind
        super().__init__(what, why, remedy)


def decode(source: Path | bytes, channels: int | None = 3, name: str = "") -> NDArray[np.uint8]:
    """The pixels of an image file or of its bytes.

    Args:
        source: a file, or the content of one.
        channels: with 3 or 1 a grey image is repeated and a coloured one turned grey (ITU-R 601);
            with None it is 1 where the file stores grey, else 3.
        name: how errors call the image where `source` is bytes.

    Returns:
        uint8 (height, width, channels), read-only.

    Raises:
        ImageError: a DataError: there is no such file, or it cannot be used.
    """
    with decoding(source, channels, name) as image:
        return image


def decoders() -> list[str | int]:
    """What the pixels of a file, and whether it is taken, depend on: for whatever is kept of it."""
    return [PIL.__version__, simplejpeg.__version__, _RULES, *plugin_versions()]


@contextmanager
def decoding(
    source: Path | bytes,
    channels: int | None = 3,
    name: str = "",
    digest: str = "",
    reduction: Reduction | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """The pixels as `decode` gives them, for the time of a block.

    While it runs, the memory that a large image takes counts against what all threads may take
    together (`striate.data.decoding.memory`): whoever goes through many images works in such
    blocks.

    Args:
        source: as in `decode`.
        channels: as in `decode`.
        name: as in `decode`.
        digest: `digest_of` the file's content when it was looked at before; empty if it was not.
        reduction: how far a JPEG may be reduced, which then says how far it was.

    Raises:
        ImageError: as in `decode`; or the file's content has changed, or is gone.
    """
    if isinstance(source, bytes):
        with decoded(source, name or "image", channels, reduction=reduction) as (image, _):
            yield image
        return
    with content_of(source, known=bool(digest)) as content:
        if digest and digest_of(content) != digest:
            raise _changed(source, "has changed since it was read")
        sound = bool(digest)
        with decoded(content, source, channels, sound=sound, reduction=reduction) as (image, _):
            yield image


def digest_of(data: bytes) -> str:
    """Content hash of a file or array: 128 bits of BLAKE2b, hexadecimal."""
    return blake2b(data, digest_size=16).hexdigest()


@contextmanager
def content_of(path: Path, known: bool = False) -> Iterator[bytes]:
    """All bytes of a regular file, for the time of a block; large files one after another.

    Args:
        path: the file.
        known: it has been read before, so that whatever keeps it from being read now is a change.

    Raises:
        ImageError: it cannot be read, is no regular file, or is too large.
    """
    most = memory.limit()
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        size = 0  # reading it says why
    with memory.room_for(most if size * _LARGE_FILE > most else 0):
        yield _read(path, most, known)


def _read(path: Path, most: int, known: bool) -> bytes:
    try:
        if may_be_member(os.fspath(path)):
            content = read_member(path, most)
            if content is not None:
                return content
        return paths.read_file(path, most=most, kind=DataError)
    except FileNotFoundError:
        why = "cannot be read (No such file or directory)"
    except DataError as error:
        why = error.why
    if known:
        raise _changed(path, why)
    raise ImageError(paths.shown(path), why)


def _changed(path: Path, why: str) -> ImageError:
    return ImageError(paths.shown(path), why, "put it back as it was", kind="changed")


@contextmanager
def decoded(
    data: bytes,
    name: str | Path,
    channels: int | None = None,
    *,
    sound: bool = False,
    most_pixels: int | None = None,
    reduction: Reduction | None = None,
) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Pixels and format of the content of a file, for the time of a block; see `decoding`.

    With `sound` the very same content was found whole before, and what costs time is not checked
    again. What has more than `most_pixels`, if there is such a limit, is refused before memory is
    taken for it.
    """
    with ExitStack() as stack:
        with _explained(name):
            reader = _reader(data, name)
            _refuse_larger(reader.size, most_pixels)
            stack.enter_context(
                memory.room_for(memory.cost_of(reader.size, reader.each, len(reader.data)))
            )
            found = None if reduction is None else reader.reduced(reduction)
            found = pixels.in_channels(reader.pixels() if found is None else found, channels)
            if not sound:
                reader.refuse_damaged()
            found.flags.writeable = False
        yield found, kind_of_content(data[:132])


def _reader(data: bytes, name: str | Path) -> Reader:
    """The reader of a file's content, which shows its format; its name tells of raw files."""
    if not data:
        raise Flaw("empty", "is empty (0 bytes)")
    kind = kind_of_content(data[:132])
    readers = READERS | PLUGGED_READERS
    if kind not in readers:
        raise unidentified(data, kind)
    if kind == "TIFF" and (promised := FOREIGN.get(Path(name).suffix.lower())) == "camera raw":
        raise foreign(promised)  # its first picture is a thumbnail
    return readers[kind](data)


def _refuse_larger(size: tuple[int, int], most: int | None) -> None:
    width, height = size
    if most is not None and width * height > most:
        why = f"has {width:,} x {height:,} pixels, of which at most {most:,} are taken"
        raise Flaw("too large", why, "make it smaller")


@contextmanager
def _explained(name: str | Path) -> Iterator[None]:
    """Turn whatever is raised about the content of a file into an ImageError of that name."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        flaw = error if isinstance(error, Flaw) else broken(error)
        what = paths.shown(name) if isinstance(name, Path) else name
        raise ImageError(what, flaw.why, flaw.remedy, kind=flaw.kind) from None
