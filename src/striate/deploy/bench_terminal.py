"""The speed of a network in each engine, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.support.text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from striate.deploy.bench import Bench


def show(found: Bench, console: Console) -> None:
    """Print what was measured, a line an engine."""
    channels, height, width = found.input
    macs = "" if found.macs is None else f", {found.macs / 1e6:,.0f} million multiply-accumulates"
    console.print(Text(f"{printable(found.source)}: {channels} x {height} x {width}{macs}"))
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    console.print(
        f"{threads}; a large float32 matrix product does {found.peak / 1e9:,.1f} billion "
        "multiply-accumulates a second, which is taken for the peak"
    )
    table = Table()
    table.add_column("engine", no_wrap=True)
    table.add_column("images/s", justify="right")
    table.add_column("one image", justify="right")
    table.add_column("of the peak", justify="right")
    if found.files:
        table.add_column("from files", justify="right")
    for each in found.engines:
        share = "–" if each.share is None else f"{each.share:.0%}"
        cells = [f"{each.images_per_second:,.1f}", f"{1000 * each.latency:,.2f} ms", share]
        if each.from_files is not None:
            cells.append(f"{each.from_files:,.1f}")
        table.add_row(each.engine, *cells)
    console.print(table)
