"""The two commands print what the public functions return, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from striate.cli.evaluate import evaluate
from striate.cli.predict import predict
from striate.evaluation.metrics import measure
from striate.evaluation.predict import Prediction


def run(command: Callable[..., None], *arguments: str) -> str:
    """What `command` prints to standard output."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replaces the public functions; holds what they were called with."""
    from striate import api

    calls: dict[str, Any] = {}
    labels = np.arange(8) % 2
    shares = np.array([[0.9, 0.1], [0.3, 0.7]] * 3 + [[0.2, 0.8]] * 2, np.float32)

    def evaluate_(*arguments: Any, **options: Any) -> Any:
        calls["evaluate"] = (arguments, options)
        return measure(shares, labels, ["[red]", "玫瑰"])

    def predict_(*arguments: Any, **options: Any) -> Any:
        calls["predict"] = (arguments, options)
        return [Prediction(file="a b.jpg", classes=("[red]", "玫瑰"), probabilities=(0.75, 0.25))]

    monkeypatch.setattr(api, "evaluate", evaluate_)
    monkeypatch.setattr(api, "predict", predict_)
    return calls


def test_evaluate_prints_one_json_document(asked: dict[str, Any]) -> None:
    document = json.loads(run(evaluate, "runs/x", "photos", "--json", "--workers", "3"))
    assert document["top1"] == 7 / 8
    assert document["per_class"][1]["class"] == "玫瑰"
    arguments, options = asked["evaluate"]
    assert [str(each) for each in arguments] == ["runs/x", "photos"]
    assert options["workers"] == 3


def test_evaluate_shows_a_table_with_names_as_they_are(asked: dict[str, Any]) -> None:
    shown = run(evaluate, "runs/x")
    assert "87.50%" in shown
    assert "[red]" in shown
    assert "玫瑰" in shown
    assert asked["evaluate"][0][1] is None


def test_predict_prints_json_and_lines(asked: dict[str, Any]) -> None:
    assert json.loads(run(predict, "runs/x", "a b.jpg", "c", "--top", "2", "--json")) == [
        {
            "file": "a b.jpg",
            "predictions": [
                {"class": "[red]", "probability": 0.75},
                {"class": "玫瑰", "probability": 0.25},
            ],
        }
    ]
    arguments, options = asked["predict"]
    assert list(arguments[1]) == ["a b.jpg", "c"]
    assert options["top"] == 2
    assert run(predict, "runs/x", "a b.jpg") == "a b.jpg: [red] 75.0%, 玫瑰 25.0%\n"
