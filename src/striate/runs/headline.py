"""The one figure of an epoch, or of a run, that people look at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.data.targets import Target
from striate.support.text import printable
from striate.support.words import figure, plain_percent


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Which figure it is, and how it is told.

    Attributes:
        key: its name among the figures.
        title: its name for people, in a few letters.
        unit: what follows it: ``%`` of a share.
        larger_is_better: whether a larger one is better.
    """

    key: str
    title: str
    unit: str
    larger_is_better: bool

    def goodness(self, found: Mapping[str, Any]) -> float:
        """Of two, the larger is the better.

        Args:
            found: figures, among them this one.
        """
        value = float(found[self.key])
        return value if self.larger_is_better else -value

    def shown(self, value: float) -> str:
        """The figure as a line tells it, with its unit.

        Examples:
            >>> TOP1.shown(0.9861), headline_of([Target(name="age", unit="years")]).shown(3.2)
            ('98.61 %', '3.200 years')
        """
        if self.unit == "%":
            return plain_percent(value, 2)
        return f"{figure(value, 4)} {self.unit}".rstrip()


TOP1 = Headline(key="top1", title="top-1", unit="%", larger_is_better=True)
"""Of classes."""


def headline_of(targets: Sequence[Target]) -> Headline:
    """Of a network with these targets; of none, that of classes.

    Of several, the mean absolute errors are told in deviations of the training images.
    """
    if not targets:
        return TOP1
    unit = printable(targets[0].unit) if len(targets) == 1 else ""
    return Headline(key="mae", title="error", unit=unit, larger_is_better=False)
