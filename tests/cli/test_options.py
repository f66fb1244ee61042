"""What the command line makes of a class of options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner

from striate.cli.main import flags_of
from striate.cli.options import AsJson, Given, command
from striate.cli.parsing import command_of
from striate.errors import StriateError, parameter
from striate.support.options import Doc, Options
from striate.support.tables import Bounds


@dataclass(frozen=True)
class Frame(Options):
    """What goes around a photo."""

    photo: Annotated[str | Path, Doc("A file; see `list_networks`.")]
    target: Annotated[str | Path | None, Doc("Another file.")] = None
    _: KW_ONLY
    side: Annotated[int | None, Bounds(1, 9), Doc("Of `photo`, unless `round_it`.")] = None
    round_it: Annotated[bool, Doc("Make it round, as with ``side`` of 0.")] = False
    glass: Annotated[bool, Doc("Put glass in.")] = True
    wood: Annotated[Mapping[str, Any] | None, Doc("Choices.")] = None
    shares: Annotated[Sequence[float] | None, Doc("Of light.")] = None
    edges: Annotated[Sequence[str], Doc("Which.")] = ("top", "left")
    quiet: Annotated[bool, Doc("Say nothing.", python_only=True)] = False


seen: list[Any] = []


@command(Frame, target=("-o", "--target"))
def frame(given: Given, as_json: AsJson = False) -> None:
    """Put a frame around a photo."""
    seen[:] = [given, as_json]


app = command_of(frame)
DEFAULTS = {
    "photo": "a.jpg",
    "target": None,
    "side": None,
    "round_it": False,
    "glass": True,
    "wood": None,
    "shares": None,
    "edges": ["top", "left"],
}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", {}),
        ("-o b.jpg", {"target": "b.jpg"}),
        ("--target b.jpg --side 3", {"target": "b.jpg", "side": 3}),
        ("--round-it --no-glass", {"round_it": True, "glass": False}),
        ("--wood oak=yes --wood age=3", {"wood": {"oak": True, "age": 3}}),
        ("--shares 0.5,1", {"shares": (0.5, 1.0)}),
        ("--edges none", {"edges": []}),
        ("--edges right", {"edges": ["right"]}),
    ],
)
def test_what_is_typed_becomes_what_python_takes(typed: str, found: dict[str, Any]) -> None:
    done = CliRunner().invoke(app, ["a.jpg", *typed.split()], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert seen == [DEFAULTS | found, False]
    assert Frame(**seen[0]).photo == "a.jpg"


def test_the_help_is_the_documentation() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    told = " ".join(shown.split())
    assert "Put a frame around a photo." in told
    assert "Arguments: PHOTO A file; see `striate list-networks`. [required] Options:" in told
    assert "Of PHOTO, unless --round-it." in told
    assert "as with side of 0." in told
    assert "[x>=1]" in told
    assert "--glass / --no-glass" in told
    assert "[default: top,left]" in told
    assert "--wood <name=value> Choices. May be given again." in told
    assert "-o, --target <path>" in told
    assert "quiet" not in told
    assert "--json" in told


@pytest.mark.parametrize("typed", [["a.jpg", "--side", "0"], ["a.jpg", "--quiet"], []])
def test_what_cannot_be_meant_is_refused(typed: list[str]) -> None:
    assert CliRunner().invoke(app, typed).exit_code == 2


def test_an_error_s_parameters_are_the_command_sflags_of() -> None:
    error = StriateError(parameter("side", 3), f"is none of {parameter('target')}")
    assert error.on_the_command_line(flags_of(frame)) == "--side 3: is none of --target"
