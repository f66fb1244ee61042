"""Results that people read: one way to print them, in a terminal, by `print`, in a notebook."""

from __future__ import annotations

import html
import importlib
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of what is printed where there is no terminal to ask.
USUAL_WIDTH = 100


class Readable:
    """A result whose `summary` is what `print` and a notebook show of it."""

    def summary(self) -> str:
        """What a person wants to know, in a few lines."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """What Jupyter shows: the same, in columns."""
        return f'<pre style="line-height: 1.3">{html.escape(self.summary())}</pre>'


class Result(Readable):
    """A dataclass of what a command ended with, whose `to_json` has its fields."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as strings."""
        return {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(self).items()
        }


class Shown(Readable):
    """A result that is printed on a console as tables; `summary` is the same as text.

    Attributes:
        shown_by: the function that prints it, as ``module:function``. It is named and not imported:
            a result does not depend on how it is shown, which needs rich.
    """

    shown_by: ClassVar[str]

    def show(self, console: Console) -> None:
        """Print it on `console`."""
        module, _, function = self.shown_by.partition(":")
        getattr(importlib.import_module(module), function)(self, console)

    def summary(self) -> str:
        """What `show` prints, as text without colours."""
        from rich.console import Console

        width = shutil.get_terminal_size((USUAL_WIDTH, 24)).columns
        text = io.StringIO()
        console = Console(file=text, width=width, color_system=None, highlight=False, emoji=False)
        self.show(console)
        return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines())
