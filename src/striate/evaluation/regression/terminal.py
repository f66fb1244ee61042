"""An evaluation of numbers on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import amount, exact_percent, figure, plain_percent, plain_span, plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.evaluation.regression.metrics import ValueRange
    from striate.evaluation.regression.result import RegressionEvaluation, TargetResult

#: Digits of a figure.
_DIGITS = 4


def show(found: RegressionEvaluation, console: Console) -> None:
    """Print the figures of every target, its prediction intervals, and errors by range."""
    skipped = [f"skipped {file}: {reason}" for file, reason in found.skipped]
    for note in (*skipped, *found.notes):
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    console.print(plural(found.images, "image"))
    for each in found.per_target:
        console.print()
        console.print(Text(printable(each.target.described), style="bold"))
        for table in (_figures(each), _intervals(each), _ranges(each)):
            console.print(table)


def _figures(found: TargetResult) -> Table:
    table = grid([""], ["", "95 % interval", "best constant"])
    for each in found.figures.values():
        low, high = (figure(value, _DIGITS) for value in each.interval)
        table.add_row(
            each.metric.name,
            figure(each.value, _DIGITS),
            "–" if math.isnan(each.interval[0]) else f"{low} to {high}",
            figure(each.baseline, _DIGITS),
        )
    return table


def _intervals(found: TargetResult) -> Table:
    table = grid(["prediction interval"], ["", "holds of true values", "95 % interval"])
    for each in found.intervals:
        name = exact_percent(each.level, space=" ")
        if math.isinf(each.half_width):
            table.add_row(name, "–", "too few images", "")
            continue
        half = "±" + figure(each.half_width, _DIGITS)
        table.add_row(name, half, plain_percent(each.coverage), plain_span(*each.interval))
    return table


def _ranges(found: TargetResult) -> Table:
    table = grid(["true value"], ["images", "mean absolute", "root mean squared", "mean error"])
    for each in found.ranges:
        table.add_row(
            _range(each),
            f"{each.images:,}",
            figure(each.mae, _DIGITS),
            figure(each.rmse, _DIGITS),
            figure(each.bias, _DIGITS),
        )
    return table


def _range(found: ValueRange) -> str:
    low, high = amount(found.low), amount(found.high)
    return low if low == high else f"{low} to {high}"
