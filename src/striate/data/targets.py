"""Numbers that images are answered with: an age, a count, an angle."""

from __future__ import annotations

from dataclasses import dataclass


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
