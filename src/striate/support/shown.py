"""Results that people read: one way to print them, in a terminal, by `print`, in a notebook."""

from __future__ import annotations

import importlib
import io
import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

#: Columns of what is printed where there is no terminal to ask.
USUAL_WIDTH = 100
#: Of a list of results, how many are shown where nobody asked for each.
MOST_SHOWN = 60


class Readable:
    """A result whose `summary` is what `print` and a notebook show of it."""

    def summary(self) -> str:
        """What a person wants to know, in a few lines."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """What Jupyter shows: the same."""
        from striate.support.notebook import page, text

        return page(text(self.summary()))


R = TypeVar("R", bound=Readable)


class _Many(Readable, Generic[R]):
    """Results one below the other."""

    __slots__ = ()

    def summary(self) -> str:
        """That of each, as far as a person reads on."""
        return "\n".join([*(each.summary() for each in self.shown), *self.others])

    def _repr_html_(self) -> str:
        """What Jupyter shows of each, likewise."""
        from striate.support.notebook import page, text

        rest = [page(text(line)) for line in self.others]
        return "".join([*(each._repr_html_() for each in self.shown), *rest])

    @property
    def shown(self) -> list[R]:
        """As many as are shown where nobody asked for each."""
        return list(islice(cast("Iterable[R]", self), MOST_SHOWN))

    @property
    def others(self) -> list[str]:
        """A line on those that are not shown, if there are any."""
        more = len(cast("Sequence[R]", self)) - MOST_SHOWN
        return [f"… and {more:,} more"] if more > 0 else []


class Several(_Many[R], tuple[R, ...]):
    """A tuple of results, of which `print` shows what it shows of each."""

    __slots__ = ()


class Listed(_Many[R], list[R]):
    """A list of results, of which `print` shows what it shows of each."""

    __slots__ = ()


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
        console = Console(
            file=text,
            width=width,
            color_system=None,
            highlight=False,
            emoji=False,
            force_jupyter=False,  # in a notebook it would be displayed, and no text
        )
        self.show(console)
        return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines())

    def _repr_html_(self) -> str:
        """What Jupyter shows: the same, its tables as tables."""
        from striate.support.notebook_console import shown

        return shown(self.show)
