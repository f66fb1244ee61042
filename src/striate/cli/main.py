"""The ``striate`` command: its sub-commands, and what happens when one of them fails."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, ParamSpec, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import OptionInfo

from striate.cli import streams
from striate.errors import Interrupted, StriateError
from striate.support.text import printable

P = ParamSpec("P")

#: The first line of each command's help. Its module is loaded when the command is called.
COMMANDS = {
    "list-networks": "List the networks with their sizes and published errors.",
    "table": "Show every layer's size, costs and receptive field.",
    "explain": "Show the arithmetic of a layer with its numbers.",
    "what-if": "Show what layers of no network would cost and see.",
    "compare": "Compare networks: costs, depth, receptive field, errors.",
    "view": "Draw a network on one page to explore.",
    "check": "Look for what is wrong with images.",
    "train": "Train a network on images, evaluate and report it.",
    "transfer": "Put a new head on a trained network, for other images.",
    "create-run": "Make a run of published weights, without training.",
    "runs": "List the runs under a folder.",
    "evaluate": "Measure a run on held-out images.",
    "predict": "Classify images, with probabilities.",
    "export": "Write a run as one verified ONNX file.",
    "bench": "Measure how fast a network is in each engine.",
    "quantise": "Make the network of an exported file 8-bit, and measure what it costs and gains.",
    "serve": "Serve classifiers over HTTP: a page for people, a protocol for programs.",
    "cache": "Show what is cached on disk, or remove what is old.",
}


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
            error.args = (error.on_the_command_line(flags_of(command)),)
            raise
        except KeyboardInterrupt as stop:
            # What a command had to say of its own it has said: what it wrote is whole or absent.
            raise Interrupted("") from stop
        except BrokenPipeError as gone:
            raise _Unread from gone

    return run


def flags_of(command: Callable[..., None]) -> dict[str, str]:
    """The flag of each option of `command`, by the name of its parameter."""
    found = {}
    for name, hint in get_type_hints(command, include_extras=True).items():
        for each in getattr(hint, "__metadata__", ()):
            if isinstance(each, OptionInfo):
                # Within Annotated, what is given first stands where a default might.
                given = (each.default, *(each.param_decls or ()))
                declared = [text for text in map(str, given) if text.startswith("--")]
                found[name] = (declared or [f"--{name.replace('_', '-')}"])[0].partition("/")[0]
    return found


def load(name: str) -> Callable[..., None]:
    """The function behind the command called `name`."""
    function = name.replace("-", "_")
    found: Callable[..., None] = getattr(import_module(f"striate.cli.{function}"), function)
    return found


class _Commands(TyperGroup):
    """The sub-commands, each loaded when it is called, so that none waits for the others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Their names alone count here, for what is said of a mistyped one.
        self.commands.update({name: TyperCommand(name) for name in COMMANDS})

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name=cmd_name)(_guarded(load(cmd_name)))
        return typer.main.get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="striate",
    cls=_Commands,
    help="The classic convolutional networks, from a folder of images to a classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
            _guarded(load("list-networks"))(as_json="--json" in sys.argv)
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
