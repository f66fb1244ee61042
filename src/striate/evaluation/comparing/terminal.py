"""A comparison on a terminal, from 80 columns up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import plain_percent, plain_span, plural, points

if TYPE_CHECKING:
    from rich.console import Console

    from striate.evaluation.comparing.comparison import Pair, RunComparison
    from striate.evaluation.comparing.differing import Setting

#: Images on which they differ, and settings, that are named.
_MOST_IMAGES, _MOST_SETTINGS = 10, 40
#: More columns of answers do not fit beside a file's name.
_MOST_ANSWERS = 4
#: More pairs make a table.
_MOST_PAIRS = 3


def show(found: RunComparison, console: Console) -> None:
    """Print figures, pairs, images on which they differ, and settings."""
    for note in found.notes:
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    classes = plural(len(found.classes), "class", "classes")
    console.print(f"{plural(len(found.labels), 'image')} of {classes} in common\n")
    console.print(_figures(found))
    if len(found.pairs) <= _MOST_PAIRS:
        for pair in found.pairs:
            console.print(Text(f"\n{headline(found, pair)}"))
            console.print(Text(f"  {counts(found, pair)}"))
            console.print(Text(f"  {verdict(found, pair)}"))
    else:
        console.print(_pairs(found))
    _show_differing(found, console)
    if found.settings:
        console.print("\nSettings that differ")
        console.print(settings_table(found.settings, [each.name for each in found.compared]))
    if found.page is not None:
        console.print(Text(f"\npage  {printable(str(found.page))}"), soft_wrap=True)


def headline(found: RunComparison, pair: Pair) -> str:
    """``a against b: +2.31 points (95 % interval +0.50 to +4.12)``."""
    first, second = (printable(found.compared[i].name) for i in (pair.first, pair.second))
    low, high = pair.interval
    return (
        f"{first} against {second}: {points(pair.difference)} points "
        f"(95 % interval {points(low)} to {points(high)})"
    )


def counts(found: RunComparison, pair: Pair) -> str:
    """How many images only one of them gets right, and how likely that is by chance."""
    first, second = (printable(found.compared[i].name) for i in (pair.first, pair.second))
    said = (
        f"right in {first} only: {pair.only_first:,}; in {second} only: {pair.only_second:,}; "
        f"McNemar's exact test: p = {p_value(pair.p_value)}"
    )
    if len(found.pairs) > 1:
        said += f", {p_value(pair.adjusted)} among {len(found.pairs)} pairs (Holm)"
    return said


def verdict(found: RunComparison, pair: Pair) -> str:
    """What follows from it, in a sentence."""
    if not pair.only_first and not pair.only_second:
        return "Both are right on the same images."
    if pair.adjusted >= 0.05:
        return "These images do not tell which of them is better."
    better = found.compared[pair.first if pair.difference > 0 else pair.second]
    return f"{printable(better.name)} is better; chance alone rarely gives such a difference."


def p_value(p: float) -> str:
    """A p-value as papers write it.

    Examples:
        >>> p_value(0.03516), p_value(1.0), p_value(3e-9)
        ('0.035', '1', '3e-09')
    """
    return f"{p:.2g}"


def _figures(found: RunComparison) -> Table:
    table = grid(["run", "network"], ["top-1", "95 % interval"])
    for each in found.compared:
        low, high = each.interval
        # Text, since a folder may be named [red].
        table.add_row(
            Text(printable(each.name)),
            Text(printable(each.network or "–")),
            plain_percent(each.top1, 2),
            plain_span(low, high, 2),
        )
    return table


def _pairs(found: RunComparison) -> Table:
    """A row a pair: difference in points with its interval, and p after Holm."""
    table = grid(
        ["first", "second"],
        ["difference", "interval", "p"],
        title="\nDifferences of top-1 in points, 95 % intervals, p of McNemar's test (Holm)",
    )
    for pair in found.pairs:
        low, high = pair.interval
        table.add_row(
            *(Text(printable(found.compared[i].name)) for i in (pair.first, pair.second)),
            points(pair.difference),
            f"{points(low)} to {points(high)}",
            p_value(pair.adjusted),
        )
    return table


def _show_differing(found: RunComparison, console: Console) -> None:
    images = found.differing
    if not len(images):
        return
    several = len(found.compared) > 2
    how = "some are right and others wrong" if several else "one is right and the other wrong"
    said = f"On {plural(len(images), 'image')} {how}"
    if len(images) > _MOST_IMAGES:
        said += f"; the {_MOST_IMAGES} surest mistakes"
    console.print(f"\n{said}")
    shown = range(min(len(found.compared), _MOST_ANSWERS))
    table = grid(["image", "class", *(found.compared[place].name for place in shown)])
    for index in images[:_MOST_IMAGES].tolist():
        answers = [
            f"{printable(found.classes[found.predicted[place, index]])} "
            f"{plain_percent(found.confidence[place, index], 0)}"
            for place in shown
        ]
        named = (printable(found.names[index]), printable(found.classes[found.labels[index]]))
        table.add_row(*map(Text, (*named, *answers)))
    console.print(table)


def settings_table(settings: Sequence[Setting], names: Sequence[str]) -> Table:
    """What differs between those that are called `names`, a column each."""
    table = grid(["key", *names])
    for setting in settings[:_MOST_SETTINGS]:
        values = ("–" if value is None else printable(value) for value in setting.values)
        table.add_row(Text(setting.key), *map(Text, values))
    if len(settings) > _MOST_SETTINGS:
        table.add_row(f"… and {len(settings) - _MOST_SETTINGS:,} more")
    return table
