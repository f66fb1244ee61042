"""What numbers are like, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from striate.data.checking.numbers import FAR, QUANTILES
from striate.support.text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from striate.data.checking.numbers import TargetReport

_BAR = 40  # characters of the longest bar
_NAMES = {
    "min": "minimum",
    "q25": "lower quartile",
    "median": "median",
    "q75": "upper quartile",
    "max": "maximum",
}


def show_target(target: TargetReport, console: Console) -> None:
    """Print a target's distribution for a person to read."""
    unit = f" ({target.unit})" if target.unit else ""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(escape(printable(f"{target.name}{unit}")), overflow="fold")
    for split in target.splits:
        table.add_column(escape(split), justify="right")
    figures = target.splits.values()
    table.add_row("images", *(f"{int(each['count']):,}" for each in figures))
    for key in (*QUANTILES, "mean", "std"):
        table.add_row(_NAMES.get(key, key), *(f"{each[key]:.5g}" for each in figures))
    console.print(table)
    console.print()
    _show_histogram(target, console)
    console.print(f"[dim]{target.distinct:,} different values[/]")


def _show_histogram(target: TargetReport, console: Console) -> None:
    """A line a bin, with a bar for its images in all splits."""
    counts = [sum(each) for each in zip(*target.histogram.values(), strict=True)]
    lows, highs = target.edges[:-1], target.edges[1:]
    whole = all(low == int(low) and high - low == 1 for low, high in zip(lows, highs, strict=True))
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("right", "left", "right"):
        table.add_column(justify=justify)
    for low, high, count in zip(lows, highs, counts, strict=True):
        place = f"{low:g}" if whole or len(counts) == 1 else f"{low:.4g} – {high:.4g}"
        bar = "━" * max(1, round(_BAR * count / max(counts))) if count else ""
        table.add_row(place, f"[cyan]{bar}[/]", f"{count:,}")
    console.print(table)


def outlier_lines(target: TargetReport) -> tuple[str, list[str]]:
    """What the images far from the others are called, and a line for each."""
    title = (
        f"far from the other values of {escape(printable(target.name))} (more than {FAR:g} "
        "standard deviations, by the median absolute one)"
    )
    return title, [
        f"{escape(each.name)}: {each.value:g} [dim]({escape(each.split)})[/]"
        for each in target.outliers
    ]
