"""A large JPEG reduced while it is decoded, by libjpeg's scaled transforms.

Of a picture that becomes much smaller anyway, a decoder can leave out the finest of each block's
frequencies: it computes 4 × 4, 2 × 2 or 1 pixels of a block instead of 8 × 8, and what is resized
afterwards has a quarter, a sixteenth or a sixty-fourth of the pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FACTORS = (8, 4, 2)
"""Of sides, which libjpeg offers."""

MARGIN = 5.1
"""Pixels of a reduced side for each pixel that is left of it, at the least.

From here on a photograph comes out within two levels of 255 of what it comes out with otherwise,
with either filter of the resize; see docs/export.md for what does not.
"""


@dataclass
class Reduction:
    """How far one picture may be reduced, and how far it was.

    Attributes:
        most: from its height and width to the factor that its sides may be divided by.
        factor: by which they were; 1 for a picture that was decoded whole.
        height: of the whole picture, upright; 0 before it is decoded.
        width: the same.
    """

    most: Callable[[int, int], int]
    factor: int = 1
    height: int = 0
    width: int = 0


def factor_for(length: int, wanted: int) -> int:
    """The largest factor for a side of `length` pixels that is to become one of `wanted`.

    Examples:
        >>> factor_for(3000, 256), factor_for(12000, 256), factor_for(2000, 256)
        (2, 8, 1)
    """
    return next((each for each in FACTORS if length >= MARGIN * wanted * each), 1)
