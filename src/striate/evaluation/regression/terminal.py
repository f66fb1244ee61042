"""An evaluation of numbers on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.support.text import printable
from striate.support.words import figure, percent, plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.evaluation.regression.conformal import PredictionInterval
    from striate.evaluation.regression.result import (
        Figure,
        RegressionEvaluation,
        TargetResult,
    )

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
        for of in each.figures.values():
            console.print(Text(_figure(of)))
        for interval in each.intervals:
            console.print(Text(_interval(interval)))
        console.print(_ranges(each))


def _figure(found: Figure) -> str:
    low, high = (figure(value, _DIGITS) for value in found.interval)
    sure = "" if math.isnan(found.interval[0]) else f"95 % interval {low} to {high}; "
    best = figure(found.baseline, _DIGITS)
    return (
        f"{found.metric.name:28s}{figure(found.value, _DIGITS):>9s}  ({sure}best constant {best})"
    )


def _interval(found: PredictionInterval) -> str:
    name = f"{100 * found.level:g} % prediction interval"
    if math.isinf(found.half_width):
        return f"{name:28s}{'–':>9s}  (too few images)"
    low, high = (percent(share) for share in found.interval)
    held = f"held {percent(found.coverage)} of true values, 95 % interval {low} to {high}"
    return f"{name:28s}{'±' + figure(found.half_width, _DIGITS):>9s}  ({held})"


def _ranges(found: TargetResult) -> Table:
    table = Table("true value")
    for name in ("images", "mean absolute error", "root mean squared", "mean error"):
        table.add_column(name, justify="right")
    for each in found.ranges:
        table.add_row(
            f"{figure(each.low, _DIGITS)} to {figure(each.high, _DIGITS)}",
            f"{each.images:,}",
            figure(each.mae, _DIGITS),
            figure(each.rmse, _DIGITS),
            figure(each.bias, _DIGITS),
        )
    return table
