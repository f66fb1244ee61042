"""From the signature of a command's function to what reads its command line.

Typer does this too, and takes longer for it than a photograph takes to be classified: it puts every
value through a validator of pydantic's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import click

from striate.cli.flags import Argument, Flag
from striate.cli.suggestions import suggestions_for

HELP = {"help_option_names": ["-h", "--help"]}


def command_of(function: Callable[..., None], name: str | None = None) -> click.Command:
    """The command that calls `function`.

    Args:
        function: its parameters are annotated with a type and an `Argument` or a `Flag`; its
            docstring is the help.
        name: of the command; by default the function's.
    """
    typed = inspect.signature(function, eval_str=True).parameters.values()
    return _Command(
        name or function.__name__.replace("_", "-"),
        callback=function,
        params=[_parameter(each) for each in typed],
        help=inspect.getdoc(function),
        context_settings=HELP,
    )


class _Argument(click.Argument):
    """An argument that the help explains, as it does options."""

    def __init__(self, *args: Any, text: str, show_default: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Click writes the default and the range of an option alone, and, before 8.5, help as well.
        self._like = click.Option(
            [f"--{self.name}"],
            help=text,
            type=self.type,
            default=self.default,
            required=self.required,
            show_default=show_default and not self.required,
        )

    def explained(self, ctx: click.Context) -> tuple[str, str]:
        """The name, and what it means."""
        record = self._like.get_help_record(ctx)
        return self.make_metavar(ctx), record[1] if record else ""


class _Command(click.Command):
    """A command whose help explains its arguments."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = [each.explained(ctx) for each in self.params if isinstance(each, _Argument)]
        if records:
            with formatter.section("Arguments"):
                formatter.write_dl(records)
        super().format_options(ctx, formatter)


def _parameter(typed: inspect.Parameter) -> click.Parameter:
    """What reads one parameter of a function."""
    hint, note, *_ = get_args(typed.annotation)
    union = NoneType in get_args(hint)
    kind = next(each for each in get_args(hint) if each is not NoneType) if union else hint
    required = typed.default is inspect.Parameter.empty
    settings: dict[str, Any] = {"required": required, "type": _type(kind, note.least)}
    if kind == list[str]:
        settings["callback"] = _listed(None if required else typed.default)
        settings |= {"nargs": -1} if isinstance(note, Argument) else {"multiple": True}
    elif not required:
        settings["default"] = typed.default
    settings["shell_complete"] = suggestions_for(typed.name, path=_is_path(kind, note))
    if isinstance(note, Argument):
        return _Argument([typed.name], text=note.help, show_default=note.show_default, **settings)
    assert isinstance(note, Flag)
    if kind is bool:
        settings |= {"type": None, "is_flag": True}
    return click.Option(
        [*note.names, typed.name],
        help=note.help,
        metavar=note.metavar or (None if kind is bool else f"<{_NAMES.get(kind, 'str')}>"),
        show_default=True,
        **settings,
    )


#: What the help calls values; all else is text.
_NAMES = {int: "int", float: "float", Path: "path"}


def _type(kind: Any, least: float | None) -> click.ParamType[Any, Any]:
    """What reads a value of type `kind`."""
    if least is not None:
        return click.IntRange(int(least)) if kind is int else click.FloatRange(least)
    known = {Path: click.Path(path_type=Path), int: click.INT, float: click.FLOAT}
    return known.get(kind, click.STRING)


def _is_path(kind: Any, note: Argument | Flag) -> bool:
    """Whether a shell may complete files, as far as types and names tell."""
    if isinstance(note, Argument):
        return kind in (str, list[str], Path)
    return kind is Path or note.metavar == "<path>"


def _listed(absent: Any) -> Callable[..., Any]:
    """What makes a list of all that was given, or `absent` of nothing."""
    return lambda _context, _parameter, values: list(values) if values else absent
