"""Small pieces of SVG, escaped as they are built."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """``<name attribute="…">children</name>``; text and values are escaped.

    ``class_`` writes ``class``, other underscores become hyphens; numbers are rounded to a tenth of
    a pixel, so that a figure's bytes do not hang on the last bit of a sum.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(children)
    return Markup(f"<{name}{written}>") + inside + Markup(f"</{name}>")


def _number(value: str | float) -> str:
    if isinstance(value, str):
        return value
    rounded = f"{value:.1f}"
    return rounded[:-2] if rounded.endswith(".0") else rounded


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A range of values laid over a range of pixels; logarithmic if `log`."""

    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    """Pixel of `high`."""
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of `value`; values beyond the range stop at its ends."""
        low, high = (
            (math.log10(self.low), math.log10(self.high))
            if self.log
            else (
                self.low,
                self.high,
            )
        )
        if self.log:
            value = math.log10(max(value, self.low))
        share = (value - low) / (high - low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def round_steps(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten) from `low` to `high`.

    Examples:
        >>> round_steps(0, 1.3)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]
    """
    span = high - low
    # Where the span is lost in the digits of its ends, there are no round numbers between them.
    if span <= 1e-9 * max(abs(low), abs(high)):
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{i * step:.15g}") for i in range(first, last + 1)]


def powers(low: float, high: float, count: int = 6) -> list[float]:
    """Powers of ten from `low` to `high`, thinned to about `count`.

    Examples:
        >>> powers(1e-4, 1)
        [0.0001, 0.001, 0.01, 0.1, 1.0]
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    stride = max(1, math.ceil((last - first + 1) / count))
    return [10.0**i for i in range(first, last + 1, stride)]


def whole_steps(low: int, high: int, count: int = 6) -> list[int]:
    """About `count` whole numbers from `low` to `high`, both ends among them.

    Examples:
        >>> whole_steps(1, 30)
        [1, 5, 10, 15, 20, 25, 30]
    """
    inner = {int(s) for s in round_steps(low, high, count) if float(s).is_integer()}
    stride = (high - low) / max(count, 1)
    kept = {s for s in inner if s - low > stride / 2 and high - s > stride / 2}
    return sorted(kept | {low, high})


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """The ``d`` of a line through `points`, interrupted where one is None.

    Examples:
        >>> path([(0, 0), (10, 2.5), None, (30, 4), (40, 5)])
        'M0 0L10 2.5M30 4L40 5'
    """
    parts, pen_down = [], False
    for point in points:
        if point is None:
            pen_down = False
            continue
        parts.append(f"{'L' if pen_down else 'M'}{_number(point[0])} {_number(point[1])}")
        pen_down = True
    return "".join(parts)
