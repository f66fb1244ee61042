"""Draw docs/images/architecture.svg: the rooms as floors, and the ways of the data through them.

Floors come from the import contract in pyproject.toml, ways from the tables in
docs/architecture.md. Run ``python tools/architecture.py`` after a change of either; a test
compares.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup

from striate.support.svg import element

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

#: Pixels: a stop's height, the least that a floor has, the names' width, a way's width, and what
#: stands above the floors.
STOP, FLOOR, NAMES, LANE, HEAD = 24, 34, 166, 180, 62
#: One colour a way, which light and dark pages both carry.
COLOURS = ("#2f7ed8", "#2e9e6b", "#c8741a", "#9b59c6", "#cf4a63")

STYLE = """
.room { font: 600 14px system-ui, sans-serif; fill: #1f2328 }
.title { font: 600 13px system-ui, sans-serif }
.file { font: 12px ui-monospace, monospace; fill: #1f2328 }
.floor { fill: #8c959f; fill-opacity: .1 }
.number { font: 600 11px system-ui, sans-serif; fill: #fff; text-anchor: middle }
@media (prefers-color-scheme: dark) { .room, .file { fill: #e6edf3 } }
"""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way of the data.

    Attributes:
        title: what goes this way.
        files: where it stops, in order, below src/striate.
    """

    title: str
    files: tuple[str, ...]


def floors() -> tuple[str, ...]:
    """The rooms from the top floor down, as the import contract has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    return tuple(room.strip() for layer in contract["layers"] for room in layer.split("|"))


def ways() -> tuple[Way, ...]:
    """The ways that docs/architecture.md tells, one a section of third order with a table."""
    text = PAGE.read_text("utf-8").partition("\n## The ways of the data\n")[2].split("\n## ")[0]
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    return tuple(
        Way(
            title=section.partition("\n")[0].strip(),
            files=tuple(re.findall(r"^\| \d+ \| `([\w/]+\.py)`", section, re.MULTILINE)),
        )
        for section in sections
    )


def room_of(file: str) -> str:
    """The room of a file below src/striate: its folder, or the file itself."""
    return file.partition("/")[0].removesuffix(".py")


def picture() -> str:
    """The picture as SVG."""
    rooms, found = floors(), ways()
    tops = _tops(rooms, found)
    width = NAMES + LANE * len(found) + 16
    drawing = element(
        "svg",
        element("title", "The rooms of Striate and the ways of the data through them"),
        element("style", Markup(STYLE)),
        *_floors(tops, width),
        *(part for number, way in enumerate(found) for part in _way(way, number, tops)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {max(end for _, end in tops.values()) + 8}",
        width=width,
        role="img",
    )
    return f"{drawing}\n"


def _tops(rooms: Sequence[str], found: Sequence[Way]) -> dict[str, tuple[int, int]]:
    """The upper and lower edge of each floor, high enough for the stops of every way."""
    tops, y = {}, HEAD
    for room in rooms:
        most = max(sum(room_of(file) == room for file in way.files) for way in found)
        tops[room] = (y, y := y + max(FLOOR, STOP * most + 10))
    return tops


def _floors(tops: Mapping[str, tuple[int, int]], width: int) -> Iterator[Markup]:
    for row, (room, (top, end)) in enumerate(tops.items()):
        if row % 2 == 0:
            yield element("rect", class_="floor", x=0, y=top, width=width, height=end - top, rx=6)
        yield element("text", room, class_="room", x=12, y=(top + end) / 2 + 5)


def _way(way: Way, number: int, tops: Mapping[str, tuple[int, int]]) -> Iterator[Markup]:
    """A way in its lane: a dot a stop, in the order in which it comes there, joined by a line."""
    left, colour = NAMES + number * LANE, COLOURS[number]
    for line, words in enumerate(_wrapped(way.title)):
        y = 22 + 17 * line
        yield element("text", words, class_="title", x=left + 4, y=y, fill=colour)
    stops = _places(way, tops, left + 28)
    legs = enumerate(pairwise(stops))
    path = "".join(_leg(here, there, bow=10 + 5 * (order % 3)) for order, (here, there) in legs)
    start = f"M{stops[0][0]:.0f} {stops[0][1]:.0f}"
    yield element("path", d=start + path, fill="none", stroke=colour, stroke_width=2)
    for order, ((x, y), file) in enumerate(zip(stops, way.files, strict=True), start=1):
        yield element("circle", cx=x, cy=y, r=9, fill=colour)
        yield element("text", str(order), class_="number", x=x, y=y + 4)
        name = file.rpartition("/")[2].removesuffix(".py")
        yield element("text", name, class_="file", x=x + 14, y=y + 4)


def _places(way: Way, tops: Mapping[str, tuple[int, int]], x: int) -> list[tuple[float, float]]:
    """Where each stop lies: several on one floor stand below each other, in order."""
    places = []
    for order, file in enumerate(way.files):
        top, end = tops[room_of(file)]
        sharing = [n for n, other in enumerate(way.files) if room_of(other) == room_of(file)]
        below = sharing.index(order) - (len(sharing) - 1) / 2
        places.append((float(x), (top + end) / 2 + STOP * below))
    return places


def _leg(here: tuple[float, float], there: tuple[float, float], bow: int) -> str:
    """From one stop to the next: straight to a neighbour, in a bow past what lies between."""
    (x, y), (to_x, to_y) = here, there
    out = 0 if abs(to_y - y) <= STOP + 1 else 2 * bow
    return f"C{x - out:.0f} {y:.0f} {to_x - out:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"


def _wrapped(title: str) -> Iterator[str]:
    line = ""
    for word in title.split():
        if line and len(line) + len(word) > 20:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
