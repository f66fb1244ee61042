"""The two commands print what the public functions return, for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from striate.cli.evaluate import evaluate
from striate.cli.parsing import command_of
from striate.cli.predict import predict
from striate.evaluation.metrics import measure
from striate.inference.prediction import Prediction

FOUND = [Prediction(file="a b.jpg", classes=("[red]", "玫瑰"), probabilities=(0.75, 0.25))]
FORGED = Prediction(
    file="n\nb.jpg: dog 99.9%\x1b[31m", classes=("\x1b]0;x\x07",), probabilities=(1.0,)
)
BAD = Prediction(file="bad\n.jpg", classes=(), probabilities=(), error="is empty\x1b[2J")


def run(command: Callable[..., None], *arguments: str, status: int = 0) -> tuple[str, str]:
    """What `command` prints to standard output and standard error."""
    app = command_of(command)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replaces the public functions; holds what they were called with."""
    from striate import api

    calls: dict[str, Any] = {}
    labels = np.arange(8) % 2
    shares = np.array([[0.9, 0.1], [0.3, 0.7]] * 3 + [[0.2, 0.8]] * 2, np.float32)

    def evaluate_(**options: Any) -> Any:
        calls["evaluate"] = options
        found = measure(shares, labels, ["[red]", "玫\x1b[2J瑰"])
        return replace(
            found, left_out=3, skipped=(("a.jpg", "is empty"),), notes=("3 of 11 left\nout",)
        )

    def predict_(**options: Any) -> Iterator[Prediction]:
        calls["predict"] = options
        yield from FOUND

    monkeypatch.setattr(api, "evaluate", evaluate_)
    monkeypatch.setattr(api, "predict", predict_)
    return calls


def test_evaluate_prints_one_json_document(asked: dict[str, Any]) -> None:
    printed, _ = run(evaluate, "runs/x", "photos", "--json", "--workers", "3", "--all")
    assert printed.isascii()
    document = json.loads(printed)
    assert document["top1"] == 7 / 8
    assert document["per_class"][0]["class"] == "[red]"
    assert document["left_out"] == 3
    assert document["skipped"] == [{"file": "a.jpg", "error": "is empty"}]
    assert document["notes"] == ["3 of 11 left\nout"]
    options = asked["evaluate"]
    assert (options["run"], options["data"]) == ("runs/x", "photos")
    assert (options["workers"], options["all_images"], options["skip_bad"]) == (3, True, False)


def test_evaluate_shows_a_table_with_names_as_they_are(asked: dict[str, Any]) -> None:
    shown, _ = run(evaluate, "runs/x", "--skip-bad", "--device", "auto")
    assert "87.50 %" in shown
    assert "[red]" in shown
    assert "玫\\x1b[2J瑰" in shown
    assert shown.splitlines()[:2] == ["note: skipped a.jpg: is empty", "note: 3 of 11 left\\nout"]
    assert asked["evaluate"]["data"] is None
    assert "left out: trained on" not in shown
    assert asked["evaluate"]["skip_bad"] is True
    assert asked["evaluate"]["device"] == "auto"


def test_evaluate_says_how_many_images_were_left_out(asked: dict[str, Any]) -> None:
    shown, _ = run(evaluate, "runs/x", "photos")
    assert "note: 3 images left out: trained on (--all measures on them too)\n" in shown


def test_predict_prints_json_and_lines(asked: dict[str, Any]) -> None:
    printed, _ = run(predict, "runs/x", "a b.jpg", "c", "--top", "2", "--json")
    assert json.loads(printed) == [
        {
            "file": "a b.jpg",
            "predictions": [
                {"class": "[red]", "probability": 0.75},
                {"class": "玫瑰", "probability": 0.25},
            ],
        }
    ]
    options = asked["predict"]
    assert options["images"] == ["a b.jpg", "c"]
    assert (options["top"], options["stream"]) == (2, True)
    assert run(predict, "runs/x", "a b.jpg")[0] == "a b.jpg: [red] 75.0 %, 玫瑰 25.0 %\n"


def test_predict_names_bad_files_in_their_place_and_exits_with_two(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FOUND", [BAD, *FOUND, BAD, *FOUND])
    shown, told = run(predict, "runs/x", "d", status=2)
    assert shown == 2 * "a b.jpg: [red] 75.0 %, 玫瑰 25.0 %\n"
    assert told.splitlines() == [
        "striate: bad\\n.jpg: is empty\\x1b[2J",
        "striate: bad\\n.jpg: is empty\\x1b[2J",
        "striate: 2 of 4 images cannot be read",
    ]
    printed, told_again = run(predict, "runs/x", "d", "--json", status=2)
    document = json.loads(printed)
    assert document[0] == {"file": "bad\n.jpg", "error": "is empty\x1b[2J"}
    assert ["error" in each for each in document] == [True, False, True, False]
    assert told_again == told
    assert run(predict, "runs/x", "d", "--skip-bad") == (shown, told)
    monkeypatch.setattr(sys.modules[__name__], "FOUND", [BAD])
    _, told = run(predict, "runs/x", "d", status=2)
    assert told.splitlines() == ["striate: bad\\n.jpg: is empty\\x1b[2J"]


def test_predict_keeps_one_line_an_image(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FOUND", [FORGED])
    shown, _ = run(predict, "runs/x", "d")
    assert shown == "n\\nb.jpg: dog 99.9%\\x1b[31m: \\x1b]0;x\\x07 100.0 %\n"


def test_predict_says_what_is_right_where_folders_say_so(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, right = (replace(FOUND[0], label=name) for name in ("玫\x1b瑰", "[red]"))
    monkeypatch.setattr(sys.modules[__name__], "FOUND", [wrong, right, *FOUND])
    shown, told = run(predict, "runs/x", "d")
    assert shown.splitlines() == [
        "a b.jpg: [red] 75.0 %, 玫瑰 25.0 % (wrong: 玫\\x1b瑰)",
        "a b.jpg: [red] 75.0 %, 玫瑰 25.0 %",
        "a b.jpg: [red] 75.0 %, 玫瑰 25.0 %",
    ]
    assert told == "striate: 1 of 2 images are right, by the folders they lie in\n"
    document = json.loads(run(predict, "runs/x", "d", "--json", "--csv", "t.csv")[0])
    assert [each.get("right") for each in document] == [False, True, None]
    assert asked["predict"]["csv"] == "t.csv"


def test_predict_calls_an_image_unsure(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FOUND", [replace(FOUND[0], unsure=True)])
    shown, _ = run(predict, "runs/x", "d", "--threshold", "0.8")
    assert shown == "a b.jpg: unsure ([red] 75.0 %, 玫瑰 25.0 %)\n"
    assert asked["predict"]["threshold"] == 0.8
    assert json.loads(run(predict, "runs/x", "d", "--json")[0])[0]["unsure"] is True


def test_predict_ends_its_document_where_it_is_cut_short(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from striate import api

    def stopped(*_arguments: Any, **_options: Any) -> Iterator[Prediction]:
        yield from FOUND
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "predict", stopped)
    printed, _ = run(predict, "runs/x", "d", "--json", status=1)
    assert len(json.loads(printed)) == 1
    monkeypatch.setattr(api, "predict", lambda *_arguments, **_options: iter(()))
    assert run(predict, "runs/x", "d", "--json")[0] == "[]\n"
