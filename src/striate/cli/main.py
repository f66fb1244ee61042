"""The ``striate`` command: its sub-commands, and what happens when one of them fails."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, ParamSpec, get_type_hints

import typer
from typer.models import OptionInfo

from striate.cli import (
    cache,
    check,
    compare,
    create_run,
    evaluate,
    explain,
    export,
    list_networks,
    predict,
    streams,
    table,
    train,
    transfer,
    view,
    what_if,
)
from striate.errors import Interrupted, StriateError
from striate.support.text import printable

P = ParamSpec("P")


class _Unread(Exception):  # noqa: N818 - nothing is wrong
    """The reader of our output, such as ``head``, has gone."""


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """`command` with its interruptions turned into ours: Typer has other ideas about both."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except StriateError as error:
            error.args = (error.on_the_command_line(_flags(command)),)
            raise
        except KeyboardInterrupt as stop:
            # What a command had to say of its own it has said: what it wrote is whole or absent.
            raise Interrupted("") from stop
        except BrokenPipeError as gone:
            raise _Unread from gone

    return run


def _flags(command: Callable[..., None]) -> dict[str, str]:
    """The flag of each option of `command`, by the name of its parameter."""
    found = {}
    for name, hint in get_type_hints(command, include_extras=True).items():
        for each in getattr(hint, "__metadata__", ()):
            if isinstance(each, OptionInfo):
                # Within Annotated, what is given first stands where a default might.
                given = (each.default, *(each.param_decls or ()))
                declared = [text for text in map(str, given) if text.startswith("--")]
                found[name] = (declared or [f"--{name.replace('_', '-')}"])[0]
    return found


app = typer.Typer(
    name="striate",
    help="The classic convolutional networks, from a folder of images to a classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    list_networks.list_networks,
    table.table,
    explain.explain,
    what_if.what_if,
    compare.compare,
    view.view,
    check.check,
    train.train,
    transfer.transfer,
    create_run.create_run,
    evaluate.evaluate,
    predict.predict,
    export.export,
    cache.cache,
):
    app.command(name=command.__name__.replace("_", "-"))(_guarded(command))


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"striate {version('striate')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; exit 0 done, 2 the input is at fault, 130 interrupted, 1 our fault."""
    streams.prepare()
    warnings.simplefilter("ignore")  # libraries' warnings are not for the person who trains
    try:
        if sys.argv[1:2] == ["list-networks"] and set(sys.argv[2:]) <= {"--json"}:
            # Typer's conversion of arguments takes longer than all that this command does.
            _guarded(list_networks.list_networks)(as_json="--json" in sys.argv)
        else:
            app()
    except StriateError as error:
        _leave(f"striate: {error}", 2)
    except Interrupted as stop:
        _leave(f"striate: stopped {stop}", 130)
    except _Unread:
        streams.abandon()
        sys.exit(0)


def _leave(message: str, status: int) -> None:
    """Say `message` in one line, whatever names from files stand in it, and end."""
    print(printable(" ".join(message.split("\n")).rstrip()), file=sys.stderr)
    try:
        sys.stdout.flush()
    except (StriateError, OSError):
        streams.abandon()
    sys.exit(status)
