"""Runs sorted and filtered, as a person types it."""

from __future__ import annotations

import fnmatch
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from striate.errors import StriateError, nearest, parameter
from striate.runs.listing.entry import ListedRun
from striate.runs.listing.find import RunList


@dataclass(frozen=True)
class _Column:
    """What a run is sorted and filtered by.

    Args:
        value: of a run; None where it is not known.
        read: what a person typed, as a value to compare with; None for text.
        falling: whether the greatest comes first.
    """

    value: Callable[[ListedRun], Any]
    read: Callable[[str], float] | None = None
    falling: bool = False


_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_TIMES = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z%]*)", re.IGNORECASE)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


def _scaled(units: Mapping[str, float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        found = _NUMBER.fullmatch(text)
        if found is None or found[2].lower() not in units:
            raise ValueError(text)
        return float(found[1]) * units[found[2].lower()]

    return read


def _share(text: str) -> float:
    value = _scaled({"": 1.0, "%": 0.01})(text)
    if value > 1:
        raise ValueError(text)
    return value


COLUMNS: Mapping[str, _Column] = {
    "name": _Column(lambda run: run.name),
    "network": _Column(lambda run: run.network),
    "data": _Column(lambda run: run.data),
    "top1": _Column(lambda run: run.top1, _share, falling=True),
    "mae": _Column(lambda run: run.mae, _scaled({"": 1.0})),
    "parameters": _Column(lambda run: run.parameters, _scaled(_UNITS)),
    "macs": _Column(lambda run: run.macs, _scaled(_UNITS)),
    "time": _Column(lambda run: run.seconds, _scaled(_TIMES)),
    "classes": _Column(lambda run: run.classes, _scaled({"": 1.0})),
    "date": _Column(lambda run: run.started or None, falling=True),
}
#: What a value of a column looks like, for who mistyped one.
_EXAMPLES = {
    "top1": "80% or 0.8",
    "parameters": "5M",
    "mae": "2.5",
    "macs": "1.5G",
    "time": "90s, 20min or 2h",
    "classes": "10",
}


@dataclass(frozen=True)
class Selection:
    """Which runs are wanted, and in which order."""

    column: _Column
    reverse: bool
    tests: tuple[Callable[[ListedRun], bool], ...]


def checked(*, sort: str, filters: Sequence[str]) -> Selection:
    """What a person typed, checked.

    Args:
        sort: a column; with a minus before it, the other way. What is not known comes last.
        filters: column, ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``, and a value; of text, ``=``
            takes a pattern, and of dates the beginning of one. What is not known passes none.

    Raises:
        StriateError: there is no such column, or a value is not of its kind.
    """
    column = _column("sort", sort.removeprefix("-"), sort)
    reverse = column.falling != sort.startswith("-")
    return Selection(column, reverse, tuple(_test(each) for each in filters))


def selected(runs: RunList, wanted: Selection) -> RunList:
    """Those of `runs` that are `wanted`, in that order."""
    kept = [run for run in runs if all(test(run) for test in wanted.tests)]
    value = wanted.column.value
    known = sorted(
        (run for run in kept if value(run) is not None), key=value, reverse=wanted.reverse
    )
    unknown = [run for run in kept if value(run) is None]
    return replace(runs, runs=(*known, *unknown))


def _column(option: str, name: str, given: str) -> _Column:
    if name not in COLUMNS:
        raise StriateError(parameter(option, given), "is no column", nearest(name, COLUMNS))
    return COLUMNS[name]


def _test(text: str) -> Callable[[ListedRun], bool]:
    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", text)
    if found is None:
        raise StriateError(
            parameter("filter", text), "is no filter", "write one as network=resnet* or top1>80%"
        )
    name, sign, value = found.groups()
    column = _column("filter", name, text)
    if column.read is not None:
        try:
            wanted = column.read(value)
        except ValueError as error:
            why = f"{name} is compared with a number"
            raise StriateError(
                parameter("filter", text), why, f"such as {_EXAMPLES[name]}"
            ) from error
        return lambda run: _compared(column.value(run), sign, wanted)
    if name == "date":
        return lambda run: _dated(column.value(run), sign, value)
    if sign not in ("=", "!="):
        remedy = f"write {name}=… or {name}!=…"
        raise StriateError(parameter("filter", text), f"{name} is text, of no order", remedy)
    return lambda run: _matches(column.value(run), value) is (sign == "=")


def _compared(value: float | None, sign: str, wanted: float) -> bool:
    if value is None:
        return False
    if sign in ("=", "!="):
        return math.isclose(value, wanted, rel_tol=1e-9) is (sign == "=")
    return _OPERATORS[sign](value, wanted)


def _dated(value: str | None, sign: str, wanted: str) -> bool:
    """ISO dates have the order of their text; as much of it counts as was typed."""
    return value is not None and _OPERATORS[sign](value[: len(wanted)], wanted)


def _matches(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value.lower(), pattern.lower())
