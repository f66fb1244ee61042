"""The speed of a network in each engine, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import plain_percent

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
    heads = ["images/s", "one image", "of the peak", *(["from files"] if found.files else [])]
    table = grid(["engine"], heads)
    for each in found.engines:
        share = "–" if each.share is None else plain_percent(each.share, 0)
        cells = [f"{each.images_per_second:,.1f}", f"{1000 * each.latency:,.2f} ms", share]
        if each.from_files is not None:
            cells.append(f"{each.from_files:,.1f}")
        table.add_row(each.engine, *cells)
    console.print(table)
