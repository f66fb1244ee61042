"""From images with numbers and a backbone to a run that gives numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import striate
from striate.errors import StriateError
from striate.hub.heads import RBFSVRHead, RidgeHead
from striate.hub.surgery import Transferred
from striate.inference.regressor import Regressor
from striate.report.numbers import write_number_report
from striate.runs.run import Run
from striate.transfer_learning import learning_curves
from striate.transfer_learning.classifier import CachedRegressor, regressor_of
from striate.transfer_learning.finish import finish_transfer
from striate.transfer_learning.heads.regression.fit import fit_value_head
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.result import NumberTransferResult
from striate.transfer_learning.tasks.regression import Regression
from striate.transfer_learning.transfer import transfer

from .test_transfer import make_source
from .test_value_heads import numbered

Carry = Callable[..., NumberTransferResult]


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with how bright and how red they are, in a table."""
    folder, random = tmp_path_factory.mktemp("numbers") / "bright", np.random.default_rng(0)
    folder.mkdir()
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "level (steps)", "red"))
        for number in range(60):
            level, red = random.uniform(60, 190), random.uniform(-40, 40)
            pixels = random.normal(level, 15, (32, 32, 3))
            pixels[..., 0] += red
            name = f"{number}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
            table.writerow((name, f"{level:.2f}", f"{red:.2f}"))
    return folder


@pytest.fixture(scope="module")
def carry(bright: Path, tmp_path_factory: pytest.TempPathFactory) -> Carry:
    """Transfers onto them, with features kept between the tests."""
    source = make_source(tmp_path_factory.mktemp("sources") / "source")
    cache = tmp_path_factory.mktemp("features")

    def run(out: Path, **choices: Any) -> NumberTransferResult:
        given: dict[str, Any] = {"data": str(bright), "backbone": source, "workers": 1}
        given |= {"engine": "torch float32", "cache": cache, "out": out, "target": "level"}
        found = finish_transfer(
            transfer(TransferOptions(**(given | choices))),
            write_report=write_number_report,
            export=bool(choices.get("export")),
            workers=1,
        )
        assert isinstance(found, NumberTransferResult)
        return found

    return run


def test_the_result_is_a_run_of_numbers(
    carry: Carry, bright: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = carry(tmp_path / "run", head="svr-rbf")
    assert result.targets == ("level (steps)",)
    assert result.mae < 8  # the best constant: about 35
    assert result.r2 is not None
    assert result.r2 > 0.9
    assert json.dumps(result.to_json(), allow_nan=False)
    assert "epsilon =" in result.summary()
    assert "steps (95 % interval" in result.summary()
    run = Run.open(result.run)
    assert run.config.classes == ()
    assert [each.unit for each in run.targets] == ["steps"]
    network = run.network()
    assert isinstance(network, Transferred)
    assert isinstance(network.head, RBFSVRHead)
    record = json.loads((run.path / "transfer.json").read_text())
    assert [each["kind"] for each in record["compared"]] == ["ridge", "svr", "svr-rbf"]
    assert record["head"]["chosen"]["C"] == result.C
    assert record["head"]["tubes"][0]["epsilon"] == result.epsilon
    assert len(record["furthest"]) == 24
    # The whole network gives what its head gives of cached features.
    assert run.evaluation is not None
    assert run.evaluation["mae"] == result.mae
    assert isinstance(regressor_of(run), CachedRegressor)
    with Regressor.of_run(run) as regressor:
        found = list(regressor.predict([bright / "0.png", bright / "1.png"]))
    rows = list(csv.DictReader((bright / "metadata.csv").open()))
    for each, row in zip(found, rows, strict=False):
        assert each.values[0] == pytest.approx(float(row["level (steps)"]), abs=25)
        assert [interval.level for interval in each.intervals[0]][:1] == [0.8]
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "other"))
    again = striate.evaluate(run.path, workers=1)
    assert again.to_json()["mae"] == pytest.approx(result.mae, abs=1e-4)


def test_two_targets_share_a_head(carry: Carry, tmp_path: Path) -> None:
    result = carry(tmp_path / "run", target=("level", "red"), unit=("steps", "levels"))
    assert result.targets == ("level (steps)", "red (levels)")
    run = Run.open(result.run)
    network = run.network()
    assert isinstance(network, Transferred)
    assert isinstance(network.head, RidgeHead)
    assert network.head.linear.out_features == 2
    assert result.epsilon is None
    assert "alpha =" in result.summary()
    assert run.config.recipe is not None


