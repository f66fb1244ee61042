"""From the bytes of an image file to its pixels, and a reason where that is not possible.

What an image is, whatever its file: upright (its EXIF orientation applied), on white where it is
transparent, 8 bits a channel (of 16, the upper eight), grey or RGB, the first of its frames. CMYK
is read by Adobe's inverted convention and turned into RGB by the plain formula, without profiles.

A file is taken only if it is whole as far as its format lets one know: see `striate.data.jpeg` and
`striate.data.damage`. docs/data.md has the figures of what gets through all the same.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from striate.data import damage, jpeg, memory, pixels, tiff
from striate.data.flaws import Flaw, Kind, broken, foreign, unidentified
from striate.data.formats import FOREIGN, kind_of_content
from striate.errors import DataError
from striate.support import paths

# Asked for by name, without Image.open: its limit of pixels is not ours, and is a warning or an
# error by what somebody else has set.
_PLUGINS: dict[str, Any] = {
    "JPEG": JpegImagePlugin.JpegImageFile,  # of an MPO, which is several JPEGs, the first
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}

_EACH = 10
"""Bytes that a pixel takes: 3 of what is given, 3 of a part cut out, 4 of Pillow's in resizing."""

_CMYK, _WEBP = 12, 20
_RULES = 2  # raised by whatever makes a file taken that was not, or the other way round

_LARGE_FILE = 32  # a file of more than this part of the limit is read while no other is decoded


class ImageError(DataError):
    """A file that cannot be used as an image; `kind` says in what way."""

    def __init__(self, what: str, kind: Kind, why: str, remedy: str = "") -> None:
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
    return [PIL.__version__, simplejpeg.__version__, _RULES]


@contextmanager
def decoding(
    source: Path | bytes, channels: int | None = 3, name: str = "", digest: str = ""
) -> Iterator[NDArray[np.uint8]]:
    """The pixels as `decode` gives them, for the time of a block.

    While it runs, the memory that a large image takes counts against what all threads may take
    together (`striate.data.memory`): whoever goes through many images works in such blocks.

    Args:
        source, channels, name: as in `decode`.
        digest: `digest_of` the file's content when it was looked at before; empty if it was not.

    Raises:
        ImageError: as in `decode`; or the file's content has changed, or is gone.
    """
    if isinstance(source, bytes):
        with decoded(source, name or "image", channels) as (image, _):
            yield image
        return
    with content_of(source, known=bool(digest)) as content:
        if digest and digest_of(content) != digest:
            raise _changed(source, "has changed since it was looked at")
        with decoded(content, source, channels, sound=bool(digest)) as (image, _):
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


def decode_picture(
    image: Image.Image, channels: int | None = 3, name: str = "image"
) -> NDArray[np.uint8]:
    """As `decode`, of an image of Pillow's: what its file would give, if it comes from one.

    An image that was made from others is taken to stand upright.
    """
    with _explained(name), memory.room_for(_affordable(*image.size, _EACH)):
        image.load()
        turn = 1 if image.format is None else pixels.orientation(image)
        found = pixels.upright(pixels.flatten(image), turn)
        return pixels.in_channels(found, channels)


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises ImageError."""
    return _read(path, memory.limit(), known=False)


def _read(path: Path, most: int, known: bool) -> bytes:
    try:
        return paths.read_file(path, most=most, kind=DataError)
    except FileNotFoundError:
        why = "cannot be read (No such file or directory)"
    except DataError as error:
        why = error.why
    if known:
        raise _changed(path, why)
    raise ImageError(paths.shown(path), "unreadable", why)


def _changed(path: Path, why: str) -> ImageError:
    remedy = "put it back as it was and go on, or begin anew with the images as they are now"
    return ImageError(paths.shown(path), "changed", why, remedy)


def decode_with_format(
    data: bytes, name: str, channels: int | None = 3
) -> tuple[NDArray[np.uint8], str]:
    """As `decode`, with the format that the file really has (``"JPEG"``, ``"PNG"`` …)."""
    with decoded(data, name, channels) as found:
        return found


@contextmanager
def decoded(
    data: bytes, name: str | Path, channels: int | None = None, *, sound: bool = False
) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Pixels and format of the content of a file, for the time of a block; see `decoding`.

    With `sound` the very same content was found whole before, and what costs time is not asked
    again.
    """
    with ExitStack() as stack:
        with _explained(name):
            source = _Source(data, name)
            stack.enter_context(memory.room_for(source.cost()))
            found = source.pixels(channels)
            if not sound:
                source.refuse_damaged()
            found.flags.writeable = False
        yield found, source.form


