"""From the bytes of an image file to its pixels, and a reason where that is not possible.

What an image is, whatever its file: upright (its EXIF orientation applied), on white where it is
transparent, 8 bits a channel (of 16, the upper eight), grey or RGB, the first of its frames. CMYK
is read by Adobe's inverted convention and turned into RGB by the plain formula, without profiles.

A JPEG with damaged bits in its middle decodes without complaint in every common library; nothing
here can tell it from a sound one.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401 - importing registers it, which spares importing all of them
)

from striate.data.formats import FORMATS
from striate.errors import DataError

Kind = Literal["empty", "unreadable", "truncated", "damaged", "bomb", "unsupported"]

MOST_PIXELS = 178_956_970
"""Above this many pixels (half a gigabyte in RGB) a file is taken for a decompression bomb."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_WHERE_ORIENTATION_HIDES = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_WHITE_IS_ZERO = 0
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")


class ImageError(DataError):
    """A file that cannot be used as an image; `kind` says in what way."""

    def __init__(self, what: str, kind: Kind, why: str, remedy: str = "") -> None:
        self.kind = kind
        super().__init__(what, why, remedy)


def decode(source: Path | bytes, channels: int | None = 3, name: str = "") -> NDArray[np.uint8]:
    """The pixels of an image file or of its bytes: uint8 (height, width, channels), read-only.

    With `channels` 3 or 1 a grey image is repeated and a coloured one turned grey (ITU-R 601);
    with None it is 1 where the file stores grey, else 3. `name` is how errors call the image where
    `source` is bytes. Raises ImageError, a DataError.
    """
    what = name or ("image" if isinstance(source, bytes) else str(source.absolute()))
    return decode_with_format(
        read_file(source) if isinstance(source, Path) else source, what, channels
    )[0]


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises ImageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        why = f"cannot be read ({error.strerror or error})"
        raise ImageError(str(path.resolve()), "unreadable", why) from None


def decode_with_format(
    data: bytes, name: str, channels: int | None = 3
) -> tuple[NDArray[np.uint8], str]:
    """As `decode`, with the format that the file really has (``"JPEG"``, ``"PNG"`` …)."""
    if not data:
        raise ImageError(name, "empty", "is empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_bomb(image, name)
            image.load()
            _refuse_missing_end(image, data, name)
            return _pixels(_upright(_flatten(image, name), image), channels), _format(image)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise _unidentified(data, name) from None
    except Image.DecompressionBombError:
        raise _bomb(name) from None
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise _broken(error, data, name) from None


def decode_picture(
    image: Image.Image, channels: int | None = 3, name: str = "image"
) -> NDArray[np.uint8]:
    """As `decode`, of an image of Pillow's: what its file would give, if it comes from one.

    An image that was made from others is taken to stand upright.
    """
    try:
        _refuse_bomb(image, name)
        image.load()
        flat = _flatten(image, name)
        return _pixels(flat if image.format is None else _upright(flat, image), channels)
    except ImageError:
        raise
    except Exception as error:  # likewise
        raise _broken(error, b"", name) from None


def _pixels(flat: Image.Image, channels: int | None) -> NDArray[np.uint8]:
    """The pixels of an image in mode L or RGB: uint8 (H, W, channels)."""
    if channels is not None:
        flat = flat.convert("RGB" if channels == 3 else "L")  # does nothing where it is so
    pixels = np.asarray(flat)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _format(image: Any) -> str:
    """The format's name; a phone's multi-picture MPO is a JPEG to everybody else."""
    return {"MPO": "JPEG", "DIB": "BMP"}.get(image.format, str(image.format))


def _flatten(image: Image.Image, name: str) -> Image.Image:
    """`image` in mode L or RGB."""
    mode = image.mode
    if mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        return _upper_eight_bits(image)
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        return ground.convert("L" if mode in ("L", "LA", "La") else "RGB")
    if mode in ("1", "L", "RGB"):
        return image.convert("RGB" if mode == "RGB" else "L")
    if mode in ("P", "CMYK", "YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    raise ImageError(
        name,
        "unsupported",
        f"its pixels (Pillow's mode '{mode}') have no agreed range",
        "convert it to 8 or 16 bits a channel",
    )


def _upper_eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey image with its lower bits dropped, as Pillow does for 16-bit colour."""
    values = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
    photometric = getattr(image, "tag_v2", {}).get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    return Image.fromarray(255 - values if photometric == _WHITE_IS_ZERO else values)


def _upright(flat: Image.Image, image: Image.Image) -> Image.Image:
    """`flat` turned as the metadata of `image` ask. (Pillow itself turns TIFF.)"""
    if image.format == "TIFF" or not any(key in image.info for key in _WHERE_ORIENTATION_HIDES):
        return flat
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # metadata that cannot be read do not spoil the picture
        return flat
    return flat if turn is None else flat.transpose(turn)


def _refuse_bomb(image: Image.Image, name: str) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _bomb(name, f"{image.width} x {image.height} pixels")


def _bomb(name: str, size: str = "its size") -> ImageError:
    why = f"decompression bomb: {size} is more than {MOST_PIXELS // 10**6} million pixels"
    return ImageError(name, "bomb", why, "make it smaller")


def _refuse_missing_end(image: Image.Image, data: bytes, name: str) -> None:
    """Raise for a JPEG without an end: an unfinished download filled up with zeros.

    Pillow takes the zeros for picture data and is content.
    """
    if image.format != "JPEG" or data.endswith(b"\xff\xd9"):
        return
    if b"\xff\xd9" not in data[_start_of_scan(data) :]:
        raise ImageError(name, "truncated", "is truncated (a JPEG without its end marker)")


def _start_of_scan(data: bytes) -> int:
    """Where the picture data of a JPEG begin: after the headers, which may hold a thumbnail."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xDA:
            break
        # A fill byte stands alone; a segment says its own length.
        position += 1 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4])
    return position


def _unidentified(data: bytes, name: str) -> ImageError:
    """An error that says what the file is instead of an image, as far as its start shows."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"ftyp" in data[4:8]:
        brand = data[8:12].decode("ascii", "replace").strip("\0 ")
        return ImageError(
            name, "unsupported", f"is HEIC, AVIF or video ('{brand}')", "convert it to JPEG"
        )
    for start, what in (
        (b"<!doctype html", "an HTML page"),
        (b"<html", "an HTML page"),
        (b"<?xml", "XML"),
        (b"<svg", "an SVG drawing"),
        (b"%pdf", "a PDF"),
        (b"version https://git-lfs", "a Git LFS pointer"),
    ):
        if head.startswith(start):
            return ImageError(name, "unreadable", f"is {what}, not an image")
    if data.startswith(_BEGINNINGS):
        return ImageError(name, "truncated", f"is truncated ({len(data)} bytes, a header in part)")
    if not any(data):
        return ImageError(name, "damaged", f"holds {len(data)} zero bytes, not an image")
    return ImageError(name, "unreadable", "is in no image format that is read here")


def _broken(error: Exception, data: bytes, name: str) -> ImageError:
    """What Pillow says about a file that it began to read, in one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    ended = isinstance(error, EOFError) or any(word in said for word in ("runcated", "EOF"))
    if data.startswith(b"RIFF") and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        ended, said = True, f"{len(data)} of {8 + int.from_bytes(data[4:8], 'little')} bytes"
    if ended:
        return ImageError(name, "truncated", f"is truncated ({said})")
    return ImageError(name, "damaged", f"is damaged ({said})")
