"""From a class of options to the arguments and flags of a command.

What a person types is told by an option's name and type, its help by its `Doc`, its range by its
`Bounds`. A command's own module adds what only the command line has, such as ``--json``.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import striate
from striate.cli.flags import Argument, Flag
from striate.cli.sizes import read_position, read_size
from striate.cli.values import (
    read_names,
    read_numbers,
    read_pairs,
    read_set,
    read_whole_numbers,
)
from striate.support.options import Option, options_of

#: What was typed, by the names of Python's arguments.
Given = dict[str, Any]

AsJson = Annotated[bool, Flag(("--json",), "Print one JSON document.")]


@dataclass(frozen=True)
class _Way:
    """How a value is typed: what it is taken for, what reads it further, what help calls it."""

    kind: Any = str
    read: Callable[[Any], Any] | None = None
    metavar: str | None = None
    note: str = ""
    """What the help adds."""


def command(
    kind: Any, **flags: tuple[str, ...]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function that takes what was `Given` and its own further arguments.

    Args:
        kind: the class of options. What Python takes by its place is an argument, all else a flag.
        **flags: of options that are called otherwise, or are an argument in Python alone.
    """
    options = [each for each in options_of(kind) if not each.doc.python_only]
    names = {each.name: name_of(each, flags.get(each.name)) for each in options}

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        def run(**values: Any) -> None:
            given = {each.name: _read(each, values.pop(each.name)) for each in options}
            body(given, **values)

        _, *own = inspect.signature(body, eval_str=True).parameters.values()
        typed = [_parameter(each, flags.get(each.name), names) for each in options]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*typed, *own)]
        made: Any = functools.update_wrapper(run, body)
        del made.__wrapped__
        made.__signature__ = inspect.Signature(parameters)
        made.__annotations__ = {each.name: each.annotation for each in parameters}
        made.options = kind
        return run

    return decorate


def name_of(option: Option, flags: Sequence[str] | None) -> str:
    """What help and errors call `option`."""
    if option.positional and flags is None:
        return option.name.upper()
    long = [flag for flag in flags or () if flag.startswith("--")]
    return long[0] if long else f"--{option.name.replace('_', '-')}"


def _read(option: Option, value: Any) -> Any:
    """`value`, as it was typed, as Python's function takes it."""
    read = _way(option).read
    return value if read is None or value is None else read(value)


def _parameter(
    option: Option, flags: Sequence[str] | None, names: Mapping[str, str]
) -> inspect.Parameter:
    """`option` as `striate.cli.parsing` reads it from a function's signature."""
    way, default = _way(option), option.default
    text = f"{_plain(option.doc.text, names)} {way.note}".rstrip()
    bounds, least = option.bounds, None
    if bounds is not None and way.kind in (int, float) and not bounds.above:
        least = bounds.least  # the most is a guard that nobody meets, and says so itself
    if option.positional and flags is None:
        note: Argument | Flag = Argument(text, least, show_default=not option.required)
    else:
        name = names[option.name]
        if way.kind is bool and flags is None:
            flags = (f"{name}/--no-{name[2:]}",) if default else (name,)
        note = Flag(tuple(flags or (name,)), text, least, way.metavar)
    if way.read is read_names:
        default = ",".join(default)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.required else default,
        annotation=Annotated[way.kind | None if default is None else way.kind, note],
    )


#: By the types that a value may have besides None.
_WAYS: dict[frozenset[Any], _Way] = {
    frozenset({bool}): _Way(bool),
    frozenset({int}): _Way(int),
    frozenset({float}): _Way(float),
    frozenset({int, tuple[int, int]}): _Way(
        str, read_size, "<pixels>", "It is typed as 224, or as HEIGHTxWIDTH."
    ),
    frozenset({tuple[int, int]}): _Way(str, read_position, "<row,column>"),
    frozenset({Sequence[float]}): _Way(str, read_numbers, "<number,…>"),
    frozenset({Sequence[int]}): _Way(str, read_whole_numbers, "<number,…>"),
    frozenset({Sequence[str]}): _Way(str, read_names, "<name,…>", "Or none."),
    frozenset({Mapping[str, object]}): _Way(
        list[str], read_set, "<key=value>", "May be given again."
    ),
    frozenset({str, Sequence[str]}): _Way(list[str], None, "<name>", "May be given again."),
}


def _way(option: Option) -> _Way:
    """How the values of `option` are typed."""
    union = NoneType in get_args(option.kind) or isinstance(option.kind, type(int | str))
    members = frozenset(get_args(option.kind)) - {NoneType} if union else {option.kind}
    origins = {get_origin(each) for each in members}
    if option.positional and origins & {Sequence, Iterable}:
        return _Way(list[str])
    if (known := _WAYS.get(frozenset(members))) is not None:
        return known
    if Mapping in origins:
        return _Way(list[str], read_pairs, "<name=value>", "May be given again.")
    return _Way(metavar="<path>" if Path in members else None)


def _plain(text: str, names: Mapping[str, str]) -> str:
    """`text` as a terminal shows it, with the command's own `names` of its options."""

    def named(found: re.Match[str]) -> str:
        name, typed = found[1], found[1].replace("_", "-")
        # What is no option of this command is one of another, or a command.
        return names.get(name) or (
            f"`striate {typed}`" if name in striate.__all__ else f"--{typed}"
        )

    return re.sub(r"(?<!`)`(\w+)`(?!`)", named, text).replace("``", "")
