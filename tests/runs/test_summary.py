"""A run in a terminal or a notebook, from its small files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.data.images import ImageSet
from striate.errors import RunError
from striate.runs import layout
from striate.runs.calibration import keep_calibration
from striate.runs.predictions import keep_predictions
from striate.runs.run import Run
from striate.runs.summary.curves import chart, spark
from striate.runs.weights import write_weights


def line(epoch: int, top1: float) -> dict[str, Any]:
    figures = {"loss": 2 - top1, "top1": top1}
    return {
        "epoch": epoch,
        "step": epoch,
        "health": {"a": {"gradient": 1.0}},
        "train": {**figures, "main": 1.0, "auxiliary": []},
        "validation": {**figures, "top5": 1.0},
    }


@pytest.fixture
def measured(run: Run) -> Run:
    """A run of which two of four held-out images are wrong, trained for two epochs so far."""
    lines = [line(1, 0.25), line(2, 0.5)]
    (run.path / layout.METRICS).write_text("".join(json.dumps(each) + "\n" for each in lines))
    per_class = [
        {"class": name, "images": 2, "recall": 0.1 * place}
        for place, name in enumerate(run.classes)
    ]
    figures = {"top1": 0.5, "interval": [0.15, 0.85], "images": 4, "loss": 1.5, "top5": 1.0}
    (run.path / layout.EVALUATION).write_text(
        json.dumps({**figures, "ece": 0.25, "per_class": per_class})
    )
    images = ImageSet(
        classes=run.classes,
        labels=np.array([0, 1, 2, 2]),
        names=["a/0.png", "b/\x1b[2J.png", "c/[red].png", "c/3.png"],
        digests=[f"{each:032x}" for each in range(4)],
        sizes=np.ones((4, 2), np.int32),
        grey=np.ones(4, np.bool_),
    )
    shares = np.array(
        [[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.0, 0.9, 0.1], [0.1, 0.1, 0.8]], np.float32
    )
    keep_predictions(run, images, shares, split="split")
    return run


def test_what_is_shown_of_a_run(measured: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = striate.show(measured.path)
    text = str(found)
    assert "lenet: " in text
    assert "10 training and 5 validation images of 3 classes" in text
    assert "weights of epoch 7" in text
    assert "50.00 % (95 % interval 15.00 to 85.00 %) on 4 images" in text
    assert "loss 1.5000, calibration error 25.00 %" in text
    assert "<b>rosé's</b> 0 %" in text
    assert "• validation, · training" in text
    assert "\n 50 % ┤" in text
    assert "validation loss 1.75 █▁ 1.5" in text
    assert f"striate train {measured.path} --resume" in text
    assert f"striate show {measured.path} --mistakes" in text
    assert found.wrong == 2
    assert found.mistakes is None
    assert "&lt;b&gt;rosé" in found._repr_html_()


def test_mistakes_come_surest_first(measured: Run) -> None:
    found = striate.show(measured.path, mistakes=True)
    assert [each.to_json() for each in found.mistakes or ()] == [
        {
            "file": "c/[red].png",
            "class": measured.classes[2],
            "class_probability": pytest.approx(0.1),
            "predicted": measured.classes[1],
            "probability": pytest.approx(0.9),
        },
        {
            "file": "b/\x1b[2J.png",
            "class": measured.classes[1],
            "class_probability": pytest.approx(0.3),
            "predicted": measured.classes[0],
            "probability": 0.5,
        },
    ]
    text = str(found)
    assert "2 held-out images are wrong\n" in text
    assert "c/[red].png" in text
    assert "\x1b" not in text
    one = striate.show(measured.path, mistakes=True, most=1)
    assert len(one.mistakes or ()) == 1
    assert "2 held-out images are wrong; the 1 surest" in str(one)
    plain = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert (plain["wrong"], len(plain["mistakes"])) == (2, 1)
    assert "health" not in plain["metrics"][0]


def test_a_run_without_predictions_or_weights_is_shown_all_the_same(run: Run) -> None:
    with pytest.raises(RunError, match="keeps no predictions of its held-out images; make them: s"):
        striate.show(run.path, mistakes=True)
    (run.path / layout.WEIGHTS).unlink()
    found = striate.show(run.path)
    assert found.weights_epoch is None
    assert any("model.safetensors: is missing" in note for note in found.notes)
    assert f"striate evaluate {run.path}" in str(found)
    with pytest.raises(RunError, match="there is no such run"):
        striate.show(run.path / "nothing")


def test_figures_that_are_no_numbers_cost_themselves_alone(measured: Run) -> None:
    path = measured.path / layout.EVALUATION
    path.write_text(path.read_text().replace('"loss": 1.5', '"loss": 1e999'))
    found = striate.show(measured.path)
    assert "loss inf" in str(found)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["evaluation"]["loss"] is None


def test_probabilities_are_those_that_the_run_gives(measured: Run) -> None:
    assert "calibrated" not in str(striate.show(measured.path))
    keep_calibration(measured, 0.5, 4, elsewhere=False)
    found = striate.show(measured.path, mistakes=True)
    assert found.temperature == 0.5
    (first, _) = found.mistakes or ()
    assert first.probability == pytest.approx(0.9**2 / (0.9**2 + 0.1**2))
    assert "calibrated, at temperature 0.5" in str(striate.show(measured.path))


def test_predictions_of_older_weights_are_said_to_be(measured: Run) -> None:
    identity = measured.config.identity
    write_weights(measured.path / layout.WEIGHTS, {}, identity=identity, epoch=9)
    older = "its predictions and figures are those of epoch 7, and older than its weights"
    assert older in striate.show(measured.path).notes


def test_an_ensemble_is_shown_with_its_members(run: Run) -> None:
    members = [
        {"folder": f"members/0{i}", "name": f"{i} <b>", "identity": "a", "weights": "b"}
        for i in (1, 2)
    ]
    config = replace(run.config, network="ensemble", recipe=None, variant={"members": members})
    config.write(run.path / layout.CONFIG)
    text = str(striate.show(run.path))
    assert "2: 1 <b> and 2 <b>" in text
    assert "trained" not in text
    assert "--resume" not in text


def test_code_that_a_run_names_is_shown_and_not_run(run: Run, tmp_path: Path) -> None:
    code = tmp_path / "net.py"
    code.write_text("raise SystemExit('was run')")
    config = replace(run.config, network=f"{code}:Net")
    config.write(run.path / layout.CONFIG)
    assert f"{code}:Net" in str(striate.show(run.path))


def test_the_command_shows_without_pytorch(measured: Run) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['striate', 'show', {str(measured.path)!r}, '--mistakes', '--json']\n"
        "from striate.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["wrong"] == 2


@pytest.mark.parametrize("draw", [lambda v: chart([1, 2, 3], {"•": v}, width=9, height=3), spark])
def test_curves_of_anything(draw: Callable[..., Any]) -> None:
    for values in ([None] * 3, [float("nan"), 0.5, None], [0.5] * 3, [0.0, float("inf"), 1.0]):
        assert draw(values, *([9] if draw is spark else []))


def test_a_curve_of_one_epoch_and_one_of_many() -> None:
    lines = chart([5], {"•": [0.5]}, width=10, height=3)
    assert [text.count("•") for text in lines].count(1) == 1
    many = chart(list(range(1, 1001)), {"•": [i / 1000 for i in range(1000)]}, width=20, height=5)
    assert all(len(text) <= 27 for text in many)
    assert many[0].rstrip().endswith("•")
    assert len(spark([float(i) for i in range(1000)], 30)) == 30
