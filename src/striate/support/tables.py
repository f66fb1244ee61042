"""From TOML and JSON tables to frozen dataclasses, with errors that name the key and the nearest.

What a value may be is written once, beside its field: the type says the kind and, within
``Annotated``, `Bounds` say the least and the most.
"""

from __future__ import annotations

import codecs
import functools
import sys
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from striate.errors import RecipeError, StriateError, nearest
from striate.support.paths import read_file, shown
from striate.support.text import printable

T = TypeVar("T")

#: A file of settings that is larger was not written by a person, nor by us.
LARGEST_TABLE = 64 << 20
#: How many characters of a value an error repeats.
_REPEATED = 60


#: What `dataclasses.field` is given as its ``metadata`` where the field was added after the first
#: format that was ever written: its default says what was done before, see `decided`.
ADDED: Mapping[str, bool] = types.MappingProxyType({"added": True})


def stored(name: str) -> Mapping[str, str]:
    """The ``metadata`` of a field that files have under another `name`, from before it had its own.

    It is written, and counts in digests, under that name; it is read under both.
    """
    return types.MappingProxyType({"stored": name})


def _stored_name(each: Field[Any]) -> str:
    name: str = each.metadata.get("stored", each.name)
    return name


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a number may be, both included: ``Annotated[int, Bounds(1, 9)]``.

    In a tuple it holds for each of its numbers, and for a number that may be None where it is one.
    """

    least: float
    most: float
    above: bool = False
    """Whether the least is excluded."""
    below: bool = False
    """Whether the most is excluded."""

    def problem(self, value: float) -> str:
        """What is wrong with `value`, or an empty string."""
        # The first form is false for what is not a number too.
        if not (self.least < value if self.above else self.least <= value):
            return f"must be {'more than' if self.above else 'at least'} {self.least:,}"
        if not (value < self.most if self.below else value <= self.most):
            return f"must be {'less than' if self.below else 'at most'} {self.most:,}"
        return ""


def read_toml(path: Path, *, kind: type[StriateError], remedy: str) -> dict[str, Any]:
    """The table in the file at `path`: UTF-8, with or without the mark that editors put first.

    Args:
        path: a regular file.
        kind: of the errors.
        remedy: what to do about a file that holds no TOML.

    Raises:
        StriateError: of `kind`; there is no such file, it cannot be read, is too large, is not
            UTF-8, or is not TOML.
    """
    where = shown(path)
    try:
        content = read_file(path, most=LARGEST_TABLE, kind=kind).removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError as error:
        raise kind(where, "there is no such file", "check the path") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise kind(where, "is saved as UTF-16", "save it as UTF-8")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 (byte {error.start + 1})"
        raise kind(where, why, "save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise kind(where, f"cannot be read as TOML ({error})", remedy) from error


def from_table(
    cls: type[T],
    table: Mapping[str, Any],
    where: str,
    *,
    kind: type[StriateError] = RecipeError,
    more: bool = False,
) -> T:
    """Build the dataclass `cls` from `table`.

    Args:
        cls: a dataclass whose fields are numbers, strings, literals, tuples, mappings with string
            keys, or dataclasses of them. Of several dataclasses that a field may be, it becomes the
            one that knows the most of the keys.
        table: the values; what is absent keeps the dataclass's default. A dataclass may stand in it
            as such.
        where: how an error names the table, such as ``modern.toml [optimiser]``.
        kind: of the errors.
        more: whether there may be keys that `cls`, and the classes within it, do not know.

    Raises:
        StriateError: of `kind`; an unknown key, a missing one, or a value of another type or
            outside its bounds.
    """
    if not isinstance(table, Mapping):
        raise kind(where, f"must be a table, not {short(table)}", "write [NAME] before its values")
    hints = _hints(cls)
    known = {each.name: each for each in fields(cls)}  # type: ignore[arg-type]
    before = {_stored_name(each) for each in known.values()}
    for key in table:
        if not (key in known or key in before or more):
            raise kind(f"{where}: {key}", "is not a key here", nearest(key, known))
    values: dict[str, Any] = {}
    for name, each in known.items():
        key, other = _stored_name(each), name
        if key != other and key in table and other in table:
            raise kind(f"{where}: {key}", f"is another name of '{other}'", "leave one of them out")
        key = other if other in table else key
        if key in table:
            converter = _Converter(kind, f"{where}: {key}", more)
            values[name] = converter.convert(hints[name], table[key])
        elif each.default is MISSING and each.default_factory is MISSING:
            raise kind(f"{where}: {name}", "is missing", "give it a value")
    return cls(**values)


#: The types of the fields of a class: evaluating them takes longer than all else here.
_hints: Callable[[Any], Mapping[str, Any]] = functools.cache(
    functools.partial(get_type_hints, include_extras=True)
)


@dataclass(frozen=True)
class _Converter:
    """One value of a table, on its way to the type of its field."""

    kind: type[StriateError]
    where: str
    more: bool = False

    def convert(self, hint: Any, value: Any) -> Any:
        origin = get_origin(hint)
        if origin is Annotated:
            inner, *notes = get_args(hint)
            return self._bounded(self.convert(inner, value), notes)
        if is_dataclass(hint):
            return self._table(hint, value)
        if origin is Literal:
            # Python takes true for 1.
            if not any(type(value) is type(each) and value == each for each in get_args(hint)):
                choices = [str(choice) for choice in get_args(hint)]
                raise self._wrong(value, "is unknown", nearest(short(value).strip("'"), choices))
            return value
        if origin in (Union, types.UnionType):
            return self._either(get_args(hint), value)
        if origin is tuple:
            return self._sequence(get_args(hint), value)
        return self._plain(hint, value)

    def _table(self, cls: Any, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        return from_table(cls, value, self.where, kind=self.kind, more=self.more)

    def _plain(self, hint: Any, value: Any) -> Any:
        if isinstance(get_origin(hint), type) and issubclass(get_origin(hint), Mapping):
            if not isinstance(value, Mapping):
                raise self._wrong(value, "must be a table")
            inner = get_args(hint)[1]
            return {key: self._below(key).convert(inner, each) for key, each in value.items()}
        if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            # A whole number in TOML may be too large for any float; nan is not less than anything.
            if not abs(value) <= sys.float_info.max:
                raise self._wrong(value, "must be a finite number")
            return float(value)
        if hint is Any or (isinstance(hint, type) and type(value) is hint):
            return value
        raise self._wrong(value, f"must be {_words(hint)}, not {type(value).__name__}")

    def _below(self, key: Any) -> _Converter:
        name = printable(short(key).strip("'"))
        return _Converter(self.kind, f"{self.where}: {name}", self.more)

    def _bounded(self, value: Any, notes: list[Any]) -> Any:
        for bounds in (note for note in notes if isinstance(note, Bounds)):
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and (why := bounds.problem(number)):
                    raise self._wrong(number, why)
        return value

    def _either(self, choices: tuple[Any, ...], value: Any) -> Any:
        tables = [choice for choice in choices if is_dataclass(choice)]
        if tables and isinstance(value, Mapping):
            known = [{each.name for each in fields(kind)} for kind in tables]
            matches = [len(names & value.keys()) for names in known]
            return self.convert(tables[matches.index(max(matches))], value)
        error: StriateError | None = None
        for choice in choices:
            try:
                return self.convert(choice, value)
            except StriateError as unfit:
                # None is never written down, so that its error helps nobody.
                error = unfit if error is None or choice is not type(None) else error
        assert error is not None
        raise error

    def _sequence(self, inner: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise self._wrong(value, "must be a list")
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(self.convert(inner[0], each) for each in value)
        if len(value) != len(inner):
            raise self._wrong(value, f"must hold {len(inner)} values")
        return tuple(self.convert(hint, each) for hint, each in zip(inner, value, strict=True))

    def _wrong(self, value: Any, why: str, remedy: str = "") -> StriateError:
        return self.kind(f"{self.where} = {short(value)}", why, remedy)


def short(value: Any) -> str:
    """`value` as an error repeats it: a number of thousands of digits helps nobody."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _REPEATED else f"{text[: _REPEATED - 1]}…"


