"""What a parameter of a command's function is on the command line: an argument, or an option."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """What is given by its place.

    Args:
        help: what it decides.
        least: of a number, the least that is taken.
        show_default: whether the help says what it is where it is not given.
    """

    help: str
    least: float | None = None
    show_default: bool = True


@dataclass(frozen=True)
class Flag:
    """What is given by its name.

    Args:
        names: its spellings, ``("-o", "--output")``; ``--glass/--no-glass`` for both answers.
        help: what it decides.
        least: of a number, the least that is taken.
        metavar: what the help calls its value.
    """

    names: tuple[str, ...]
    help: str
    least: float | None = None
    metavar: str | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return next(each for each in self.names if each.startswith("--")).partition("/")[0]
