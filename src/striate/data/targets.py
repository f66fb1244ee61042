"""Numbers that images are answered with: an age, a count, an angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.errors import DataError, parameter


@dataclass(frozen=True, kw_only=True)
class Target:
    """A number that is to be predicted from an image.

    >>> Target(name="age", unit="years").described
    'age (years)'

    Attributes:
        name: of the number, such as ``"age"``.
        unit: in which it is given, for people: ``"years"``; empty for none.
    """

    name: str
    unit: str = ""

    @property
    def described(self) -> str:
        """The name, with the unit where there is one."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What images are to be answered with, as a person puts it; without a word, their classes.

    Attributes:
        label: the column of a table that names the class; None where its name tells.
        targets: columns of the numbers to predict; empty for classes.
        units: of these, as many; empty where the columns' names tell.
        usual: the column that named the classes where a network was trained; it is taken wherever a
            table has it and no `label` is given.
    """

    label: str | None = None
    targets: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    usual: str = ""

    @classmethod
    def of(
        cls,
        target: str | Sequence[str] | None = None,
        unit: str | Sequence[str] | None = None,
        label: str | None = None,
    ) -> Answers:
        """What the options of that name ask for.

        Raises:
            DataError: they contradict each other.

        Examples:
            >>> Answers.of("age", "years")
            Answers(label=None, targets=('age',), units=('years',), usual='')
        """
        targets, units = _several(target), _several(unit)
        if targets and label is not None:
            raise DataError(
                parameter("target", targets[0]),
                f"is a number to predict, and {parameter('label', label)} a class",
                "give one of them",
            )
        for name in targets:
            if targets.count(name) > 1:
                raise DataError(parameter("target", name), "is given twice", "give it once")
        if units and not targets:
            why = f"is the unit of no {parameter('target')}"
            raise DataError(parameter("unit", units[0]), why, "name the number that is given in it")
        if units and len(units) != len(targets):
            raise DataError(
                parameter("unit"),
                f"is given {len(units)} times for {len(targets)} targets",
                "give one for each, in their order; '' for none",
            )
        return cls(label=label, targets=targets, units=units)


CLASSES = Answers()
"""What is asked for without a word."""


def _several(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """One, several or none, as a tuple."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)
