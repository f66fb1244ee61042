"""Tables on a terminal, all in one style, that fit 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from striate.support.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def grid(
    words: Sequence[str], figures: Sequence[str] = (), *, title: str = "", gap: int = 2
) -> Table:
    """A table without lines but the one below its heads.

    Args:
        words: heads of the columns of names and sentences, which go over several lines where there
            is too little room; they may come from a file.
        figures: heads of the columns of numbers behind them, which never do.
        title: above it.
        gap: cells between two columns.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), show_edge=False, pad_edge=False)
    table.title, table.title_justify = title or None, "left"
    for name in words:
        table.add_column(Text(printable(name)), overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table