def _words(hint: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        str: "a string",
        bool: "true or false",
        type(None): "absent",
    }
    return names.get(hint, str(hint))


def check_bounds(value: object, where: str, *, kind: type[StriateError] = RecipeError) -> None:
    """Hold every number of the dataclass `value` against the `Bounds` of its field.

    For ``__post_init__``, so that values which come from no table are checked as well.

    Raises:
        StriateError: of `kind`; it names the field, within `where` if that is not empty.
    """
    for name, hint in _hints(type(value)).items():
        if get_origin(hint) is Annotated:
            converter = _Converter(kind, f"{where}: {name}" if where else name)
            converter._bounded(getattr(value, name), list(get_args(hint)[1:]))


def decided(value: Any) -> Any:
    """`value`, a dataclass, as plain values that stay the same when the class grows.

    Fields that are `ADDED` are left out where they have their default, and so is what is None: a
    digest of the rest does not change when a later version knows more to decide than an earlier
    one, as long as the default is what the earlier one did.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            _stored_name(each): decided(getattr(value, each.name))
            for each in fields(value)
            if getattr(value, each.name) is not None
            and not (each.metadata.get("added") and getattr(value, each.name) == each.default)
        }
    if isinstance(value, Mapping):
        return {key: decided(each) for key, each in value.items()}
    return [decided(each) for each in value] if isinstance(value, (tuple, list)) else value


def share(where: str, name: str, value: float) -> None:
    """Raise `RecipeError` unless `value` lies in [0, 1)."""
    if not 0 <= value < 1:
        raise RecipeError(f"{where}: {name} = {value}", "must be in [0, 1)", "")


def laid_over(table: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with the values of `overlay`; tables in both are merged, one level deep.

    Examples:
        >>> laid_over({"loss": {"name": "ce", "smoothing": 0.1}}, {"loss": {"smoothing": 0.0}})
        {'loss': {'name': 'ce', 'smoothing': 0.0}}
    """
    merged = dict(table)
    for key, value in overlay.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = {**below, **value} if both else value  # type: ignore[dict-item]
    return merged


def under_field_names(cls: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """`table`, of the dataclass `cls`, each key under its field's own name, not that in files.

    Tables of several such names are left as they are: `from_table` refuses them.
    """
    found, hints = dict(table), _hints(cls)
    for each in fields(cls):
        before, value = _stored_name(each), found.get(each.name)
        if before != each.name and before in found and each.name not in found:
            found = {each.name if key == before else key: found[key] for key in found}
        elif is_dataclass(hints[each.name]) and isinstance(value, Mapping):
            found[each.name] = under_field_names(hints[each.name], value)
    return found


def plain(value: Any) -> Any:
    """`value` as TOML can say it: tables of dataclasses, lists of tuples, and nothing of None.

    Examples:
        >>> plain({"sizes": (1, 2), "limit": None})
        {'sizes': [1, 2]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain({_stored_name(each): getattr(value, each.name) for each in fields(value)})
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value
