"""A network that answers with numbers, from a table of images to its figures."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn import metrics

import striate
from striate.cli.main import app
from striate.data.targets import Target
from striate.errors import DataError, Interrupted, NetworkError, RecipeError, RunError, StriateError
from striate.recipes.load import load_recipe
from striate.runs import layout as names
from striate.runs.predicted_values import read_values
from striate.runs.records import NumberFigures, NumberTrainFigures
from striate.support.words import figure
from striate.training.callbacks.base import BatchEnd, Callback, NumberValidationEnd
from striate.training.callbacks.terminal import Terminal
from striate.training.result import NumberTrainResult

EXACT = (names.WEIGHTS, names.METRICS, names.EVALUATION, names.PREDICTIONS, names.CONFORMAL)
GIVEN: dict[str, Any] = {"net": "lenet", "epochs": 2, "batch_size": 8, "workers": 0, "seed": 1}


class Seen(Callback):
    """Notes what it is given, and cuts the training at a batch if it is told to."""

    def __init__(self, cut: tuple[int, int] | None = None) -> None:
        self.cut, self.found, self.epochs = cut, [], []

    def on_batch_end(self, batch: BatchEnd) -> None:
        if self.cut == (batch.epoch, batch.step):
            raise KeyboardInterrupt

    def on_validation_end(self, validation: Any) -> None:
        self.found.append(validation)

    def on_epoch_end(self, epoch: Any) -> None:
        self.epochs.append(epoch)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module")
def lines() -> io.StringIO:
    """What the terminal shows of the training."""
    return io.StringIO()


@pytest.fixture(scope="module")
def trained(
    squares: Path, tmp_path_factory: pytest.TempPathFactory, seen: Seen, lines: io.StringIO
) -> Any:
    """A small run of one number."""
    out, callbacks = tmp_path_factory.mktemp("numbers") / "run", [seen, Terminal(lines)]
    return striate.train(squares, target="side", out=out, callbacks=callbacks, **GIVEN)


def truth(squares: Path) -> dict[str, dict[str, str]]:
    with (squares / "metadata.csv").open(encoding="utf-8") as file:
        return {row["file_name"]: row for row in csv.DictReader(file)}


def test_its_figures_are_those_of_what_it_predicts(trained: Any, squares: Path) -> None:
    assert isinstance(trained, NumberTrainResult)
    run = striate.open_run(trained.run)
    assert run.targets[0].plain == Target(name="side", unit="px")
    kept = read_values(run)
    assert kept is not None
    told = truth(squares)
    true = [float(told[name]["side (px)"]) for name in kept.names]
    assert kept.true[:, 0].tolist() == true
    again = striate.predict(trained.run, [squares / name for name in kept.names])
    predicted = [each.values[0] for each in again]  # type: ignore[attr-defined]
    assert predicted == pytest.approx(kept.predicted[:, 0], rel=1e-5)
    assert trained.mae == pytest.approx(metrics.mean_absolute_error(true, predicted), rel=1e-5)
    assert trained.r2 == pytest.approx(metrics.r2_score(true, predicted), rel=1e-4)
    # What training saw of the kept weights is what the evaluation found.
    best = next(line for line in run.metrics if line["epoch"] == trained.best_epoch)
    assert best["validation"]["mae"] == pytest.approx(trained.mae, rel=1e-5)
    assert best["validation"]["rmse"] == pytest.approx(trained.rmse, rel=1e-5)
    assert best["validation"]["loss"] == min(line["validation"]["loss"] for line in run.metrics[1:])
    scale = [float(row["side (px)"]) for name, row in told.items() if name not in kept.names]
    assert run.targets[0].mean == pytest.approx(np.mean(scale))
    assert run.targets[0].deviation == pytest.approx(np.std(scale))
    # An interval of 90 % reaches as far as most errors do.
    (_, ninety, *_) = again[0].intervals[0]  # type: ignore[attr-defined]
    errors = np.abs(np.array(true) - predicted)
    assert (errors <= (ninety.high - ninety.low) / 2 + 1e-4).mean() >= 0.9


def test_callbacks_are_told_of_errors(trained: Any, seen: Seen, lines: io.StringIO) -> None:
    assert "error: mean absolute error in px" in lines.getvalue()
    *_, last_line = lines.getvalue().strip().splitlines()
    assert figure(seen.found[-1].mae, 4) in last_line
    assert trained.epochs == len(seen.epochs) == 2
    assert all(isinstance(each, NumberValidationEnd) for each in seen.found)
    last = seen.epochs[-1]
    assert isinstance(last.train, NumberTrainFigures)
    assert isinstance(last.validation, NumberFigures)
    assert last.validation.mae == seen.found[-1].mae


def test_cut_and_resumed_it_ends_in_the_same_bytes(
    trained: Any, squares: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        striate.train(
            squares,
            target="side",
            out=out,
            checkpoint_minutes=0,
            callbacks=[Seen(cut=(2, 3))],
            **GIVEN,
        )
    again = striate.train(out, resume=True, workers=2, target="Side (px)")
    assert again.mae == trained.mae  # type: ignore[attr-defined]
    for name in EXACT:
        assert (out / name).read_bytes() == (trained.run / name).read_bytes(), name
    with pytest.raises(RunError, match="`target='level'`: the run to go on with has side"):
        striate.train(out, resume=True, target="level")
    moved = shutil.copytree(squares, tmp_path / "moved")
    assert striate.evaluate(out, moved).mae == trained.mae  # type: ignore[attr-defined]


def test_evaluation_again_and_on_other_images(trained: Any, squares: Path, tmp_path: Path) -> None:
    before = (trained.run / names.EVALUATION).read_bytes()
    again = striate.evaluate(trained.run)
    assert (trained.run / names.EVALUATION).read_bytes() == before
    assert again.targets == (Target(name="side", unit="px"),)  # type: ignore[attr-defined]
    every = striate.evaluate(trained.run, squares, all_images=True)
    assert every.images == 60
    with pytest.raises(DataError, match="give a table with 'side', which the network predicts"):
        striate.evaluate(trained.run, "digits")
    other = tmp_path / "t.csv"
    other.write_text(f"file,length\n{next(squares.glob('*.png'))},3\n")
    why = "^target 'side': is no column of .*; give a table with 'side', which the network predicts"
    with pytest.raises(DataError, match=why):
        striate.evaluate(trained.run, other)
    # The run's intervals, on images that they were not all taken from.
    widths = [each.half_width for each in every.per_target[0].intervals]  # type: ignore[attr-defined]
    own = [each.half_width for each in again.per_target[0].intervals]  # type: ignore[attr-defined]
    assert widths == own


def test_another_number_of_an_image_makes_other_images(trained: Any, squares: Path) -> None:
    table = trained.run.parent / "changed"
    shutil.copytree(squares, table)
    (listed,) = table.glob("*.csv")
    head, first, *rest = listed.read_text().splitlines()
    listed.write_text("\n".join([head, first.replace(",", ",9", 1), *rest]) + "\n")
    with pytest.raises(RunError, match="1 of 60 are not there with the numbers that they had"):
        striate.train(table, out=trained.run, resume=True)


def test_several_targets_and_a_loss_and_members(squares: Path, tmp_path: Path) -> None:
    given = GIVEN | {"epochs": 1, "members": 2, "loss": "huber", "select": "mae"}
    result = striate.train(squares, target=["side", "level"], out=tmp_path / "run", **given)
    assert isinstance(result, NumberTrainResult)
    assert result.members == 2
    member = striate.open_run(tmp_path / "run" / "members" / "01")
    assert member.config.recipe.loss.name == "huber"  # type: ignore[union-attr]
    parts = [each.figures["mae"].value / each.deviation for each in result.evaluation.per_target]
    assert result.mae == pytest.approx(np.mean(parts))
    assert "level: mean absolute error" in result.summary()
    files = sorted(squares.glob("*.png"))[:3]
    each = [
        np.array([one.values for one in striate.predict(tmp_path / "run" / "members" / m, files)])  # type: ignore[attr-defined]
        for m in ("01", "02")
    ]
    mean = [one.values for one in striate.predict(tmp_path / "run", files)]  # type: ignore[attr-defined]
    assert np.array(mean) == pytest.approx(np.mean(each, axis=0), rel=1e-4)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"select": "top1"}, r"`select='top1'`: is not for numbers; choose one of loss, mae, rmse"),
        ({"class_weights": "balanced"}, "is not for numbers"),
        ({"target": None, "loss": "huber"}, "is not for classes; .* by `target`"),
        ({"loss": "hubert"}, "did you mean 'huber'"),
        ({"target": None, "unit": "px"}, "is the unit of no"),
    ],
)
def test_what_is_of_the_other_kind_is_refused(
    squares: Path, tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(StriateError, match=why):
        striate.train(squares, out=tmp_path / "run", **{**GIVEN, "target": "side", **given})
    assert not (tmp_path / "run").exists()


def test_a_network_without_a_linear_end_tells_no_numbers(squares: Path, tmp_path: Path) -> None:
    given = GIVEN | {"net": "lenet5"}
    with pytest.raises(NetworkError, match=r"lenet5: ends in no linear layer"):
        striate.train(squares, target="side", out=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_a_recipe_of_classes_gives_way_and_one_of_numbers_is_refused_for_classes(
    squares: Path, tmp_path: Path
) -> None:
    about: dict[str, Any] = {"network": "lenet", "family": "lenet", "normalised": False}
    about |= {"grey": True, "small": True}
    classic = load_recipe("classic", **about, numbers=True)
    assert (classic.loss.name, classic.select) == ("squared", "loss")
    assert classic.optimiser == load_recipe("classic", **about).optimiser
    coloured = about | {"grey": False, "family": "resnet", "network": "resnet20"}
    modern = load_recipe("modern", **coloured, numbers=True)
    assert (modern.augmentation.horizontal_flip, modern.augmentation.erasing) == (False, 0.0)
    assert modern.gradient.clip_norm == 4
    assert load_recipe("modern", **coloured).augmentation.horizontal_flip
    own = tmp_path / "own.toml"
    own.write_text('select = "rmse"\n[loss]\nname = "absolute"\n')
    assert load_recipe(str(own), **about, numbers=True).loss.name == "absolute"
    with pytest.raises(RecipeError, match="is of numbers, and these images have classes"):
        striate.train("digits", net="lenet", recipe=own, out=tmp_path / "run")


def test_the_command_line_tells_values_and_errors(
    trained: Any, squares: Path, tmp_path: Path
) -> None:
    def told(*words: object) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "120"})
        assert done.exit_code == 0, done.output
        return done.stdout

    first = sorted(squares.glob("*.png"))[0]
    assert "side " in (line := told("predict", trained.run, first))
    assert " px (90 %: " in line
    (said,) = json.loads(told("predict", trained.run, first, "--json"))
    assert said["values"][0]["unit"] == "px"
    figures = json.loads(told("evaluate", trained.run, "--json"))
    assert figures["per_target"][0]["mae"]["value"] == pytest.approx(trained.mae)
    assert "mean absolute error" in told("evaluate", trained.run)
    (listed,) = json.loads(told("runs", trained.run.parent, "--json"))["runs"]
    assert (listed["targets"], listed["mae"]) == (["side"], pytest.approx(trained.mae))
    assert "±" in told("runs", trained.run.parent, "--sort", "mae")
    shown = told("show", trained.run)
    assert "side (px)" in shown
    assert "error in px by epoch" in shown
    page = (trained.run / "report.html").read_text(encoding="utf-8")
    assert "side (px)" in page
    assert re.search(r"<b>\d{3} 玫瑰", page) is None