class _Source:
    """An image file whose header was read, and whose pixels were not."""

    def __init__(self, data: bytes, name: str | Path) -> None:
        if not data:
            raise Flaw("empty", "is empty (0 bytes)")
        self.form = kind_of_content(data[:132])
        if self.form not in _PLUGINS:
            raise unidentified(data, self.form)
        if self.form == "TIFF" and (raw := FOREIGN.get(Path(name).suffix.lower())) == "camera raw":
            raise foreign(raw)  # its first picture is a thumbnail
        self.header = jpeg.Header([], 0)
        self.tags: Mapping[int, Any] = {}
        self.data = self._walked(data)
        # WebP's decoder takes its memory when it is made: not before that is counted.
        self.image = None if self.form == "WEBP" else self._open(self.data)

    def _walked(self, data: bytes) -> bytes:
        """The content to decode, its structure found whole and free of floods. Raises Flaw."""
        match self.form:
            case "JPEG":
                self.header = jpeg.read_header(data)
                if not self.header.complete:
                    raise Flaw("truncated", "is truncated (a JPEG without picture data)")
                plain = jpeg.without_fill(data, self.header)
                if plain is not data:
                    data, self.header = plain, jpeg.read_header(plain)
            case "PNG":
                damage.refuse_damaged_png(data)
            case "WEBP":
                damage.refuse_damaged_webp(data)
            case "GIF":
                data = damage.refuse_damaged_gif(data)
            case "TIFF":
                tiff.refuse_odd_tiff(data)
            case "PPM":
                damage.refuse_long_ppm_header(data)
        return data

    def _open(self, data: bytes) -> Any:
        return _PLUGINS[self.form](io.BytesIO(data))

    def cost(self) -> int:
        """The bytes of memory that decoding and resizing take. Raises Flaw if they are too many."""
        if self.image is None:
            width, height = damage.webp_size(self.data)
            return _affordable(width, height, _WEBP)
        width, height = self.image.size
        return _affordable(width, height, _CMYK if self.image.mode == "CMYK" else _EACH)

    def pixels(self, channels: int | None) -> NDArray[np.uint8]:
        """The pixels, upright, with that many channels. Raises Flaw, and whatever Pillow raises."""
        image = self._open(self.data) if self.image is None else self.image
        found: NDArray[np.uint8] | None = None
        if self.form == "JPEG":
            found = jpeg.decode(self.data, self.header, image.mode, image.size)
            if found is not None and image.mode == "CMYK":
                found = pixels.from_cmyk(found)
        if found is None:
            self.tags = dict(getattr(image, "tag_v2", {}))  # Pillow turns some round in loading
            with tiff.without_chatter() if self.form == "TIFF" else ExitStack():
                image.load()
            found = pixels.flatten(image, self.data)
        turn = pixels.orientation(image)
        del image, self.image  # and with them Pillow's copy
        return pixels.in_channels(pixels.upright(found, turn), channels)

    def refuse_damaged(self) -> None:
        """Ask what takes about as long as decoding: whether the data are those of the picture."""
        if self.form == "TIFF":
            tiff.refuse_damaged_strips(self.data, self.tags)
        short = damage.shortened_webp(self.data) if self.form == "WEBP" else None
        if short is None:
            return
        try:
            self._open(short).load()
        except Exception:  # it was short of data, as it should
            return
        raise Flaw("damaged", "is damaged (data that its picture does not need)")


def _affordable(width: int, height: int, each: int) -> int:
    """The bytes that so many pixels take. Raises Flaw if they are more than images may take."""
    cost, most = width * height * each, memory.limit()
    if cost > most:
        raise Flaw(
            "too large",
            f"has {width:,} x {height:,} pixels and would take {memory.shown(cost)} of memory, "
            f"where images may take {memory.shown(most)}",
            f"make it smaller, or set {memory.VARIABLE} to {-(-cost >> 30)}G",
        )
    return cost


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
        raise ImageError(what, flaw.kind, flaw.why, flaw.remedy) from None
