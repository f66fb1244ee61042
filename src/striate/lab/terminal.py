"""Experiments and what they came to, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from striate.support.grids import grid
from striate.support.words import plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.lab.listing import ExperimentList
    from striate.lab.run import ExperimentResult

_STYLES = {"supported": "green", "contradicted": "red", "undecided": "yellow"}


def show_list(found: ExperimentList, console: Console) -> None:
    """Print the claims, with what the command calls them."""
    table = grid(["", "experiment", "claim", "data"], ["seeds"])
    table.columns[1].no_wrap = True
    for each in found:
        table.add_row(
            str(each.number),
            Text(each.name, style="bold"),
            Text(each.claim),
            Text(each.conditions.data or "–"),
            str(each.seeds),
        )
    console.print(table)
    console.print("striate lab run EXPERIMENT puts a claim to the test.")


def show(found: ExperimentResult, console: Console) -> None:
    """Print the verdict, and each effect with its interval."""
    console.print(Text(found.experiment.claim, style="bold"))
    if found.verdict is None:
        console.print("everything works; a quick run decides nothing", style="yellow")
    else:
        verdict = Text(found.verdict, style=_STYLES[found.verdict])
        console.print(verdict, Text(f"by {plural(len(found.seeds), 'seed')}"))
    table = grid(["statement", "effect", "wanted", "verdict"])
    for each in found.judged:
        table.add_row(
            Text(each.statement.says),
            Text(each.told),
            Text(each.statement.threshold),
            Text("–") if found.quick else Text(each.verdict, style=_STYLES[each.verdict]),
        )
    console.print(table)
    console.print(Text(f"results {found.folder}\npage    {found.page}"))
