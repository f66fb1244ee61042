"""One command that lists or compares, by what it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from striate import api
from striate.cli.parsing import command_of
from striate.cli.runs import runs
from striate.errors import StriateError


class Found:
    def to_json(self) -> dict[str, Any]:
        return {"a": 1}


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, dict[str, Any]]]:
    calls: list[tuple[str, Any, dict[str, Any]]] = []

    def record(name: str) -> Any:
        def call(*args: Any, **options: Any) -> Found:
            calls.append((name, args, options))
            return Found()

        return call

    monkeypatch.setattr(api, "list_runs", record("list"))
    monkeypatch.setattr(api, "compare_runs", record("compare"))
    return calls


def run(*typed: str) -> None:
    app = command_of(runs)
    app(typed, standalone_mode=False)


def test_none_or_one_is_listed(called: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    run("--json")
    run("here", "--json", "--sort", "-top1", "--filter", "network=a*, top1>5%")
    assert called == [
        ("list", (), {"sort": "date", "filter": []}),
        ("list", ("here",), {"sort": "-top1", "filter": ["network=a*", "top1>5%"]}),
    ]
    assert capsys.readouterr().out == '{"a": 1}\n' * 2


def test_several_are_compared(called: list[Any]) -> None:
    run("a", "b.onnx", "--json", "--data", "photos", "-o", "page.html")
    ((name, args, options),) = called
    assert (name, args) == ("compare", ())
    assert options["runs"] == ["a", "b.onnx"]
    assert (options["data"], options["output"]) == ("photos", "page.html")
    assert options["progress"]
    assert "sort" not in options


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--data", "photos"], "`data`: is for comparisons; give two or more runs"),
        (["here", "--workers", "2"], "`workers`: is for comparisons"),
        (["a", "b", "--sort", "top1"], "`sort`: is for lists of runs; give one folder"),
        (["a", "b", "--filter", "top1>1%"], "`filter`: is for lists of runs"),
    ],
)
def test_what_belongs_to_the_other_is_refused(
    called: list[Any], typed: list[str], message: str
) -> None:
    with pytest.raises(StriateError, match=message):
        run(*typed)
    assert called == []


def test_a_path_is_a_path(called: list[Any], tmp_path: Path) -> None:
    run(str(tmp_path), "--json")
    assert called[0][1] == (str(tmp_path),)
