"""What can be wrong with an image file, and the words for it."""

from __future__ import annotations

from typing import Literal

from striate.data.decoding.formats import FOREIGN, remedy_for

Kind = Literal["empty", "unreadable", "truncated", "damaged", "too large", "unsupported", "changed"]
"""In what way a file cannot be used as an image."""

_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_OTHERS = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "XML"),
    (b"%pdf", "a PDF"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
_UNSUPPORTED = ("unsupported", "unknown pixel mode", "unknown data organization", "cannot handle")


class Flaw(Exception):  # noqa: N818 - found in a file, not a caller's mistake
    """What is wrong with a file: `kind`, `why` in words, and what to do where that is not plain."""

    def __init__(self, kind: Kind, why: str, remedy: str = "") -> None:
        self.kind, self.why, self.remedy = kind, why, remedy
        super().__init__(why)


def unsupported(why: str) -> Flaw:
    """An image whose numbers are of a sort that is not read here."""
    return Flaw("unsupported", why, "convert it to 8 or 16 bits a channel")


def foreign(kind: str) -> Flaw:
    """An image of a kind that is not read here, one of `decoding.formats.FOREIGN`."""
    return Flaw("unsupported", f"is {kind}, which is not read here", remedy_for(kind))


def unidentified(data: bytes, kind: str) -> Flaw:
    """What a file is instead of an image that is read here, as far as its first bytes show.

    Args:
        data: its content.
        kind: what `striate.data.decoding.formats.kind_of_content` says of it.
    """
    if kind in FOREIGN.values():
        return foreign(kind)
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data[4:8] == b"ftyp":
        brand = data[8:12].decode("ascii", "backslashreplace").strip("\0 ")
        return Flaw("unsupported", f"is a film ('{brand}')", "take a picture out of it")
    for start, what in _OTHERS:
        if head.startswith(start):
            return Flaw("unreadable", f"is {what}, not an image")
    if data.startswith(_BEGINNINGS):
        return Flaw("truncated", f"is truncated ({len(data)} bytes, a header in part)")
    if not any(data[: 1 << 20]) and not data.strip(b"\0"):
        return Flaw("damaged", f"holds {len(data)} zero bytes, not an image")
    return Flaw("unreadable", "is in no image format that is read here")


def broken(error: Exception) -> Flaw:
    """A decoder's message about a file that it began to read, in one line."""
    if isinstance(error, MemoryError):
        return Flaw("too large", "needs more memory than there is", "make it smaller")
    said = " ".join(str(error).split()) or type(error).__name__
    if any(sign in said.lower() for sign in _UNSUPPORTED):
        return unsupported(f"is of a sort that is not read here ({said})")
    ended = isinstance(error, EOFError) or any(
        word in said for word in ("runcated", "EOF", "buffer is not large enough", "end of file")
    )
    if ended:
        return Flaw("truncated", f"is truncated ({said})")
    return Flaw("damaged", f"is damaged ({said})")
