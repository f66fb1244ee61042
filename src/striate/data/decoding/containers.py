"""Which files are videos: by their first bytes, else by a name that promises one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from striate.data.decoding.formats import kind_of_content, kind_of_name
from striate.errors import DataError
from striate.support import paths

#: Ends of names, in lower case, that nothing but videos has (``.ts`` is TypeScript as well).
SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".wmv", ".flv"),
    *(".mpg", ".mpeg", ".m2v", ".vob", ".mts", ".m2ts", ".ogv"),
}
_HEAD = 400  # bytes: past the third packet of an MPEG transport stream
_BEGINNINGS = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"\0\0\x01\xba", "mpeg"),
    (b"\0\0\x01\xb3", "mpegvideo"),
    (b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (b"OggS", "ogg"),
)
#: What may stand first in a file of Apple's or ISO's kind.
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_SOUND = (b"M4A ", b"M4B ")
#: Places of the byte that begins every packet, and how long packets are.
_TRANSPORT = ((0, 188), (4, 192))


def container_of(path: Path) -> str:
    """What FFmpeg calls the container that the file `path` begins as; "" of what is none.

    Playlists and the like, which make FFmpeg open other files or addresses, are none.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it cannot be read, or is no regular file.
    """
    return _container(paths.read_start(path, _HEAD, kind=DataError)[0])


def is_video(path: Path) -> bool:
    """Whether a file is a video by its content, or is called one and is no image.

    A file that is neither read nor called a video is none; it may be one that only holds sound.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES and kind_of_name(path.name) == "":
        return False  # so that a label beside each of a million images is not opened
    with suppress(DataError, OSError):
        head = paths.read_start(path, _HEAD, kind=DataError)[0]
        return bool(_container(head)) or (suffix in SUFFIXES and not kind_of_content(head))
    return suffix in SUFFIXES


def _container(head: bytes) -> str:
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] in _ATOMS and head[8:12] not in _SOUND and not kind_of_content(head):
        return "mov"
    for first, length in _TRANSPORT:
        if head[first : first + 2 * length + 1 : length] == b"GGG":
            return "mpegts"
    return ""
