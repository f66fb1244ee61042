"""Figures of experiments, in which every seed is a point: settings in rows, or curves.

An SVG of `beside` has the classes of the report's style sheet. In a file of its own, which no style
sheet goes with, `alone` puts in the few rules that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from striate.lab.results import Results
from striate.lab.verdict import interval
from striate.report.charts import even
from striate.support.svg import Scale, element, path, powers, round_steps
from striate.support.words import power

#: Styles of settings, in their order.
STYLES = ("val", "train", "more1", "aux1", "more2", "aux2", "top5", "more3")
WIDTH = 380
_LEFT, _RIGHT, _ROW, _PLOT = 46, 12, 26, 176
_LETTER = 6.3  # pixels that a letter takes, on average

#: What `alone` adds: the colours of the report on light and on dark ground.
_STYLE = """
.chart { --soft: #5b6371; --rule: #e5e2da; --ink: #1d2129; color: #17698a }
.val { color: #17698a } .train { color: #c98420 } .aux1 { color: #b06a9a } .aux2 { color: #7d6bb3 }
.top5 { color: #82a7b5 } .more1 { color: #2f7d4f } .more2 { color: #b4432a }
.more3 { color: #5b6371 }
.chart text { font: 10.5px system-ui, sans-serif; fill: var(--soft) }
.chart .name { font-size: 11.5px; fill: var(--ink) }
.chart .title { font-weight: 600; fill: var(--ink) }
.end { text-anchor: end } .mid { text-anchor: middle }
.grid { stroke: var(--rule) } .level { stroke: var(--soft); stroke-dasharray: 2 3 }
.line { fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linejoin: round }
.seed { fill: currentColor; opacity: 0.5 }
.spread { stroke: currentColor; stroke-width: 1.5 } .mean { stroke: var(--ink); stroke-width: 2 }
@media (prefers-color-scheme: dark) {
.chart { --soft: #a4acb9; --rule: #2b313b; --ink: #e9e7e2 }
.val { color: #67bcd6 } .train { color: #e5aa55 } .aux1 { color: #d99bc6 } .aux2 { color: #ab9be0 }
.top5 { color: #56808f } .more1 { color: #6cc493 } .more2 { color: #f0876b }
.more3 { color: #a4acb9 }
}
"""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plot of a figure: its drawing, as tall as it is.

    Attributes:
        drawn: within `WIDTH` pixels.
        height: in pixels.
    """

    drawn: Markup
    height: float


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How values are laid out.

    Attributes:
        title: of the plot: what the values are.
        log: whether by their logarithms.
        tick: how a value is written at the axis; evenly by default.
        low: where the axis begins, if not at the least value.
        high: where it ends, if not at the largest value.
        level: a value to compare with, and its name.
    """

    title: str
    log: bool = False
    tick: Callable[[float], str] | None = None
    low: float | None = None
    high: float | None = None
    level: tuple[float, str] | None = None

    def scale(self, values: Sequence[float], start: float, end: float) -> Scale:
        """Values over pixels."""
        shown = [*values, *([self.level[0]] if self.level else [])]
        if self.log:
            shown = [value for value in shown if value > 0] or [1.0]
        low = min(shown) if self.low is None else self.low
        high = max(shown) if self.high is None else self.high
        if self.log:
            low = 10.0 ** math.floor(math.log10(low) + 1e-9)
            high = max(10.0 ** math.ceil(math.log10(high) - 1e-9), 10 * low)
        elif high <= low:
            low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
        elif self.low is None or self.high is None:
            room = 0.05 * (high - low)
            low = low - room if self.low is None else low
            high = high + room if self.high is None else high
        return Scale(low=low, high=high, start=start, end=end, log=self.log)

    def ticks(self, scale: Scale) -> list[tuple[float, str]]:
        """Pixels of round values, and how these are written."""
        steps = powers(scale.low, scale.high) if self.log else round_steps(scale.low, scale.high, 4)
        words = even(steps) if self.tick is None else [self.tick(value) for value in steps]
        if self.log:
            words = [power(value) for value in steps]
        return [(scale(value), text) for value, text in zip(steps, words, strict=True)]


def per_cent(share: float) -> str:
    """A share at an axis: ``40 %``."""
    return f"{100 * share:.6g}\N{NARROW NO-BREAK SPACE}%"


def millions(number: float) -> str:
    """A large number at an axis: ``2.5 M``."""
    return f"{number / 1e6:.6g}\N{NARROW NO-BREAK SPACE}M" if number else "0"


def rows(results: Results, name: str, axis: Axis, settings: Sequence[str] | None = None) -> Panel:
    """A figure of each setting in a row: a point a seed, their mean and its 95 % interval.

    Args:
        results: of which every complete seed is shown.
        name: of the measured number.
        axis: of its values.
        settings: which; all by default.
    """
    names = list(settings or results.settings)
    columns = {setting: results.values(setting, name) for setting in names}
    left = 16 + _LETTER * max(map(len, names))
    shown = [v for column in columns.values() for v in (*column, *_ends(column, log=axis.log))]
    across = axis.scale(shown, left, WIDTH - 16)
    bottom = 26 + _ROW * len(names)
    parts = [_title(axis), *_down(axis, across, 22, bottom)]
    for place, (setting, values) in enumerate(columns.items()):
        y = 22 + _ROW * (place + 0.5)
        style = _style(results, setting)
        parts.append(element("text", setting, x=left - 10, y=y + 4, class_="name end"))
        logs = [math.log10(max(v, across.low)) for v in values] if axis.log else values
        low, high = interval(logs)
        if len(values) > 1:
            ends = [across(10**end if axis.log else end) for end in (low, high)]
            parts.append(
                element("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_=f"spread {style}")
            )
        for seed, value in enumerate(values):
            apart = 5.0 * ((seed % 3) - 1) if len(values) > 1 else 0.0
            parts.append(
                element("circle", cx=across(value), cy=y + apart, r=3, class_=f"seed {style}")
            )
        mean = float(np.mean(logs))
        x = across(10**mean if axis.log else mean)
        parts.append(element("line", x1=x, x2=x, y1=y - 9, y2=y + 9, class_="mean"))
    return Panel(drawn=element("g", *parts), height=bottom + 18)


def _ends(values: Sequence[float], *, log: bool) -> tuple[float, ...]:
    """The ends of the 95 % interval of their mean, for which a plot has room.

    None for one or two values: the interval of two is many times as wide as they lie apart, and
    would leave no room for them.
    """
    if len(values) < 3 or (log and min(values) <= 0):
        return ()
    low, high = interval([math.log10(v) for v in values] if log else values)
    return (10 ** max(low, -300), 10 ** min(high, 300)) if log else (low, high)


def curves(
    results: Results,
    name: str,
    axis: Axis,
    *,
    x: Sequence[float],
    x_title: str,
    settings: Sequence[str] | None = None,
) -> Panel:
    """A list of each setting over `x`: a point a seed, and a line through their means.

    Args:
        results: of which every complete seed is shown.
        name: of the measured lists.
        axis: of their values; of a logarithmic one, means are geometric.
        x: of each value of a list.
        x_title: what that is.
        settings: which; all by default.
    """
    names = list(settings or results.settings)
    tables = {setting: np.array(results.rows(setting, name)) for setting in names}
    up = axis.scale([float(v) for table in tables.values() for v in table.ravel()], 22 + _PLOT, 26)
    across = Scale(low=min(x), high=max(x), start=_LEFT + 8, end=WIDTH - _RIGHT - 4)
    parts = [_title(axis)]
    for y, text in axis.ticks(up):
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", text, x=_LEFT - 6, y=y + 3.5, class_="tick end"))
    if axis.level is not None:
        y = up(axis.level[0])
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="level"))
        parts.append(element("text", axis.level[1], x=WIDTH - _RIGHT, y=y - 4, class_="end"))
    bottom = 22 + _PLOT
    for step in round_steps(min(x), max(x), 6) if len(x) > 8 else x:
        parts.append(element("text", f"{step:g}", x=across(step), y=bottom + 16, class_="mid"))
    parts.append(
        element("text", x_title, x=(_LEFT + WIDTH - _RIGHT) / 2, y=bottom + 32, class_="mid")
    )
    for setting, table in tables.items():
        style = _style(results, setting)
        clean = np.maximum(table, up.low) if axis.log else table
        means = np.exp(np.log(clean).mean(0)) if axis.log else clean.mean(0)
        places = [(across(at), up(float(value))) for at, value in zip(x, means, strict=True)]
        parts.append(element("path", d=path(places), class_=f"line {style} solid"))
        parts.extend(
            element("circle", cx=across(at), cy=up(float(value)), r=2.2, class_=f"seed {style}")
            for row in clean
            for at, value in zip(x, row, strict=True)
        )
    return _with_legend(results, names, parts, bottom + 40)


def _with_legend(results: Results, names: Sequence[str], parts: list[Markup], top: float) -> Panel:
    """`parts` with the names of settings, where there are several, as many a line as have room."""
    if len(names) < 2:
        return Panel(drawn=element("g", *parts), height=top)
    x, y = float(_LEFT), top + 12
    for setting in names:
        wide = 34 + _LETTER * len(setting)
        if x + wide > WIDTH and x > _LEFT:
            x, y = float(_LEFT), y + 17
        style = _style(results, setting)
        parts.append(element("path", d=f"M{x:.0f} {y - 4:.0f}h16", class_=f"line {style} solid"))
        parts.append(element("text", setting, x=x + 21, y=y, class_="name"))
        x += wide
    return Panel(drawn=element("g", *parts), height=y + 8)


def beside(label: str, *panels: Panel) -> Markup:
    """A figure of `panels`, two a line; `label` is for those who hear it."""
    placed, y = [], 0.0
    for first in range(0, len(panels), 2):
        line = panels[first : first + 2]
        placed += [
            element("g", each.drawn, transform=f"translate({WIDTH * place} {y:.0f})")
            for place, each in enumerate(line)
        ]
        y += max(each.height for each in line) + 14
    wide = WIDTH * min(len(panels), 2)
    return element(
        "svg",
        *placed,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {wide} {y:.0f}",
        role="img",
        aria_label=label,
        class_="chart",
    )


def alone(figure: Markup) -> str:
    """A figure of `beside` as a file of its own, on light and on dark ground."""
    head, mark, rest = str(figure).partition(">")
    return f"{head}{mark}<style>{_STYLE}</style>{rest}\n"


def _style(results: Results, setting: str) -> str:
    return STYLES[results.settings.index(setting) % len(STYLES)]


def _title(axis: Axis) -> Markup:
    return element("text", axis.title, x=8, y=12, class_="title")


def _down(axis: Axis, across: Scale, top: float, bottom: float) -> list[Markup]:
    """Lines from top to bottom at round values, and the level to compare with."""
    parts, free = [], -math.inf
    for x, text in axis.ticks(across):
        parts.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        half = _LETTER * len(text) / 2
        if x - half > free:  # in a narrow plot they would touch
            parts.append(element("text", text, x=x, y=bottom + 14, class_="tick mid"))
            free = x + half
    if axis.level is not None:
        x = across(axis.level[0])
        parts.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="level"))
    return parts


def mean_and_std(values: Sequence[float], show: Callable[[float], str]) -> str:
    """The mean of several values with their standard deviation.

    Examples:
        >>> mean_and_std([1.0, 3.0], lambda value: f"{value:.1f}")
        '2.0 ± 1.4'
    """
    if len(values) < 2:
        return show(values[0])
    return f"{show(float(np.mean(values)))} ± {show(float(np.std(values, ddof=1)))}"
