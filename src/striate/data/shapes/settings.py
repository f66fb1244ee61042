"""What pictures of shapes are wanted: ``shapes:size=64,images=2000,seed=1``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from striate.data.shapes.forms import MOST_CLASSES
from striate.errors import DataError, nearest
from striate.support.limits import LARGEST_SEED
from striate.support.tables import Bounds
from striate.support.text import printable

NAME = "shapes"
_RANGE = re.compile(r"(\d{1,6})(?:(?:-|\.\.)(\d{1,6}))?")
_MOST_BYTES = 4 << 30
_SMALLEST = 5  # pixels of a shape that is one


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is drawn; image i is the same whatever the number of images.

    Attributes:
        size: side of the images in pixels.
        images: how many.
        classes: how many forms; above ten, forms are told apart by their texture as well.
        count: least and most shapes of an image, all of one form, size and angle.
        diameter: least and most, in pixels; by default what has room beside `count` of them.
        tilt: most degrees that shapes are turned to either side.
        clutter: most slips of other colours beneath the shapes.
        noise: most levels, of 255, that a pixel is changed by.
        colour: whether there is any.
        seed: of all that is drawn.
    """

    size: int = 64
    images: int = 2000
    classes: int = 4
    count: tuple[int, int] = (1, 5)
    diameter: tuple[int, int] | None = None
    tilt: int = 30
    clutter: int = 6
    noise: int = 8
    colour: bool = True
    seed: int = 0

    @property
    def grid(self) -> int:
        """Cells a side, of which each has room for a shape."""
        return next(side for side in range(1, 100) if side * side >= self.count[1])

    @property
    def cell(self) -> int:
        """Side of a cell in pixels."""
        return self.size // self.grid

    @property
    def diameters(self) -> tuple[int, int]:
        """Least and most."""
        return self.diameter or (max(_SMALLEST, 2 * self.cell // 5), 15 * self.cell // 16)


_BOUNDS = {
    "size": Bounds(16, 512),
    "images": Bounds(10, 1_000_000),
    "classes": Bounds(2, MOST_CLASSES),
    "count": Bounds(1, 100),
    "diameter": Bounds(_SMALLEST, 512),
    "tilt": Bounds(0, 180),
    "clutter": Bounds(0, 100),
    "noise": Bounds(0, 100),
    "seed": Bounds(0, LARGEST_SEED),
}


def read_settings(text: str) -> Settings:
    """What a person typed behind ``shapes:``.

    Raises:
        DataError: a setting is unknown, no number, or outside its bounds; shapes have no room.

    Examples:
        >>> read_settings("size=32,count=1,diameter=8-12").diameters
        (8, 12)
    """
    known = {each.name: each.default for each in fields(Settings)}
    given: dict[str, Any] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in part.partition("="))
        what = f"{NAME}:{printable(part)}"
        if name not in known:
            raise DataError(what, f"'{printable(name)}' is no setting", nearest(name, known))
        if not equals:
            raise DataError(what, "has no value", f"e.g. {name}={_typed(known[name])}")
        given[name] = _reader(name)(value, name, what)
    settings = replace(Settings(), **given)
    _check_room(settings)
    return settings


def _reader(name: str) -> Callable[[str, str, str], Any]:
    if name == "colour":
        return _read_switch
    return _read_range if name in ("count", "diameter") else _read_number


def _read_number(value: str, name: str, what: str) -> int:
    if not value.isdecimal() or not value.isascii():
        raise DataError(what, "is no whole number")
    number = int(value[:30])
    if why := _BOUNDS[name].problem(number):
        raise DataError(what, why)
    return number


def _read_range(value: str, name: str, what: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(value)
    if found is None:
        raise DataError(what, "is neither a number nor a range", f"e.g. {name}=3 or {name}=1-5")
    low, high = int(found[1]), int(found[2] or found[1])
    for number in (low, high):
        if why := _BOUNDS[name].problem(number):
            raise DataError(what, why)
    if low > high:
        raise DataError(what, "ends before it begins", f"did you mean {name}={high}-{low}?")
    return low, high


def _read_switch(value: str, name: str, what: str) -> bool:
    if value not in ("yes", "no"):
        raise DataError(what, "must be yes or no", f"e.g. {name}=no")
    return value == "yes"


def _typed(value: Any) -> str:
    """A value as a person types it."""
    if value is None:
        return "10-20"
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return ("no" if value else "yes") if isinstance(value, bool) else str(value)


def _check_room(settings: Settings) -> None:
    """Raise where shapes cannot stand side by side, or images would fill the memory."""
    low, high = settings.diameters
    if high > settings.cell or low > high:
        needed = max(high, _SMALLEST) * settings.grid
        many = f"{settings.count[1]} shapes of up to {max(low, high)} pixels"
        raise DataError(
            f"{NAME}:size={settings.size}",
            f"{many} have no room side by side",
            f"take size={needed}, fewer, or smaller ones (diameter={_SMALLEST}-"
            f"{max(settings.cell, _SMALLEST)})",
        )
    taken = settings.images * settings.size**2 * 3
    if taken > _MOST_BYTES:
        most = _MOST_BYTES // (settings.size**2 * 3)
        raise DataError(
            f"{NAME}:images={settings.images}",
            f"would take {taken / 2**30:.1f} GiB of memory",
            f"take at most images={most}",
        )
