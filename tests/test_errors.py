"""One error for Python and for the command line: parameters here, flags there."""

from __future__ import annotations

import copy
import sys
import warnings
from pathlib import Path

import pytest

import striate
from striate.cli.main import main
from striate.data.decoding.decode import ImageError
from striate.errors import DataError, StriateError, parameter


def test_a_parameter_becomes_the_flag_that_the_command_has() -> None:
    error = StriateError(
        parameter("device", "cuda:9"),
        "is not here",
        f"leave it out, add {parameter('all_images', True)} or {parameter('export', False)}, or "
        f"take {parameter('epochs', 7)}",
    )
    flags = {"device": "--device", "all_images": "--all", "export": "--export"}
    assert error.on_the_command_line(flags) == (
        "--device cuda:9: is not here; leave it out, add --all or --no-export, or take `epochs=7`"
    )
    assert "`striate evaluate RUN`" in StriateError(
        "run", "x", "`striate evaluate RUN`"
    ).on_the_command_line(flags)


def test_errors_go_from_one_process_to_another() -> None:
    for error in (DataError("a", "b", "c"), ImageError("a", "b")):
        found = copy.copy(error)  # by what pickle takes too
        assert type(found) is type(error)
        assert (found.what, found.why, found.remedy) == (error.what, error.why, error.remedy)


def test_a_path_is_written_as_it_is_typed() -> None:
    assert parameter("out", Path("runs/x")) == "`out='runs/x'`"
    error = StriateError(parameter("out", Path("runs/x")), "is not here")
    assert error.on_the_command_line({"out": "--out"}) == "--out runs/x: is not here"


def test_python_is_told_of_parameters() -> None:
    with pytest.raises(StriateError, match="`net`") as caught:
        striate.train("digits")
    assert "--" not in str(caught.value)
    with pytest.raises(StriateError, match=r"`device='cuda:99'`"):
        striate.train("digits", net="lenet", device="cuda:99")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "digits"), "--net"),
        (("train", "digits", "--net", "lenet", "--device", "cuda:99"), "--device cuda:99: "),
        (("train", "digits", "--net", "lenet", "--precision", "half"), "--precision half: "),
        (("table", "lenet", "--size", "big"), "--size big: is not understood"),
        (("explain", "lenet", "conv1", "--at", "a,b"), "--at a,b: is not understood"),
        (("train", "digits", "--net", "lenet", "--variant", "x"), "--variant x: is not name=value"),
        (
            ("train", "digits", "--net", "lenet", "--auxiliary-weights", "x"),
            "--auxiliary-weights x: holds something that is not a number",
        ),
    ],
)
def test_the_command_line_is_told_of_flags(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["striate", *arguments])
    monkeypatch.setattr("striate.cli.streams.prepare", lambda: None)
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        main()
    err = capfd.readouterr().err
    assert ended.value.code == 2
    assert said in err
    assert "`" not in err
