"""From a TOML table to a frozen dataclass, with errors that name the key and the nearest one."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from striate.errors import RecipeError, nearest

T = TypeVar("T")


def from_table(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `kind` from `table`.

    Parameters
    ----------
    kind: a dataclass whose fields are numbers, strings, literals, tuples or dataclasses of them.
    table: the values; what is absent keeps the dataclass's default.
    where: how an error names the table, such as ``modern.toml [optimiser]``.

    Raises
    ------
    RecipeError: an unknown key, a missing one, or a value of another type.
    """
    if not isinstance(table, Mapping):
        raise RecipeError(where, f"must be a table, not {table!r}", "see docs/recipes.md")
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: {key}", "is not a key here", nearest(key, known))
    values: dict[str, Any] = {}
    for name, each in known.items():
        if name in table:
            values[name] = _convert(hints[name], table[name], f"{where}: {name}")
        elif each.default is MISSING and each.default_factory is MISSING:
            raise RecipeError(f"{where}: {name}", "is missing", "give it a value")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if is_dataclass(hint):
        return from_table(typing.cast("type[Any]", hint), value, where)
    if origin is Literal:
        if value not in get_args(hint):
            choices = [str(choice) for choice in get_args(hint)]
            raise RecipeError(f"{where} = {value!r}", "is unknown", nearest(str(value), choices))
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(get_args(hint), value, where)
    if origin is tuple:
        return _convert_tuple(get_args(hint), value, where)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        # A whole number in TOML may be too large for any float; nan is not less than anything.
        if not abs(value) <= sys.float_info.max:
            raise RecipeError(f"{where} = {str(value)[:24]}", "must be a finite number", "")
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise RecipeError(
        f"{where} = {value!r}", f"must be {_words(hint)}, not {type(value).__name__}", ""
    )


def _convert_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    error: RecipeError | None = None
    for choice in choices:
        try:
            return _convert(choice, value, where)
        except RecipeError as unfit:
            error = unfit
    assert error is not None
    raise error


def _convert_tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecipeError(f"{where} = {value!r}", "must be a list", "")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_convert(inner[0], each, where) for each in value)
    if len(value) != len(inner):
        raise RecipeError(f"{where} = {value!r}", f"must hold {len(inner)} values", "")
    return tuple(_convert(hint, each, where) for hint, each in zip(inner, value, strict=True))


def _words(hint: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        str: "a string",
        bool: "true or false",
    }
    return names.get(hint, str(hint))


def at_least(where: str, name: str, value: float, low: float, *, above: bool = False) -> None:
    """Raise `RecipeError` unless `value` is at least `low` (greater than it if `above`)."""
    if value < low or (above and value == low):
        raise RecipeError(
            f"{where}: {name} = {value}",
            f"must be {'more than' if above else 'at least'} {low}",
            "",
        )


def share(where: str, name: str, value: float) -> None:
    """Raise `RecipeError` unless `value` lies in [0, 1)."""
    if not 0 <= value < 1:
        raise RecipeError(f"{where}: {name} = {value}", "must be in [0, 1)", "")


def laid_over(table: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with the values of `overlay`; tables in both are merged, one level deep."""
    merged = dict(table)
    for key, value in overlay.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = {**below, **value} if both else value  # type: ignore[dict-item]
    return merged


def plain(value: Any) -> Any:
    """`value` with tuples as lists and without what is None, which TOML cannot say."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value