def test_training_goes_on_from_the_fitted_head(carry: Carry, tmp_path: Path) -> None:
    frozen = carry(tmp_path / "frozen")
    tuned = carry(tmp_path / "tuned", freeze=2, epochs=3, unfreeze_every=1)
    run = Run.open(tuned.run)
    assert len(run.metrics) == 4  # the fitted head, and three epochs
    start = run.metrics[0]["validation"]
    assert start["mae"] == pytest.approx(frozen.mae, abs=1e-3)
    assert min(line["validation"]["loss"] for line in run.metrics) <= start["loss"]
    assert tuned.mae < 35
    recipe = run.config.to_dict()["recipe"]
    assert (recipe["loss"]["name"], recipe["augmentation"]["crop"]) == ("squared", "none")


def test_a_ridge_head_is_at_rest_where_training_begins() -> None:
    rows, values = numbered(60, 2)
    fitted = fit_value_head("ridge", rows, values)
    decay = fitted.decay(len(rows))
    assert decay is not None
    outputs = fitted.head(torch.from_numpy(rows))
    loss = (outputs - torch.from_numpy(values).float()).square().mean()
    loss = loss + decay / 2 * fitted.head.linear.weight.square().sum()
    loss.backward()
    assert fitted.head.linear.weight.grad is not None
    assert float(fitted.head.linear.weight.grad.abs().max()) < 1e-5


def test_curves(carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curves, "STAGE_EPOCHS", 1)
    monkeypatch.setattr(Regression, "stage_steps", (10,))
    for name, value in {"few": 0, "steps": (10,), "kinds": ("ridge", "svr")}.items():
        monkeypatch.setattr(Regression, name, value)
    result = carry(tmp_path / "run", head="svr", curve=True)
    curve = json.loads((result.run / "transfer.json").read_text())["curve"]
    assert [point["images"] for point in curve["images"]] == [10, 48]
    errors = [point["error"]["svr"] for point in curve["images"]]
    assert errors[-1] < errors[0] < 40
    assert set(curve["images"][0]["error"]) == {"ridge", "svr"}
    for line in curve["stages"]["curves"]:
        assert len(line["error"]) == len(curve["stages"]["frozen"])


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"head": "softmax"}, "is for classes, not for numbers"),
        ({"head": "svr", "target": None}, "is for numbers, not for classes"),
        ({"head": "rigde"}, "did you mean 'ridge'"),
        ({"head": "svr", "freeze": "none"}, "take `head='ridge'`"),
        ({"penalty": "l1"}, "is of softmax regression"),
        ({"class_weights": "balanced"}, "is not for numbers"),
        ({"unit": "years", "target": None}, "unit"),
        ({"target": "levle"}, "level"),
    ],
)
def test_what_does_not_go_together_is_refused(
    carry: Carry, tmp_path: Path, choices: dict[str, Any], words: str
) -> None:
    with pytest.raises(StriateError, match=words):
        carry(tmp_path / "run", **choices)
    assert not (tmp_path / "run").exists()


def test_a_cached_regressor_has_the_intervals_of_the_run(carry: Carry, tmp_path: Path) -> None:
    run = Run.open(carry(tmp_path / "run").run)
    cached, whole = regressor_of(run), Regressor.of_run(run)
    with whole:
        assert cached.half_widths == whole.half_widths
        assert cached.targets == whole.targets
    assert replace(run.targets[0]).plain == cached.targets[0]


@pytest.mark.parametrize("head", ["ridge", "svr-rbf"])
def test_its_export_gives_the_runs_values(
    carry: Carry, bright: Path, tmp_path: Path, head: str
) -> None:
    result = carry(tmp_path / "run", head=head, export=True)
    assert result.export is not None
    paths = [bright / f"{number}.png" for number in range(8)]
    with (
        Regressor.of_run(Run.open(result.run)) as whole,
        striate.open_regressor(result.export) as file,
    ):
        deviation = Run.open(result.run).targets[0].deviation
        assert file.values(paths) == pytest.approx(whole.values(paths), abs=1e-3 * deviation)
