"""What is in each picture: drawn from the seed and the picture's number alone."""

from __future__ import annotations

from dataclasses import dataclass

from striate.data.random import SCENES, uniforms
from striate.data.shapes.forms import FORMS, TEXTURES
from striate.data.shapes.settings import Settings
from striate.data.targets import Target

EIGHTH = 8
"""Units of a pixel in which places and diameters are given."""
TARGETS = (
    Target(name="count"),
    Target(name="diameter", unit="pixels"),
    Target(name="angle", unit="degrees"),
    Target(name="x", unit="pixels"),
    Target(name="y", unit="pixels"),
)
_GENERAL, _A_SHAPE, _A_SLIP = 16, 3, 8  # draws for the picture, for each shape, for each slip


@dataclass(frozen=True)
class Slip:
    """A bar of clutter: its middle, length and breadth in eighths of a pixel, angle and colour."""

    x: int
    y: int
    length: int
    breadth: int
    angle: int
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """One picture; lengths are in eighths of a pixel, angles in degrees, clockwise.

    Attributes:
        label: the class.
        form: name of all its shapes.
        texture: likewise.
        places: middles of the shapes, (x, y) from the upper left corner.
        diameter: of the circle around a shape.
        angle: by which the shapes are turned.
        colour: of the shapes.
        ground: colour of what they stand on.
        slips: the clutter beneath.
    """

    label: int
    form: str
    texture: str
    places: tuple[tuple[int, int], ...]
    diameter: int
    angle: int
    colour: tuple[int, int, int]
    ground: tuple[int, int, int]
    slips: tuple[Slip, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers of `TARGETS`: of several shapes the place is that of the first."""
        x, y = self.places[0]
        count, across = float(len(self.places)), self.diameter / EIGHTH
        return count, across, float(self.angle), x / EIGHTH, y / EIGHTH


class _Draws:
    """Whole numbers, one after the other, from uniform ones."""

    def __init__(self, seed: int, index: int, count: int) -> None:
        self._rest = iter(uniforms(seed, 0, [index], count, SCENES)[0].tolist())

    def among(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + int(next(self._rest) * (high - low + 1))


def scene(settings: Settings, index: int) -> Scene:
    """The picture of that number."""
    least, most = settings.count
    needed = _GENERAL + _A_SHAPE * most + _A_SLIP * settings.clutter
    draws = _Draws(settings.seed, index, needed)
    label = index % settings.classes
    texture, form = divmod(label, len(FORMS))
    drawn = draws.among(0, len(TEXTURES) - 1)
    low, high = settings.diameters
    diameter = draws.among(low * EIGHTH, high * EIGHTH)
    angle = draws.among(-settings.tilt, settings.tilt)
    ground, colour = _colours(draws, settings.colour)
    count = draws.among(least, most)
    return Scene(
        label=label,
        form=tuple(FORMS)[form],
        texture=tuple(TEXTURES)[texture if settings.classes > len(FORMS) else drawn],
        places=_places(draws, settings, count, diameter),
        diameter=diameter,
        angle=angle,
        colour=colour,
        ground=ground,
        slips=tuple(_slip(draws, settings) for _ in range(draws.among(0, settings.clutter))),
    )


def _places(
    draws: _Draws, settings: Settings, count: int, diameter: int
) -> tuple[tuple[int, int], ...]:
    """Middles of the shapes, each anywhere in a cell of its own, so that none touches another."""
    cells = list(range(settings.grid**2))
    free = settings.cell * EIGHTH - diameter
    found = []
    for number in range(settings.count[1]):  # as many draws whatever the count
        row, column = divmod(cells.pop(draws.among(0, len(cells) - 1)), settings.grid)
        corner = [each * settings.cell * EIGHTH + diameter // 2 for each in (column, row)]
        x, y = (each + draws.among(0, free) for each in corner)
        if number < count:
            found.append((x, y))
    return tuple(found)


def _colours(draws: _Draws, coloured: bool) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Of the ground and of the shapes, which differ in brightness by 80 levels at least."""
    bright = draws.among(40, 215)
    away = draws.among(80, 120)
    shape = bright + away if bright < 128 else bright - away
    return _tinted(draws, bright, coloured), _tinted(draws, shape, coloured)


def _tinted(draws: _Draws, bright: int, coloured: bool) -> tuple[int, int, int]:
    """A colour about as bright; of three draws in any case."""
    red, green, blue = (draws.among(-40, 40) * coloured for _ in range(3))
    middle = (red + green + blue) // 3
    levels = (bright + each - middle for each in (red, green, blue))
    first, second, third = (min(max(each, 0), 255) for each in levels)
    return first, second, third


def _slip(draws: _Draws, settings: Settings) -> Slip:
    small = max(settings.diameters[0] * EIGHTH // 3, 2 * EIGHTH)
    x, y = (draws.among(0, settings.size * EIGHTH) for _ in range(2))
    length, angle = draws.among(small // 2, small), draws.among(0, 179)
    colour = _tinted(draws, draws.among(0, 255), settings.colour)
    return Slip(x, y, length, max(length // 4, EIGHTH), angle, colour)
