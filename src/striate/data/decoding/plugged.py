"""Formats that need a plug-in of Pillow's, or a build that has them: HEIC, AVIF and JPEG XL.

What turns such a picture upright is written in the picture itself (``irot`` and ``imir`` of a HEIF
file, the codestream's header of JPEG XL), and an EXIF orientation beside it does not count
(ISO/IEC 23008-12, 18181-2). Of 10 or 12 bits a channel the decoders of HEIC and AVIF make 8.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from striate.data.decoding import boxes, pixels
from striate.data.decoding.flaws import Flaw, unsupported
from striate.data.decoding.formats import remedy_for
from striate.data.decoding.readers import ByPillow, Jpeg, Reader
from striate.support.settings import without_pillow_limit

PACKAGES = {"HEIC": "pillow-heif", "AVIF": "pillow>=11.3", "JPEG XL": "pillow-jxl-plugin"}
"""What is to be installed for each of these formats."""

_MODES = {"L", "LA", "RGB", "RGBA", "I;16", "F"}


def plugin_versions() -> list[str]:
    """Which of them are read here, and by what, for whatever is kept of images."""
    found = []
    for package in ("pillow-heif", "pillow-jxl-plugin"):
        try:
            found.append(version(package))
        except PackageNotFoundError:
            found.append("")
    return [*found, str(_has_avif())]


def _has_avif() -> bool:
    """Whether Pillow reads AVIF; versions before 11.2 do not know that there is such a thing."""
    return "avif" in features.modules and features.check_module("avif")


def _missing(kind: str) -> Flaw:
    install = f"`pip install '{PACKAGES[kind]}'` (or 'striate[formats]')"
    why = f"is {kind}, which needs another package to be read"
    return Flaw("unsupported", why, f"{install}, or {remedy_for(kind)}")


class _Heif(ByPillow):
    """A format of pictures in ISO's boxes, which is taken from the memory of its file."""

    kind: str
    each = 20  # the decoder's planes, its RGB, and Pillow's

    def __init__(self, data: bytes) -> None:
        boxes.refuse_cut(data)
        super().__init__(data)

    def _open(self, data: bytes) -> Any:
        try:
            plugin = self._plugin()
        except ImportError:
            raise _missing(self.kind) from None
        return plugin(io.BytesIO(data))

    @abstractmethod
    def _plugin(self) -> Any:
        """Pillow's class; ImportError where it is not there."""

    def refuse_damaged(self) -> None:
        """See `Reader`."""
        boxes.refuse_zeros(self.data)


class Heic(_Heif):
    """HEIC, the primary picture, which libheif turns upright."""

    kind = "HEIC"

    def _plugin(self) -> Any:
        from pillow_heif import HeifImageFile

        return HeifImageFile


class Avif(_Heif):
    """AVIF, of a sequence the first picture; Pillow writes its turn into the EXIF."""

    kind = "AVIF"

    def _plugin(self) -> Any:
        from PIL import AvifImagePlugin

        if not _has_avif():
            raise ImportError
        return AvifImagePlugin.AvifImageFile


class JpegXl(Reader):
    """JPEG XL, of an animation the first frame; libjxl turns it upright."""

    kind = "JPEG XL"
    each = 20

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        try:
            from pillow_jxl import Decoder
        except ImportError:
            raise _missing(self.kind) from None
        self._decoder = Decoder

    @property
    def size(self) -> tuple[int, int]:
        """See `Reader`."""
        return boxes.jpeg_xl_size(self.data)

    def pixels(self) -> NDArray[np.uint8]:
        """See `Reader`."""
        try:
            is_jpeg, info, content, _, _ = self._decoder(num_threads=0)(self.data)
        except RuntimeError:  # whose text is about how libjxl is built
            raise Flaw("damaged", "is damaged (no JPEG XL that can be decoded)") from None
        if is_jpeg:  # it was made of a JPEG without loss, and is that again
            return Jpeg(content).pixels()
        if info.mode not in _MODES:
            raise unsupported(f"its pixels ('{info.mode}') have no agreed range")
        with without_pillow_limit(info.width, info.height):
            found = Image.frombytes(info.mode, (info.width, info.height), content)
        return pixels.flatten(found)


PLUGGED_READERS: dict[str, type[Reader]] = {"HEIC": Heic, "AVIF": Avif, "JPEG XL": JpegXl}
"""The reader of each format of `striate.data.decoding.formats.PLUGGED`."""
