"""A network as a picture: its grids as blocks, and where its work and its weights are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from network_pages.counted import Counted, Grid
from network_pages.drawing import box, document, line, polygon, text
from striate.anatomy.costs.formulas import by, human_count
from striate.zoo.catalogue import Entry

WIDTH, HEIGHT = 960, 372
EDGE = 36
AXIS = 122.0  # the height of the blocks' middles
TALLEST = 140.0  # the front of the input
SLANT, RISE = 0.30, 0.20  # of the front's height, to the right and up
LABEL = 74.0  # at least so wide is a block's place, for its label
STRIP = 132  # where the strips begin
STYLE = ".top{fill-opacity:.62}.side{fill-opacity:.42}"


def picture(entry: Entry, counted: Counted) -> str:
    """An SVG document, in light and dark."""
    grids = counted.grids
    body = _blocks(entry, grids)
    macs, parameters = sum(one.macs for one in grids), sum(one.parameters for one in grids)
    body += _strip(270, "MACs", macs, grids, [one.macs for one in grids])
    body += _strip(318, "parameters", parameters, grids, [one.parameters for one in grids])
    title = (
        f"{entry.name}: " + ", ".join(_words(one) for one in grids) + "; shares of MACs and "
        "parameters below"
    )
    return document((WIDTH, HEIGHT), title, colours=len(grids), style=STYLE, body=body)


def _words(grid: Grid) -> str:
    if grid.vector:
        return f"{grid.channels} values at most"
    return f"{grid.channels} channels of {by(grid.size)}"


def _blocks(entry: Entry, grids: Sequence[Grid]) -> list[str]:
    """The image, then a block a grid: as high as the grid's root, as thick as the channels' log."""
    side = max(entry.input[1:])
    shown = [(entry.input[0], entry.input[1:], "grey"), *_shown(grids)]
    sizes = [
        (max(TALLEST * math.sqrt(max(size) / side), 9.0), 4 + 3.6 * math.log2(channels))
        for channels, size, _ in shown
    ]
    places = [max(thick + SLANT * tall, LABEL) for tall, thick in sizes]
    gap = min((WIDTH - 2 * EDGE - sum(places)) / max(len(places) - 1, 1), 56)
    x = (WIDTH - sum(places) - gap * (len(places) - 1)) / 2
    parts, before = [], None
    for at, ((channels, size, kind), (tall, thick), place) in enumerate(
        zip(shown, sizes, places, strict=True)
    ):
        middle = x + place / 2
        left = middle - (thick + SLANT * tall) / 2
        if before is not None:
            parts.append(line(before + 3, AXIS, left - 3, AXIS, "axis"))
        parts += _block(left, tall, thick, kind)
        before = left + thick + SLANT * tall
        vector = tuple(size) == (1, 1)
        parts.append(text(middle, 222, "vector" if vector else by(size), "strong", "middle"))
        unit = "values" if vector else "channels"
        first = "image" if at == 0 else f"{channels:,} {unit}"
        parts.append(text(middle, 239, first, "soft", "middle"))
        x += place + gap
    return parts


def _shown(grids: Sequence[Grid]) -> list[tuple[int, tuple[int, int], str]]:
    return [(one.channels, one.size, f"c{at}") for at, one in enumerate(grids)]


def _block(left: float, tall: float, thick: float, kind: str) -> list[str]:
    """Front, top and right side of a block whose middle lies on the axis."""
    dx, dy = SLANT * tall, RISE * tall
    top = AXIS - (tall - dy) / 2
    right, bottom = left + thick, top + tall
    return [
        polygon(
            [(left, top), (left + dx, top - dy), (right + dx, top - dy), (right, top)],
            f"{kind} top",
        ),
        polygon(
            [(right, top), (right + dx, top - dy), (right + dx, bottom - dy), (right, bottom)],
            f"{kind} side",
        ),
        box(left, top, thick, tall, kind),
    ]


def _strip(
    y: float, name: str, total: int, grids: Sequence[Grid], values: Sequence[int]
) -> list[str]:
    """A bar of `total`, cut into what each grid has of it."""
    parts = [
        text(STRIP - 14, y + 12, name, "strong", "end"),
        text(STRIP - 14, y + 28, human_count(total), "soft", "end"),
    ]
    x, whole = float(STRIP), WIDTH - EDGE - STRIP
    for at, (grid, value) in enumerate(zip(grids, values, strict=True)):
        width = whole * value / max(total, 1)
        if width < 0.5:
            continue
        parts.append(box(x, y, max(width - 1.5, 0.5), 30, f"c{at}"))
        share = f"{value / total:.0%}".replace("%", " %")
        name = "vector" if grid.vector else by(grid.size)
        if width > 100:
            parts.append(text(x + width / 2, y + 19, f"{name}: {share}", "on", "middle"))
        elif width > 38:
            parts.append(text(x + width / 2, y + 19, share, "on", "middle"))
        x += width
    return parts
