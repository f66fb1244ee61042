"""Line charts and heat maps as SVG, each with what a pointer on it reads off."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from striate.support.html import data_address
from striate.support.svg import Scale, element, path, powers, round_steps, whole_steps
from striate.support.words import MINUS, figure, power

WIDTH, HEIGHT = 340, 216
LEFT, RIGHT, TOP, BOTTOM = 42, 328, 12, 186

#: Dark to light, even in lightness, and readable by the colour-blind and on either ground.
HEAT = ((22, 42, 74), (31, 96, 128), (52, 150, 140), (140, 196, 130), (244, 226, 150))


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line. `style` is its class in the style sheet."""

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawn figure. `hover` is plain data for the page's script."""

    svg: Markup
    hover: dict[str, Any]
    legend: Sequence[tuple[str, str]]
    """(style, name) of each line."""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """How a line chart is scaled and labelled."""

    label: str
    """What the chart shows, for those who hear it."""
    x: Sequence[int]
    x_names: Sequence[str]
    """What the pointer reads at each x."""
    x_title: str
    show: Callable[[float], str] = figure
    """How values are read out."""
    tick: Callable[[float], str] | None = None
    """How values are written at the axis; evenly by default."""
    log: bool = False
    low: float | None = None
    high: float | None = None
    mark: int | None = None
    """An x to point out: the epoch whose weights were kept."""
    mark_name: str = ""
    level: float | None = None
    """A horizontal line to compare with, and its name."""
    level_name: str = ""
    ticks: Sequence[float] = field(default_factory=tuple)
    x_ticks: Sequence[tuple[int, str]] = ()
    """What is written below which x; about six whole numbers by default."""


def line_chart(series: Sequence[Series], axes: Axes) -> Chart:
    """`series` over ``axes.x``; points that are None, NaN or infinite interrupt their line."""
    clean = [
        Series(name=s.name, style=s.style, values=[_finite(v, axes.log) for v in s.values])
        for s in series
    ]
    clean = [s for s in clean if any(v is not None for v in s.values)]
    margin = 0.5 if len(axes.x) == 1 else 0.0  # a single epoch stands in the middle
    across = Scale(low=axes.x[0] - margin, high=axes.x[-1] + margin, start=LEFT, end=RIGHT)
    up = _vertical(clean, axes)
    return Chart(
        svg=element(
            "svg",
            _grid(axes, across, up),
            *(_line(s, axes.x, across, up) for s in clean),
            element("g", class_="cursor"),
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            tabindex="0",
            aria_label=axes.label,
            class_="chart",
        ),
        hover={
            "kind": "lines",
            "x": [round(across(x), 1) for x in axes.x],
            "names": list(axes.x_names),
            "top": TOP,
            "bottom": BOTTOM,
            "rows": [
                {
                    "name": s.name,
                    "style": s.style,
                    "y": [None if v is None else round(up(v), 1) for v in s.values],
                    "text": [figure(None) if v is None else axes.show(v) for v in s.values],
                }
                for s in clean
            ],
        },
        legend=[(s.style, s.name) for s in clean],
    )


def _finite(value: float | None, log: bool) -> float | None:
    if value is None or not math.isfinite(value) or (log and value <= 0):
        return None
    return float(value)


def _vertical(series: Sequence[Series], axes: Axes) -> Scale:
    values = [v for s in series for v in s.values if v is not None]
    if axes.level is not None:
        values.append(axes.level)
    low, high = (min(values), max(values)) if values else (0.1, 1.0)
    low = axes.low if axes.low is not None else low
    high = axes.high if axes.high is not None else high
    if axes.log:
        low, high = (
            10.0 ** math.floor(math.log10(low) + 1e-9),
            10.0 ** math.ceil(math.log10(high) - 1e-9),
        )
        high = high if high > low else low * 10
    elif high <= low and axes.low is not None:
        high = low + 1
    elif high <= low:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    return Scale(low=low, high=high, start=BOTTOM, end=TOP, log=axes.log)


def _grid(axes: Axes, across: Scale, up: Scale) -> Markup:
    parts = []
    steps = axes.ticks or (powers(up.low, up.high) if axes.log else round_steps(up.low, up.high))
    for value, words in zip(steps, _tick_words(steps, axes), strict=True):
        y = up(value)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", words, x=LEFT - 7, y=y + 3.5, class_="tick end"))
    for step, words in axes.x_ticks or [(x, str(x)) for x in whole_steps(axes.x[0], axes.x[-1])]:
        parts.append(element("text", words, x=across(step), y=BOTTOM + 15, class_="tick mid"))
    middle = (LEFT + RIGHT) / 2
    parts.append(element("text", axes.x_title, x=middle, y=HEIGHT - 2, class_="tick mid"))
    if axes.level is not None:
        y = up(axes.level)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="level"))
        parts.append(element("text", axes.level_name, x=RIGHT, y=y - 4, class_="note end"))
    if axes.mark is not None and axes.x[0] <= axes.mark <= axes.x[-1]:
        x = across(axes.mark)
        parts.append(element("line", x1=x, x2=x, y1=TOP, y2=BOTTOM, class_="mark"))
        side = "end" if x > middle else "start"
        parts.append(element("text", axes.mark_name, x=x, y=TOP - 4, class_=f"note {side}"))
    return element("g", *parts)


