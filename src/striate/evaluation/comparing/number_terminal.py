"""A comparison of runs of numbers on a terminal, from 80 columns up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.evaluation.comparing.terminal import p_value, settings_table
from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import figure, plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.data.targets import Target
    from striate.evaluation.comparing.number_comparison import NumberComparison, NumberPair

_DIGITS = 4


def show(found: NumberComparison, console: Console) -> None:
    """Print the errors of each, what tells each two apart, and settings."""
    for note in found.notes:
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    console.print(f"{plural(len(found.true), 'image')} in common")
    for number, target in enumerate(found.targets):
        console.print(Text(f"\n{printable(target.described)}", style="bold"))
        console.print(_errors(found, number))
        for pair in (each for each in found.pairs if each.target == number):
            console.print(Text(f"\n{headline(found, pair, target)}"))
            console.print(Text(f"  {counts(found, pair)}"))
            console.print(Text(f"  {verdict(found, pair)}"))
    if found.settings:
        console.print("\nSettings that differ")
        console.print(settings_table(found.settings, [each.name for each in found.compared]))
    if found.page is not None:
        console.print(Text(f"\npage  {printable(str(found.page))}"), soft_wrap=True)


def _errors(found: NumberComparison, target: int) -> Table:
    table = grid(["run", "network"], ["error", "95 % interval", "root mean squared"])
    for each in found.compared:
        ends = each.intervals[target]
        low, high = (figure(end, _DIGITS) for end in ends)
        table.add_row(
            Text(printable(each.name)),
            Text(printable(each.network)),
            figure(each.maes[target], _DIGITS),
            "–" if math.isnan(ends[0]) else f"{low} to {high}",
            figure(each.rmses[target], _DIGITS),
        )
    return table


def headline(found: NumberComparison, pair: NumberPair, target: Target) -> str:
    """``a against b: −0.41 years (95 % interval −0.72 to −0.10)``."""
    first, second = (printable(found.compared[i].name) for i in (pair.first, pair.second))
    low, high = (figure(end) for end in pair.interval)
    unit = f" {printable(target.unit)}" if target.unit else ""
    said = f"{first} against {second}: {figure(pair.difference)}{unit} of mean absolute error"
    return said if math.isnan(pair.interval[0]) else f"{said} (95 % interval {low} to {high})"


def counts(found: NumberComparison, pair: NumberPair) -> str:
    """How many images each is nearer on, and how likely that is by chance."""
    first, second = (printable(found.compared[i].name) for i in (pair.first, pair.second))
    said = (
        f"nearer in {first}: {pair.nearer_first:,}; in {second}: {pair.nearer_second:,}; "
        f"Wilcoxon's signed-rank test: p = {p_value(pair.p_value)}"
    )
    if len(found.pairs) > 1:
        said += f", {p_value(pair.adjusted)} among {len(found.pairs)} pairs (Holm)"
    return said


def verdict(found: NumberComparison, pair: NumberPair) -> str:
    """What follows from it, in a sentence."""
    if not pair.nearer_first and not pair.nearer_second:
        return "Both have the same errors."
    low, high = pair.interval
    if pair.adjusted >= 0.05 or low <= 0 <= high:
        return "These images do not tell which of them is better."
    better = found.compared[pair.first if pair.difference < 0 else pair.second]
    return f"{printable(better.name)} is better; chance alone rarely gives such a difference."
