"""The ``striate`` command: its sub-commands, and what happens when one of them fails."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, ParamSpec, get_type_hints

import click
from click.shell_completion import CompletionItem

from striate.cli import streams
from striate.cli.flags import Flag
from striate.cli.parsing import HELP, command_of
from striate.errors import Interrupted, StriateError, nearest
from striate.support.text import printable

P = ParamSpec("P")

#: What there is to do, and for each the first line of its help. A command's module is loaded when
#: it is called.
JOBS = {
    "Read a network": {
        "list-networks": "List the networks with their sizes and published errors.",
        "table": "Show every layer's size, costs and receptive field.",
        "explain": "Show the arithmetic of a layer with its numbers.",
        "view": "Draw a network on one page to explore.",
    },
    "Measure what it costs": {
        "what-if": "Show what layers of no network would cost and see.",
        "compare": "Compare networks: costs, depth, receptive field, errors.",
        "bench": "Measure how fast a network is in each engine.",
    },
    "Train it on your images": {
        "check": "Look for what is wrong with images.",
        "recipe": "Print a recipe as TOML, with what every key decides.",
        "train": "Train a network on images, evaluate and report it.",
        "transfer": "Put a new head on a trained network, for other images.",
        "create-run": "Make a run of published weights, without training.",
        "ensemble": "Make a run of several: the mean of their probabilities.",
    },
    "Trust what it predicts": {
        "runs": "List the runs under a folder, or compare several of them.",
        "show": "Show a run: network, data, recipe, figures, learning curve.",
        "evaluate": "Measure a run on held-out images, a detector on boxes.",
        "calibrate": "Make a run's probabilities as high as its accuracy.",
    },
    "Ship it": {
        "predict": "Classify images, or tell their numbers.",
        "detect": "Find boxes in pictures and videos, with classes and scores.",
        "export": "Write a run, or a detector, as one verified ONNX file.",
        "quantise": "Make an exported file 8-bit, and measure what that costs.",
        "serve": "Serve classifiers over HTTP, to people and to programs.",
    },
    "Besides": {
        "lab": "Put claims about networks to the test.",
        "cache": "Show what is cached on disk, or remove what is old.",
        "completion": "Print what makes a shell complete commands and names.",
    },
}
COMMANDS = {name: line for commands in JOBS.values() for name, line in commands.items()}
#: What is quicker to type.
SHORT = {"list": "list-networks"}


class _Unread(Exception):  # noqa: N818 - nothing is wrong
    """The reader of our output, such as ``head``, has gone."""


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """`command` with its interruptions turned into ours: Click has other ideas about both."""

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
    return {
        name: each.name
        for name, hint in get_type_hints(command, include_extras=True).items()
        for each in getattr(hint, "__metadata__", ())
        if isinstance(each, Flag)
    }


def load(name: str) -> Callable[..., None]:
    """The function behind the command called `name`."""
    function = name.replace("-", "_")
    found: Callable[..., None] = getattr(import_module(f"striate.cli.{function}"), function)
    return found


class _Commands(click.Group):
    """The sub-commands, each loaded when it is called, so that none waits for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = SHORT.get(cmd_name, cmd_name)
        return command_of(_guarded(load(name)), cmd_name) if name in COMMANDS else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS.keys() | SHORT.keys() and args[0][:1].isalnum():
            ctx.fail(f"No such command '{printable(args[0])}': {nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))  # the same in every section
        for job, commands in JOBS.items():
            with formatter.section(job):
                formatter.write_dl([(each.ljust(width), text) for each, text in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        # Click's own would load the modules of all commands for the lines that stand here.
        if not incomplete[:1].isalnum() and incomplete:
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=line)
            for name, line in COMMANDS.items()
            if name.startswith(incomplete)
        ]


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"striate {version('striate')}")
        context.exit()


app = _Commands(
    "striate",
    help="The classic convolutional networks, from a folder of images to a classifier.",
    no_args_is_help=True,
    context_settings=HELP,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_show_version,
            help="Show the version.",
        )
    ],
)


def main() -> None:
    """Run the command line; exit 0 done, 2 the input is at fault, 130 interrupted, 1 our fault."""
    streams.prepare()
    warnings.simplefilter("ignore")  # libraries' warnings are not for the person who trains
    try:
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