def _tick_words(steps: Sequence[float], axes: Axes) -> list[str]:
    if axes.tick:
        return [axes.tick(value) for value in steps]
    return [power(value) for value in steps] if axes.log else even(steps)


def even(steps: Sequence[float]) -> list[str]:
    """Numbers with as many decimals as the step between them needs, the same for all.

    Examples:
        >>> even([-0.5, 0.0, 0.5])
        ['−0.5', '0', '0.5']
    """
    step = min((abs(b - a) for a, b in pairwise(steps)), default=1.0)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{value:.{places}f}".replace("-", MINUS) if value else "0" for value in steps]


def _line(series: Series, xs: Sequence[int], across: Scale, up: Scale) -> Markup:
    points = [
        None if v is None else (across(x), up(v)) for x, v in zip(xs, series.values, strict=True)
    ]
    drawn = element("path", d=path(points), class_=f"line {series.style}")
    alone = [
        point
        for i, point in enumerate(points)
        if point is not None
        and (i == 0 or points[i - 1] is None)
        and (i == len(points) - 1 or points[i + 1] is None)
    ]  # a point without neighbours has no line to be seen by
    dots = [element("circle", cx=x, cy=y, r=3, class_=f"dot {series.style}") for x, y in alone]
    return element("g", drawn, *dots)


def heat_map(
    values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], label: str
) -> Chart:
    """Rows from top to bottom over columns, coloured by the logarithm; gaps (NaN, 0) stay empty.

    Drawn as a picture of one pixel a cell, so that a thousand layers cost a few kilobytes.
    """
    logs = np.full(values.shape, np.nan)
    known = np.isfinite(values) & (values > 0)
    logs[known] = np.log10(values[known])
    low, high = (float(logs[known].min()), float(logs[known].max())) if known.any() else (0.0, 1.0)
    # At least three powers of ten, so that strong colours mean great differences.
    middle, half = (low + high) / 2, max(high - low, 3.0) / 2
    low, high = middle - half, middle + half
    pixels = _coloured((logs - low) / (high - low), known)
    box = {"x": LEFT, "y": TOP, "width": RIGHT - LEFT, "height": BOTTOM - TOP}
    many = len(rows)
    shown = whole_steps(1, many, 4) if many > 1 else [1]
    marks = [
        element(
            "text",
            str(i),
            x=LEFT - 7,
            y=TOP + (i - 0.5) / many * (BOTTOM - TOP) + 3.5,
            class_="tick end",
        )
        for i in shown
    ]
    ends = [
        element("text", columns[0], x=LEFT, y=BOTTOM + 15, class_="tick start"),
        element("text", columns[-1], x=RIGHT, y=BOTTOM + 15, class_="tick end"),
        element("text", "epoch", x=(LEFT + RIGHT) / 2, y=HEIGHT - 2, class_="tick mid"),
    ]
    picture = element(
        "image",
        href=png(pixels),
        preserveAspectRatio="none",
        class_="heat",
        **{k: float(v) for k, v in box.items()},
    )
    frame = element("rect", class_="frame", **{k: float(v) for k, v in box.items()})
    return Chart(
        svg=element(
            "svg",
            frame,
            picture,
            *marks,
            *ends,
            element("g", class_="cursor"),
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            tabindex="0",
            aria_label=label,
            class_="chart",
        ),
        hover={
            "kind": "heat",
            "box": [LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP],
            "rows": list(rows),
            "columns": list(columns),
            "values": [[figure(v, 2) if np.isfinite(v) else None for v in row] for row in values],
        },
        legend=[("low", figure(10**low, 2)), ("high", figure(10**high, 2))],
    )


def _coloured(shares: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    stops = np.linspace(0, 1, len(HEAT))
    filled = np.where(known, shares, 0.0)
    channels = [np.interp(filled, stops, [colour[c] for colour in HEAT]) for c in range(3)]
    alpha = np.where(known, 255, 0)
    return np.stack([*channels, alpha], axis=-1).round().astype(np.uint8)


def shades(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours, (n, 3), of `shares` from 0 for low to 1 for high."""
    rows = np.asarray(shares, np.float64)[None]
    colours: NDArray[np.uint8] = _coloured(rows, np.ones(rows.shape, np.bool_))[0, :, :3]
    return colours


def ramp() -> str:
    """A picture of the heat map's colours from low to high, for its key."""
    return png(shades(np.linspace(0, 1, 48))[None])


def png(pixels: NDArray[np.uint8]) -> str:
    """`pixels` (H, W, 3 or 4) as a ``data:`` address."""
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG", optimize=True)
    return data_address("image/png", held.getvalue())
