"""The one place in a notebook's cell where it is told how far something has come."""

from __future__ import annotations

import sys
from typing import Any


class Place:
    """Lines that stay, and below them one that is written anew.

    Args:
        cell: the number of the cell.
        handle: of what IPython displays there.
    """

    def __init__(self, cell: int, handle: Any) -> None:
        self.cell, self.handle = cell, handle
        self.kept: list[str] = []

    def keep(self, line: str) -> None:
        """Add a line that stays."""
        self.kept.append(line)
        self.show("")

    def show(self, line: str) -> None:
        """Write the last line anew."""
        lines = [*self.kept, line] if line else self.kept
        self.handle.update({"text/plain": "\n".join(lines)}, raw=True)


_held: list[Place] = []


def place() -> Place | None:
    """The place of the cell that runs, the same for all that goes on in it; None elsewhere."""
    ipython: Any = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    if not hasattr(shell, "kernel"):
        return None
    cell = int(shell.execution_count)
    if not _held or _held[0].cell != cell:
        display = ipython.display.display
        _held[:] = [Place(cell, display({"text/plain": ""}, raw=True, display_id=True))]
    return _held[0]
