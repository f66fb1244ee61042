"""Predicted against true values, errors, and how often prediction intervals hold, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from striate.evaluation.regression.conformal import PredictionInterval
from striate.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, even
from striate.support.svg import Scale, element, round_steps, whole_steps
from striate.support.words import count, exact_percent, figure, percent, plural

MOST_POINTS = 2_000
"""Images with a point of their own; of more some are drawn, all of the worst among them."""
_BINS = 31
_RADIUS = 2.6


@dataclass(frozen=True, kw_only=True)
class Points:
    """Images as points.

    Attributes:
        numbers: of the images.
        x: (n,).
        y: (n,).
        names: what a pointer reads at each: a title.
        rows: likewise: (what, value) of each.
    """

    numbers: Sequence[int]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    names: Sequence[str]
    rows: Sequence[Sequence[tuple[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How points are scaled and labelled.

    Attributes:
        key: what the chart is called on its page.
        label: what is shown, for those who hear it.
        x_title: below.
        square: whether both axes have the same ends, and right predictions lie on the diagonal.
        band: how far the points of most images lie from the line; infinite for none.
    """

    key: str
    label: str
    x_title: str
    square: bool
    band: float = math.inf


def shown_of(errors: NDArray[np.float64], seed: int, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Numbers of the images that have a point: half the worst, half drawn at random; rising."""
    n = len(errors)
    if n <= most:
        return np.arange(n)
    order = np.argsort(-np.abs(errors), kind="stable")
    drawn = np.random.default_rng(seed).permutation(order[most // 2 :])[: most - most // 2]
    return np.sort(np.concatenate([order[: most // 2], drawn]))


def scatter(points: Points, frame: Frame) -> Chart:
    """A point an image, and the line on which they would lie if every prediction were right."""
    across, up = _scales(points, frame)
    order = np.argsort(points.x, kind="stable")  # so that arrow keys go from left to right
    places = [(across(x), up(y)) for x, y in zip(points.x[order], points.y[order], strict=True)]
    return Chart(
        svg=element(
            "svg",
            *_grid(across, up, frame),
            *_lines(across, up, frame),
            *(element("circle", cx=x, cy=y, r=_RADIUS, class_="point") for x, y in places),
            element("g", class_="cursor"),
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            tabindex="0",
            aria_label=frame.label,
            class_="chart",
        ),
        hover={
            "kind": "points",
            "x": [round(x, 1) for x, _ in places],
            "y": [round(y, 1) for _, y in places],
            "names": [points.names[at] for at in order.tolist()],
            "rows": [[list(row) for row in points.rows[at]] for at in order.tolist()],
            "images": [points.numbers[at] for at in order.tolist()],
        },
        legend=(),
    )


def _scales(points: Points, frame: Frame) -> tuple[Scale, Scale]:
    xs, ys = (_ends(points.x), _ends(points.y))
    if frame.square:
        xs = ys = min(xs[0], ys[0]), max(xs[1], ys[1])
    else:
        most = max(-ys[0], ys[1])
        ys = -most, most
    across = Scale(low=xs[0], high=xs[1], start=LEFT, end=RIGHT)
    return across, Scale(low=ys[0], high=ys[1], start=BOTTOM, end=TOP)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or abs(low) or 1.0
    return low - margin, high + margin


def _grid(across: Scale, up: Scale, frame: Frame) -> list[Markup]:
    parts = []
    for value, words in _steps(up.low, up.high):
        y = up(value)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", words, x=LEFT - 7, y=y + 3.5, class_="tick end"))
    for value, words in _steps(across.low, across.high):
        parts.append(element("text", words, x=across(value), y=BOTTOM + 15, class_="tick mid"))
    middle = (LEFT + RIGHT) / 2
    parts.append(element("text", frame.x_title, x=middle, y=HEIGHT - 2, class_="tick mid"))
    return parts


def _steps(low: float, high: float) -> list[tuple[float, str]]:
    steps = round_steps(low, high)
    return list(zip(steps, even(steps), strict=True))


def _lines(across: Scale, up: Scale, frame: Frame) -> list[Markup]:
    """The line of right predictions, and the band about it."""
    at: Callable[[float], float] = (lambda x: x) if frame.square else (lambda x: 0.0)
    ends = [across.low, across.high]
    parts = []
    if math.isfinite(frame.band):
        corners = [(x, at(x) + frame.band) for x in ends]
        corners += [(x, at(x) - frame.band) for x in reversed(ends)]
        # Beyond the ends of the chart a corner's place is not cut, but hidden.
        drawn = " ".join(f"{across(x):.1f},{_beyond(up, y):.1f}" for x, y in corners)
        parts.append(element("polygon", points=drawn, class_="band"))
    y1, y2 = (_beyond(up, at(x)) for x in ends)
    parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y1, y2=y2, class_="wanted thin"))
    inside = element("rect", x=LEFT, y=TOP, width=RIGHT - LEFT, height=BOTTOM - TOP)
    clip = element("clipPath", inside, id=f"within-{frame.key}")
    return [element("defs", clip), element("g", *parts, clip_path=f"url(#within-{frame.key})")]


def _beyond(scale: Scale, value: float) -> float:
    """The pixel of a value, which may lie beyond the ends of `scale`."""
    share = (value - scale.low) / (scale.high - scale.low)
    return scale.start + share * (scale.end - scale.start)


# --- errors --------------------------------------------------------------------------------------


def histogram(errors: NDArray[np.float64], unit: str, label: str) -> Markup:
    """Images by their error, (n,): what is too low left of the middle, what is too high right."""
    most = float(np.abs(errors).max()) or 1.0
    counts, edges = np.histogram(errors, np.linspace(-most, most, _BINS + 1))
    across = Scale(low=-most, high=most, start=LEFT, end=RIGHT)
    up = Scale(low=0, high=int(counts.max()), start=BOTTOM, end=TOP)
    parts = []
    for images in whole_steps(0, int(counts.max()), 4):
        y = up(images)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", count(images), x=LEFT - 7, y=y + 3.5, class_="tick end"))
    for low, high, images in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
        if images:
            words = (
                f"{figure(float(low))} to {figure(float(high))}{unit}: {plural(images, 'image')}"
            )
            bar = {"x": across(low) + 0.5, "width": across(high) - across(low) - 1}
            top = {"y": up(images), "height": BOTTOM - up(images)}
            parts.append(element("rect", element("title", words), class_="bin", **bar, **top))
    middle = across(0)
    parts.append(element("line", x1=middle, x2=middle, y1=TOP, y2=BOTTOM, class_="mark"))
    for value, words in _steps(-most, most):
        parts.append(element("text", words, x=across(value), y=BOTTOM + 15, class_="tick mid"))
    title = f"predicted less true{f',{unit}' if unit else ''}"
    parts.append(element("text", title, x=(LEFT + RIGHT) / 2, y=HEIGHT - 2, class_="tick mid"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
        class_="chart",
    )


# --- intervals -----------------------------------------------------------------------------------


def coverage(interval: PredictionInterval) -> Markup:
    """How often an interval held the true value, with its own interval, beside what was meant."""
    low, high = interval.interval
    across = Scale(low=min(0.5, low), high=1, start=0, end=1000)
    at, meant = across(interval.coverage), across(interval.level)
    words = f"held {percent(interval.coverage)}, meant {exact_percent(interval.level)}"
    return element(
        "svg",
        element("rect", x=0, y=13, width=1000, height=4, class_="track"),
        element(
            "rect",
            x=across(low),
            y=7,
            width=max(across(high) - across(low), 3),
            height=16,
            class_="range",
        ),
        element("rect", x=max(meant - 1.5, 0), y=3, width=3, height=24, class_="base"),
        element("rect", x=at - 1.5, y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )


def standing(value: float, interval: tuple[float, float], baseline: float, words: str) -> Markup:
    """An error with its interval and the best constant's, on a line from none to the largest."""
    ends = [each for each in (value, *interval, baseline) if math.isfinite(each)]
    across = Scale(low=0, high=1.05 * max(ends) or 1.0, start=0, end=1000)
    low, high = (across(each) if math.isfinite(each) else across(value) for each in interval)
    return element(
        "svg",
        element("rect", x=0, y=11, width=1000, height=8, class_="track"),
        element("rect", x=0, y=11, width=across(value), height=8, class_="upto"),
        element("rect", x=low, y=7, width=max(high - low, 3), height=16, class_="range"),
        *(
            element("rect", x=max(across(base) - 1.5, 0), y=3, width=3, height=24, class_="base")
            for base in [baseline]
            if math.isfinite(base)
        ),
        element("rect", x=max(across(value) - 1.5, 0), y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )
