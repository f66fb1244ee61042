"""The numbers that are predicted from one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate.data.targets import Target
from striate.errors import DataError
from striate.inference.prediction import drawn_note
from striate.support.shown import Readable
from striate.support.text import printable
from striate.support.words import beside, exact_percent

#: Digits of a value, and the level of the interval that a line shows.
_DIGITS = 4
_LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A prediction interval of one value.

    Attributes:
        level: share of images whose true value such an interval is meant to hold.
        low: where it begins.
        high: where it ends.
    """

    level: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Estimate(Readable):
    """The numbers that are predicted from one image, or why there are none.

    Attributes:
        file: the path, or ``images[3]`` for the fourth of several that are in memory.
        targets: what the numbers are.
        values: of each of `targets`, in its unit; empty for an image that cannot be read.
        intervals: of each of `targets`, by level; empty where the run or the file knows none.
        error: why it cannot be read, in one line; empty for all others.
        heatmap: the picture that was drawn of what moves a value; empty where none was.
        heatmap_method: ``cam``, ``grad-cam`` or ``occlusion``.
    """

    file: str
    targets: tuple[Target, ...]
    values: tuple[float, ...] = ()
    intervals: tuple[tuple[Interval, ...], ...] = ()
    error: str = ""
    heatmap: str = ""
    heatmap_method: str = ""

    def summary(self) -> str:
        """The image and its values, in a line."""
        return f"{printable(self.file)}: {printable(self.error) or self.told}"

    @property
    def told(self) -> str:
        """``age 31.2 years (90 %: 24.7 to 37.7)``, of each target."""
        found = []
        for target, (value, interval) in zip(self.targets, self.shown, strict=True):
            text = f"{printable(target.name)} {value}"
            found.append(
                f"{text} ({exact_percent(_LEVEL, space=' ')}: {interval})" if interval else text
            )
        return ", ".join(found) + drawn_note(self.heatmap, self.heatmap_method)

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Each value with its unit, and its 90 % interval, empty where none is known."""
        found = []
        for target, value, intervals in zip(self.targets, self.values, self.intervals, strict=True):
            unit = f" {printable(target.unit)}" if target.unit else ""
            one = next((each for each in intervals if each.level == _LEVEL), None)
            width = 0.0 if one is None else one.high - one.low
            ends = () if one is None else (one.low, one.high)
            interval = " to ".join(beside(end, width, _DIGITS) for end in ends)
            found.append((f"{beside(value, width, _DIGITS)}{unit}", interval))
        return found

    @classmethod
    def failed(cls, file: str, targets: tuple[Target, ...], error: DataError) -> Estimate:
        """What stands in the place of a `file` that cannot be read."""
        return cls(file=file, targets=targets, error=error.reason)

    def to_json(self) -> dict[str, Any]:
        """``{"file", "values": [{"target", "unit", "value", "intervals"}, …]}``, or an error.

        An interval is ``{"level", "low", "high"}``; with a heat map there are ``heatmap`` and
        ``heatmap_method``.
        """
        if self.error:
            return {"file": self.file, "error": self.error}
        found = [
            {
                "target": target.name,
                "unit": target.unit,
                "value": value,
                "intervals": [vars(each) for each in intervals],
            }
            for target, value, intervals in zip(
                self.targets, self.values, self.intervals, strict=True
            )
        ]
        drawn = {"heatmap": self.heatmap, "heatmap_method": self.heatmap_method}
        return {"file": self.file, "values": found} | (drawn if self.heatmap else {})
