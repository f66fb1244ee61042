"""What accuracy costs, as a picture: published accuracy against MACs, area for parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from striate.anatomy.compare import Comparison
from striate.anatomy.costs.formulas import human_count
from striate.errors import NetworkError
from striate.support.files import output_file, write_text
from striate.support.paths import shown
from striate.support.words import plain_percent
from striate.zoo.catalogue import entries

WIDTH, HEIGHT = 960, 640
LEFT, RIGHT, TOP, BOTTOM = 76.0, 36.0, 96.0, 76.0
TEXT = 13.0  # pixels of a label's letters
LETTER = 0.565  # their mean width, in heights; labels must not touch, so rather much
LARGEST = 30.0  # radius of the network with most parameters
SMALLEST = 4.0

#: One colour a family, told apart by people who see red and green alike; light, then dark ground.
COLOURS = (
    ("#17698a", "#67bcd6"), ("#c2571a", "#f0975f"), ("#6a51a3", "#b3a2e6"), ("#2f7d4f", "#6cc493"),
    ("#b0417a", "#ea8fbd"), ("#8a6d00", "#d9bd4d"), ("#4b5a6b", "#a4b3c4"), ("#a5322f", "#f08a86"),
)  # fmt: skip

STYLE = """
text{font-family:Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,
sans-serif;font-size:13px;fill:#1d2129}
.ground{fill:#faf9f6}.title{font-size:19px;font-weight:600}.soft{fill:#5b6371;font-size:12px}
.rule{stroke:#e5e2da;stroke-width:1}.axis{stroke:#b9b5aa;stroke-width:1}
.lead{stroke:#9a9fa8;stroke-width:1}.halo{stroke:#faf9f6;stroke-width:4;stroke-linejoin:round}
.key{fill:none;stroke:#9a9fa8}
"""
DARK = """
text{fill:#e9e7e2}.ground{fill:#13161b}.soft{fill:#a4acb9}.rule{stroke:#2b313b}
.axis{stroke:#4a515d}.lead{stroke:#6b7480}.halo{stroke:#13161b}.key{stroke:#6b7480}
"""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network on the picture; pixels, the label's left end and base line included."""

    name: str
    family: str
    note: str
    x: float
    y: float
    radius: float
    many: bool  # several crops were averaged

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of its disc."""
        r = self.radius
        return self.x - r, self.y - r, self.x + r, self.y + r


@dataclass(frozen=True, kw_only=True)
class Label:
    """Where a network's name is written."""

    x: float
    y: float
    width: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.x - 2, self.y - TEXT, self.x + self.width + 2, self.y + 4


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The axes: exponents of ten across, per cent upwards."""

    low: float
    high: float
    bottom: int
    top: int
    step: int

    def across(self, value: float) -> float:
        """The pixel of so many MACs."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(self, rate: float) -> float:
        """The pixel of so many per cent."""
        share = (rate - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def check_picture(path: Path) -> None:
    """Refuse a picture that cannot be written, before any work.

    Raises:
        NetworkError: it is no SVG file, or cannot be written there.
    """
    if path.suffix.lower() != ".svg":
        raise NetworkError(shown(path), "pictures are SVG files", f"give {path.stem}.svg")
    output_file(path, kind=NetworkError)


def write_picture(found: Comparison, path: Path) -> None:
    """Draw published accuracy against MACs into the SVG file at `path`.

    Raises:
        NetworkError: nobody published anything about these networks, or as `check_picture`.
    """
    check_picture(path)
    known = {each.name: each.family for each in entries()}
    families = [known.get(one.name, one.name).partition("_")[0] for one in found.members]
    write_text(path, draw(found, families), kind=NetworkError)


def draw(found: Comparison, families: Sequence[str] | None = None) -> str:
    """An SVG document of the networks that have a published error, in light and dark.

    `families` names what shares a colour, one a network.

    Raises:
        NetworkError: none of them has one.
    """
    kinds = families or [member.name for member in found.members]
    known = [
        (member, kind)
        for member, kind in zip(found.members, kinds, strict=True)
        if member.error is not None and member.table.totals.macs
    ]
    if not known:
        names = ", ".join(member.name for member in found.members)
        raise NetworkError(names, "no error is published for them", "leave -o out")
    macs = [member.table.totals.macs for member, _ in known]
    rates = [100 * (1 - (member.error or 0)) for member, _ in known]
    low, high = _log_range(macs)
    bottom, top, step = _rate_range(rates)
    frame = Frame(low=low, high=high, bottom=bottom, top=top, step=step)
    most = max(member.table.totals.parameters for member, _ in known)
    points = []
    for (member, kind), cost, rate in zip(known, macs, rates, strict=True):
        assert member.figure is not None
        parameters = member.table.totals.parameters
        note = (
            f"{member.name}: {plain_percent(rate / 100, 2)}, {human_count(cost)} MACs, "
            f"{human_count(parameters)} parameters ({member.figure.crops}; {member.figure.source})"
        )
        points.append(
            Point(
                name=member.name,
                family=kind,
                note=note,
                x=frame.across(cost),
                y=frame.up(rate),
                radius=max(LARGEST * math.sqrt(parameters / most), SMALLEST),
                many=not member.figure.single,
            )
        )
    body = [_grid(frame), _legend(most), *_marks(points)]
    return _document(found, points, body)


def _log_range(values: Sequence[float]) -> tuple[float, float]:
    """Exponents of ten with room for the discs at both ends."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max(0.12 * (high - low), 0.15)
    return low - room, high + room


def _rate_range(values: Sequence[float]) -> tuple[int, int, int]:
    span = max(values) - min(values)
    step = 5 if span > 12 else 2 if span > 4 else 1
    low = math.floor(min(values) / step - 0.35) * step
    high = math.ceil(max(values) / step + 0.35) * step
    return max(low, 0), min(high, 100), step


def _grid(frame: Frame) -> str:
    parts = []
    for rate in range(frame.bottom, frame.top + 1, frame.step):
        y = frame.up(rate)
        parts.append(_line("rule", LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 10, y + 4, f"{rate} %", "soft", "end"))
    for exponent in range(math.floor(frame.low), math.ceil(frame.high) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**exponent
            if frame.low <= math.log10(value) <= frame.high:
                x, text = frame.across(value), _tick(round(value))
                parts.append(_line("rule", x, TOP, x, HEIGHT - BOTTOM))
                parts.append(_text(x, HEIGHT - BOTTOM + 20, text, "soft", "middle"))
    parts.append(_line("axis", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM))
    middle = (LEFT + WIDTH - RIGHT) / 2
    label = "multiply-accumulates for one image (logarithmic)"
    parts.append(_text(middle, HEIGHT - BOTTOM + 42, label, "soft", "middle"))
    return "".join(parts)


def _tick(count: int) -> str:
    """``5 G``, not ``5.00 G``: these numbers are round."""
    return re.sub(r"\.0+(?= )", "", human_count(count))


def _legend(most: int) -> str:
    """Three discs that say what area means, at the top right."""
    parts, x = [], WIDTH - RIGHT
    power = 10 ** math.floor(math.log10(most))
    shown = [
        count
        for count in (most // power * power, most // power * power // 4, power // 10)
        if count > 0 and LARGEST * math.sqrt(count / most) > 2
    ]
    for count in shown:
        radius = LARGEST * math.sqrt(count / most)
        text = _tick(count)
        width = len(text) * 12 * LETTER + 8
        x -= width
        parts.append(_text(x + 6, 52, text, "soft"))
        x -= radius
        parts.append(f'<circle class="key" cx="{x:.1f}" cy="48" r="{radius:.1f}"/>')
        x -= radius + 12
    parts.append(_text(x, 52, "parameters", "soft", "end"))
    return "".join(parts)


def _marks(points: Sequence[Point]) -> list[str]:
    """Discs, the largest first so that none is hidden, then lines to labels, then labels."""
    colours = {family: at % len(COLOURS) for at, family in enumerate(_families(points))}
    parts = []
    for point in sorted(points, key=lambda one: -one.radius):
        dashes = ' stroke-dasharray="4 3"' if point.many else ""
        parts.append(
            f'<circle class="c{colours[point.family]}" cx="{point.x:.1f}" cy="{point.y:.1f}" '
            f'r="{point.radius:.1f}"{dashes}><title>{escape(point.note)}</title></circle>'
        )
        parts.append(
            f'<circle class="t{colours[point.family]}" cx="{point.x:.1f}" cy="{point.y:.1f}" '
            'r="1.8"/>'
        )
    labels = place(points)
    for point, label in zip(points, labels, strict=True):
        near = _nearest_edge(point, label)
        crowded = any(
            each is not point and _shared(each.box, point.box) > 0.2 * point.radius**2
            for each in points
        )
        if math.dist(near, (point.x, point.y)) > point.radius + 9 or crowded:
            parts.append(_line("lead", point.x, point.y, *near))
    for point, label in zip(points, labels, strict=True):
        text = _text(label.x, label.y, point.name, f"t{colours[point.family]}")
        parts.append(text.replace('class="', 'class="halo ') + text)
    return parts


def _families(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point.family for point in points))


def _nearest_edge(point: Point, label: Label) -> tuple[float, float]:
    left, top, right, bottom = label.box
    return min(max(point.x, left), right), min(max(point.y, top + 3), bottom - 2)


def place(points: Sequence[Point]) -> list[Label]:
    """Put every label beside its disc, where it touches no label and as little else as can be.

    Crowded networks choose first; each takes the cheapest of the places around its disc.
    """
    order = sorted(
        range(len(points)),
        key=lambda at: sum(math.dist(_centre(points[at]), _centre(each)) for each in points),
    )
    placed: dict[int, Label] = {}
    for at in order:
        choices = list(_around(points[at]))
        placed[at] = min(choices, key=lambda label: _cost(label, points, at, placed))
    return [placed[at] for at in range(len(points))]


def _centre(point: Point) -> tuple[float, float]:
    return point.x, point.y


def _around(point: Point) -> list[Label]:
    width = len(point.name) * TEXT * LETTER
    found = []
    for gap in (4, 14, 28, 46, 70, 100, 135, 175):
        for turn in range(0, 360, 15):
            reach = point.radius + gap
            x = point.x + reach * math.cos(math.radians(turn))
            y = point.y - reach * math.sin(math.radians(turn))
            # The label's near side faces the disc: its left end on the right, its middle above.
            x -= width * (0.5 - 0.5 * math.cos(math.radians(turn)))
            y += TEXT * 0.35 - TEXT * 0.5 * math.sin(math.radians(turn))
            found.append(Label(x=x, y=y, width=width))
    return found


def _cost(label: Label, points: Sequence[Point], at: int, placed: Mapping[int, Label]) -> float:
    left, top, right, bottom = label.box
    outside = left < LEFT or right > WIDTH - 6 or top < TOP - 24 or bottom > HEIGHT - BOTTOM - 4
    cost = 1e6 if outside else 0.0
    for index, other in placed.items():
        cost += 1e4 * (_shared(label.box, other.box) > 0)
        cost += 2e3 * (_crosses(points[at], label, other) or _crosses(points[index], other, label))
    for index, point in enumerate(points):
        cost += (0.4 if index == at else 8.0) * _shared(label.box, point.box)
        # A name over another's centre would be taken for that one's.
        if index != at and _shared(label.box, (point.x - 4, point.y - 4, point.x + 4, point.y + 4)):
            cost += 3000
    near = _nearest_edge(points[at], label)
    own = math.dist(near, _centre(points[at]))
    cost += 60.0 * sum(math.dist(near, _centre(point)) < own - 1e-6 for point in points)
    return cost + 2.0 * max(own - points[at].radius, 0)


def _crosses(point: Point, label: Label, other: Label) -> bool:
    """Whether the line from a disc to its label runs through another label."""
    near = _nearest_edge(point, label)
    left, top, right, bottom = other.box
    return any(
        left < point.x + (near[0] - point.x) * step / 12 < right
        and top < point.y + (near[1] - point.y) * step / 12 < bottom
        for step in range(12)
    )


def _shared(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """The area that two boxes share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _document(found: Comparison, points: Sequence[Point], body: Sequence[str]) -> str:
    colours = "".join(
        f".c{at}{{fill:{light};fill-opacity:.18;stroke:{light};stroke-width:1.5}}.t{at}{{fill:{light}}}"
        for at, (light, _) in enumerate(COLOURS)
    )
    dark = "".join(
        f".c{at}{{fill:{shade};stroke:{shade}}}.t{at}{{fill:{shade}}}"
        for at, (_, shade) in enumerate(COLOURS)
    )
    kind = "Top-1" if found.measure == "top1" else "Top-5"
    notes = ["errors as their papers and authors published them"]
    if any(point.many for point in points):
        notes.append("dashed: several crops averaged")
    missing = [member.name for member in found.members if member.error is None]
    if missing:
        fits = max(sum(len(", ".join(missing[: n + 1])) < 34 for n in range(len(missing))), 1)
        more = f" and {len(missing) - fits} more" if len(missing) > fits else ""
        notes.append(f"nothing published on it: {', '.join(missing[:fits])}{more}")
    style = f"{STYLE}{colours}@media (prefers-color-scheme:dark){{{DARK}{dark}}}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="{kind} accuracy against multiply-accumulates">'
    )
    return "\n".join(
        [
            head,
            f"<style>{style}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
            _text(LEFT - 46, 44, "What accuracy costs", "title"),
            _text(LEFT - 46, 66, f"{kind} accuracy on {found.data}", "soft"),
            *body,
            _text(LEFT - 46, HEIGHT - 12, "; ".join(notes).capitalize() + ".", "soft"),
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{end}>{escape(text)}</text>'


def _line(kind: str, x: float, y: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
