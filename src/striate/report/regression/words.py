"""Values and errors as the page writes them."""

from __future__ import annotations

import math

from striate.data.targets import Target
from striate.runs.targets import ScaledTarget
from striate.support.words import MINUS, figure

_DIGITS = 4
_MOST_PLACES = 8


def value(number: float, target: ScaledTarget) -> str:
    """A predicted value, to a hundredth of what the training images vary by: ``31.2 years``."""
    return f"{_written(number, _places(target))}{unit_of(target)}"


def given(number: float, target: ScaledTarget) -> str:
    """A value that was given, without the noughts behind it: ``30 years``."""
    return f"{plain(number, target)}{unit_of(target)}"


def plain(number: float, target: ScaledTarget) -> str:
    """`given` without the unit."""
    text = _written(number, min(_places(target) + 2, _MOST_PLACES))
    return text.rstrip("0").rstrip(".") if "." in text else text


def _places(target: ScaledTarget) -> int:
    """Decimals that tell a hundredth of the standard deviation."""
    return min(max(2 - math.floor(math.log10(target.deviation)), 0), _MOST_PLACES)


def _written(number: float, places: int) -> str:
    # A number that rounds to nought has no sign.
    return f"{round(number, places) + 0.0:,.{places}f}".replace("-", MINUS)


def reaching(low: float, high: float, target: ScaledTarget) -> str:
    """An interval of predicted values: ``24.7 to 37.7 years``."""
    return f"{_written(low, _places(target))} to {value(high, target)}"


def error(number: float, target: ScaledTarget) -> str:
    """The error of a predicted value, with its sign: ``+2.1``."""
    return f"{'+' if number > 0 else ''}{_written(number, _places(target))}"


def measured(number: float, target: Target) -> str:
    """A figure in the unit of its target: ``3.214 years``."""
    return f"{figure(number, _DIGITS)}{unit_of(target)}"


def unit_of(target: Target) -> str:
    """The unit as it follows a number; nothing where there is none."""
    return f" {target.unit}" if target.unit else ""


def between(low: float, high: float) -> str:
    """``2.900 to 3.500``."""
    return f"{figure(low, _DIGITS)} to {figure(high, _DIGITS)}"
