"""One reader a format: what is looked at before decoding, what it costs, how it is decoded."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from striate.data.decoding import damage, jpeg, pixels, ppm, tiff
from striate.data.decoding.flaws import Flaw
from striate.data.reduction import Reduction
from striate.support.settings import without_pillow_limit

EACH = 10
"""Bytes that a pixel takes: 3 of what is given, 3 of a part cut out, 4 of Pillow's in resizing."""


class Reader(ABC):
    """The content of one image file, looked at and not yet decoded.

    Making one raises Flaw for what its structure shows to be damaged; any method may raise Flaw,
    and whatever Pillow raises.
    """

    each: int = EACH

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Width and height as stored, known before memory is taken for them."""

    @abstractmethod
    def pixels(self) -> NDArray[np.uint8]:
        """The pixels, upright: uint8 (height, width, 1 or 3)."""

    def reduced(self, reduction: Reduction) -> NDArray[np.uint8] | None:
        """`pixels` with sides divided as far as `reduction` allows, which then says how far.

        None for a format, or a picture, that is decoded whole or not at all.
        """
        return None

    def refuse_damaged(self) -> None:
        """Ask once more, at about the cost of decoding, whether the data are the picture's."""
        return


class ByPillow(Reader):
    """A format that one of Pillow's plug-ins reads.

    It is asked for by name, without Image.open, and without Pillow's limit of pixels: that is not
    ours, and is a warning or an error by what somebody else has set.
    """

    plugin: ClassVar[Any]

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.image = self._open(data)

    def _open(self, data: bytes) -> Any:
        return self.plugin(io.BytesIO(data))

    @property
    def size(self) -> tuple[int, int]:
        """See `Reader`."""
        width, height = self.image.size
        return width, height

    def pixels(self) -> NDArray[np.uint8]:
        """See `Reader`."""
        with without_pillow_limit(*self.size):
            self.image.load()
            found, turn = pixels.flatten(self.image, self.data), pixels.orientation(self.image)
        del self.image  # and with it Pillow's copy
        return pixels.upright(found, turn)


class Jpeg(ByPillow):
    """JPEG, and of an MPO, which is several of them, the first."""

    plugin = JpegImagePlugin.JpegImageFile

    def __init__(self, data: bytes) -> None:
        self.header = jpeg.read_header(data)
        if not self.header.complete:
            raise Flaw("truncated", "is truncated (a JPEG without picture data)")
        lean = jpeg.lean(data, self.header)
        if lean is not data:
            data, self.header = lean, jpeg.read_header(lean)
        super().__init__(data)
        if self.image.mode == "CMYK":
            self.each = 12  # four inks, and four coefficients of two bytes

    def pixels(self) -> NDArray[np.uint8]:
        """See `Reader`."""
        found = jpeg.decode(self.data, self.header, self.image.mode, self.image.size)
        if found is None:
            return super().pixels()
        if found.shape[2] == 4:
            found = pixels.from_cmyk(found)
        return pixels.upright(found, pixels.orientation(self.image))

    def reduced(self, reduction: Reduction) -> NDArray[np.uint8] | None:
        """See `Reader`."""
        width, height = self.image.size
        factor = reduction.most(height, width)
        turn = pixels.orientation(self.image)
        if factor == 1 or self.image.mode not in ("L", "RGB"):
            return None
        if turn != 1 and (width % factor or height % factor):
            return None  # what stands out beyond the last pixel would be turned to another side
        found = jpeg.decode(self.data, self.header, self.image.mode, self.image.size, factor)
        if found is None:
            return None
        upright = pixels.upright(found, turn)
        reduction.factor = factor
        reduction.height, reduction.width = (
            (width, height) if turn in (5, 6, 7, 8) else (height, width)
        )
        return upright


class Png(ByPillow):
    """PNG; of an animated one, the picture that those see who do not know of animation."""

    plugin = PngImagePlugin.PngImageFile

    def __init__(self, data: bytes) -> None:
        damage.refuse_damaged_png(data)
        super().__init__(data)


class Webp(ByPillow):
    """WebP, of an animation the first frame."""

    plugin = WebPImagePlugin.WebPImageFile
    each = 20  # several canvases in RGBA, of the decoder's, of Pillow's binding and of Pillow's

    def __init__(self, data: bytes) -> None:
        damage.refuse_damaged_webp(data)
        Reader.__init__(self, data)  # opening it takes the memory: that has to be allowed first

    @property
    def size(self) -> tuple[int, int]:
        """See `Reader`."""
        return damage.webp_size(self.data)

    def pixels(self) -> NDArray[np.uint8]:
        """See `Reader`."""
        with without_pillow_limit(*self.size):
            self.image = self._open(self.data)
        return super().pixels()

    def refuse_damaged(self) -> None:
        """See `Reader`."""
        short = damage.shortened_webp(self.data)
        if short is None:
            return
        try:
            with without_pillow_limit(*self.size):
                self._open(short).load()
        except Exception:  # it was short of data, as it should be
            return
        raise Flaw("damaged", "is damaged (data that its picture does not need)")


class Gif(ByPillow):
    """GIF, the first of its pictures."""

    plugin = GifImagePlugin.GifImageFile

    def __init__(self, data: bytes) -> None:
        super().__init__(damage.refuse_damaged_gif(data))


class Bmp(ByPillow):
    """BMP."""

    plugin = BmpImagePlugin.BmpImageFile


class Tiff(ByPillow):
    """TIFF, the first of its pictures."""

    plugin = TiffImagePlugin.TiffImageFile

    def __init__(self, data: bytes) -> None:
        tiff.refuse_odd_tiff(data)
        super().__init__(data)
        self.tags = dict(self.image.tag_v2)  # Pillow drops some in loading

    def pixels(self) -> NDArray[np.uint8]:
        """See `Reader`."""
        with tiff.without_chatter():
            return super().pixels()

    def refuse_damaged(self) -> None:
        """See `Reader`."""
        tiff.refuse_damaged_strips(self.data, self.tags)


class Ppm(Reader):
    """PBM, PGM and PPM, plain and raw."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.header = ppm.read_header(data)

    @property
    def size(self) -> tuple[int, int]:
        """See `Reader`."""
        return self.header.width, self.header.height

    def pixels(self) -> NDArray[np.uint8]:
        """See `Reader`."""
        return ppm.decode(self.data, self.header)


READERS: dict[str, type[Reader]] = {
    "JPEG": Jpeg,
    "PNG": Png,
    "WEBP": Webp,
    "GIF": Gif,
    "BMP": Bmp,
    "TIFF": Tiff,
    "PPM": Ppm,
}
"""The reader of each format that `striate.data.decoding.formats.kind_of` gives."""
