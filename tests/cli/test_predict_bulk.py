"""``striate predict --input … --output …``: what is typed, what is printed, and its status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from striate import api
from striate.cli.main import flags_of
from striate.cli.parsing import command_of
from striate.cli.predict import Typed, predict
from striate.errors import StriateError
from striate.inference.bulk.job import BulkReport
from striate.inference.options import BulkOptions, PredictOptions
from striate.support.options import options_of

BULK = ["--input", "photos", "--output", "out"]


def run(*arguments: str, status: int = 0) -> tuple[str, str]:
    app = command_of(predict)
    result = CliRunner().invoke(app, ["run", *arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replaces the public function; holds what it was called with, and what it is to say."""
    calls: dict[str, Any] = {"unreadable": 0}

    def predict_bulk(**options: Any) -> BulkReport:
        calls["options"] = options
        return BulkReport(
            output=Path("out\x1b"), images=3000, unreadable=calls["unreadable"], shards=2, before=7
        )

    monkeypatch.setattr(api, "predict_bulk", predict_bulk)
    return calls


def test_every_option_can_be_typed() -> None:
    typed = {each.name for each in options_of(Typed)}
    both = {each.name for kind in (PredictOptions, BulkOptions) for each in options_of(kind)}
    assert typed == both
    defaults = {each.name: each.default for each in options_of(Typed)}
    for each in options_of(BulkOptions):
        assert each.required or each.default == defaults[each.name], each.name


def test_what_is_typed_is_what_python_takes(asked: dict[str, Any]) -> None:
    shown, told = run(*BULK, "--engine", "ray", "--embeddings", "--shard-size", "9", "--root", "r")
    assert shown == "3,000 images in 2 files in out\\x1b, 7 of them from before\n"
    assert told == ""
    options = asked["options"]
    wanted = {"run": "run", "input": "photos", "output": "out", "engine": "ray", "root": "r"}
    assert wanted.items() <= options.items()
    assert (options["embeddings"], options["shard_size"], options["progress"]) == (True, 9, True)
    assert {"images", "top", "stream"}.isdisjoint(options)


def test_files_that_cannot_be_read_are_told_by_the_status(asked: dict[str, Any]) -> None:
    asked["unreadable"] = 5
    shown, told = run(*BULK, "--json", status=2)
    assert json.loads(shown) == {
        "output": "out\x1b", "images": 3000, "unreadable": 5, "shards": 2, "before": 7,
    }  # fmt: skip
    assert told == "striate: 5 of 3,000 images cannot be read\n"
    assert run(*BULK, "--json", "--skip-bad") == (shown, told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "`images`: is missing; give files or folders, or --input and --output"),
        (["--input", "photos"], "--output: is missing; give a folder for the predictions"),
        (["--output", "out"], "--output: is for predictions in bulk; give --input as well"),
        (["a.jpg", "--embeddings"], "--embeddings: is for predictions in bulk; give --input"),
        (["a.jpg", *BULK], "`images`: does not go with --input; give one of them"),
        (["--top", "3", *BULK], "--top: does not go with --input; give one of them"),
    ],
)
def test_what_does_not_go_together_is_refused(
    asked: dict[str, Any], arguments: list[str], said: str
) -> None:
    with pytest.raises(StriateError) as caught:
        run(*arguments)
    assert said in caught.value.on_the_command_line(flags_of(predict))
    assert "options" not in asked
