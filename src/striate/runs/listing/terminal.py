"""A list of runs as a table, from 80 columns up."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.anatomy.costs.formulas import human_count
from striate.support.grids import grid
from striate.support.progress import clock
from striate.support.text import printable
from striate.support.words import figure, plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.runs.listing.entry import ListedRun
    from striate.runs.listing.find import RunList

#: Columns of names, and those of figures.
_NAMES = {"run": 10, "network": 10, "data": 7}
_FIGURES = ("95 %", "params", "MACs", "time", "started")


def show_list(runs: RunList, console: Console) -> None:
    """Print a table of the runs, then what could not be read."""
    console.print(Text(_headline(runs)), soft_wrap=True)
    if runs.runs:
        console.print(_table(runs))
    for each in runs.unlisted:
        line = f"not listed: {printable(str(each.path))}: {printable(each.reason)}"
        console.print(Text(line), soft_wrap=True)
    if best := _two_best(runs):
        console.print(Text(f"side by side: striate runs {best}"), soft_wrap=True)


def _headline(runs: RunList) -> str:
    where = printable(str(runs.folder))
    if not runs.found:
        return f"no runs under {where}"
    if not runs.runs:
        return f"none of {plural(runs.found, 'run')} under {where} passes the filter"
    shown = plural(len(runs), "run") + (f" of {runs.found:,}" if len(runs) < runs.found else "")
    data = _common_data(runs)
    return f"{shown} under {where}" + (f", on {printable(data)}" if data else "")


def _common_data(runs: RunList) -> str:
    """What all runs were trained on, which then needs no column."""
    origins = {each.origin for each in runs.runs}
    return runs.runs[0].data if len(origins) == 1 else ""


def _table(runs: RunList) -> Table:
    alike = bool(_common_data(runs))
    names = [name for name in _NAMES if name != "data" or not alike]
    table = grid(names, [_answer(runs), *_FIGURES], gap=2 if alike else 1)
    for column, name in zip(table.columns, names, strict=False):
        column.min_width = _NAMES[name]
    for each in runs.runs:
        named = [each.name, each.network, *([] if alike else [each.data or "–"])]
        # Text, since a folder may be named [red].
        table.add_row(*(Text(printable(name)) for name in named), *_figures(each))
    return table


def _answer(runs: RunList) -> str:
    """What the column of what was measured is called: errors are of numbers."""
    numbers = {bool(each.targets) for each in runs.runs}
    return " / ".join(("top-1", "error")[each] for each in sorted(numbers))


def _figures(run: ListedRun) -> tuple[str, ...]:
    measured = ("–", f"epoch {run.epochs_done}/{run.epochs}" if run.epochs else "–")
    if run.top1 is not None and run.interval is not None:
        low, high = run.interval
        measured = (f"{100 * run.top1:.2f}", f"{100 * low:.1f}–{100 * high:.1f}")
    elif run.mae is not None:
        between = "" if run.interval is None else "–".join(map(figure, run.interval))
        measured = (f"±{figure(run.mae)}", between)
    return (
        *measured,
        "–" if run.parameters is None else human_count(run.parameters),
        "–" if run.macs is None else human_count(run.macs),
        "–" if run.seconds is None else clock(run.seconds),
        run.started[:10] or "–",
    )


def _two_best(runs: RunList) -> str:
    """The two best of the runs of the same images and answers, as a shell takes them."""
    measured = sorted(
        (each for each in runs.runs if each.top1 is not None or each.mae is not None),
        key=lambda each: -each.top1 if each.top1 is not None else each.mae or 0,
    )
    for first in measured:
        others = [
            each
            for each in measured
            if each is not first
            and each.origin == first.origin != ""
            and each.targets == first.targets
        ]
        if others:
            return " ".join(shlex.quote(printable(str(each.path))) for each in (first, others[0]))
    return ""
