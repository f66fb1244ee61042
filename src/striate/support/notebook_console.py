"""What a result prints on a console, in a notebook: its tables as tables of HTML."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from striate.support.notebook import page, table, text

#: Wider than any table, whose columns a browser lays out.
_WIDTH = 240
_BARS = frozenset("▏▎▍▌▋▊▉█")


class _Gathering(Console):
    """A console whose tables become HTML, and all else text between them."""

    def __init__(self) -> None:
        self.written = io.StringIO()
        super().__init__(
            file=self.written,
            width=_WIDTH,
            color_system=None,
            highlight=False,
            emoji=False,
            force_jupyter=False,  # which displays what is printed, whatever the file
        )
        self.parts: list[str] = []

    def print(self, *objects: Any, **settings: Any) -> None:
        """Gather what is printed."""
        if len(objects) == 1 and isinstance(objects[0], Table):
            self.flush()
            self.parts.append(self._table(objects[0]))
        else:
            super().print(*objects, **settings)

    def flush(self) -> None:
        """Put the text that has come since the last table to the parts."""
        lines = [line.rstrip() for line in self.written.getvalue().splitlines()]
        self.parts.append(text("\n".join(lines).strip("\n")))
        self.written.seek(0)
        self.written.truncate()

    def _table(self, found: Table) -> str:
        columns = found.columns
        head = [self._plain(each.header) for each in columns] if found.show_header else []
        rows = zip(*(map(self._plain, each.cells) for each in columns), strict=True)
        right = [number for number, each in enumerate(columns) if each.justify == "right"]
        return table(head, rows, right, self._plain(found.title or ""))

    def _plain(self, cell: Any) -> str:
        """A cell as HTML: its words, without colours."""
        if isinstance(cell, str):
            cell = self.render_str(cell)
        if isinstance(cell, Text):
            told = html.escape(cell.plain)
            drawn = _BARS & set(told)  # beside the number that it belongs to
            return f'<span style="white-space:nowrap">{told}</span>' if drawn else told
        lines = self.render_lines(cell, pad=False)
        return html.escape("\n".join("".join(part.text for part in line) for line in lines))


def shown(show: Callable[[Console], None]) -> str:
    """What `show` prints on a console, as a result of a notebook's cell."""
    console = _Gathering()
    show(console)
    console.flush()
    return page(*console.parts)
