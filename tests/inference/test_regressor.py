"""Numbers from images: in their own units, with their intervals, one network or several."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import striate
from striate.data.preprocessing import Preprocessing
from striate.errors import RunError, StriateError, TrainingError
from striate.inference.classifier import Classifier
from striate.inference.estimate import Estimate
from striate.inference.regressor import Regressor
from striate.inference.views.views import Views
from striate.runs.config import RunConfig
from striate.runs.conformal import HalfWidth, keep_conformal, read_conformal
from striate.runs.gather import gather
from striate.runs.layout import CONFIG, CONFORMAL, WEIGHTS
from striate.runs.origins import DataOrigin
from striate.runs.run import Run
from striate.runs.samples import keep_samples, read_samples
from striate.runs.targets import ScaledTarget
from striate.runs.weights import write_weights

LEVEL = ScaledTarget(name="level", unit="of 255", mean=127.5, deviation=127.5, low=0.0, high=255.0)
TWICE = ScaledTarget(name="<b>twice", mean=255.0, deviation=255.0, low=0.0, high=510.0)
PREPROCESSING = Preprocessing(resize=16, height=16, width=16, mean=(0.5,) * 3, std=(0.5,) * 3)
GREYS = (0, 60, 128, 200, 255)


class Brightness(nn.Module):
    """The mean of the normalised image, once for each target: standardised values."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((1, 2, 3))[:, None].expand(-1, 2)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Grey pictures under odd names, from black to white."""
    paths = [tmp_path / f"<i>{level} 玫瑰.png" for level in GREYS]
    for path, level in zip(paths, GREYS, strict=True):
        Image.new("RGB", (30, 24), (level,) * 3).save(path)
    return paths


def regressor(**given: object) -> Regressor:
    return Regressor.of_network(Brightness(), PREPROCESSING, (LEVEL, TWICE), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_values_are_in_their_own_units(files: list[Path], engine: str) -> None:
    with regressor(engine=engine) as opened:
        found = opened.values(files)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.outer(GREYS, (1, 2)), abs=1e-2)


def test_of_several_views_the_mean_is_told(files: list[Path]) -> None:
    with regressor(views=Views("10")) as opened:
        assert opened.values(files) == pytest.approx(np.outer(GREYS, (1, 2)), abs=1e-2)


def test_an_estimate_tells_value_interval_and_what_cannot_be_read(files: list[Path]) -> None:
    files[1].write_bytes(b"no picture")
    widths = ((HalfWidth(level=0.9, half_width=5.0),), ())
    with regressor(half_widths=widths) as opened:
        found = list(opened.predict(files))
    assert found[2].values == pytest.approx((128, 256), abs=0.01)
    assert [target.unit for target in found[2].targets] == ["of 255", ""]
    (interval,), none = found[2].intervals
    assert (interval.level, interval.low, interval.high) == pytest.approx((0.9, 123, 133), abs=0.01)
    assert none == ()
    assert found[1].error
    assert not found[1].values
    assert found[1].to_json().keys() == {"file", "error"}
    assert json.loads(json.dumps(found[2].to_json()))["values"][1]["target"] == "<b>twice"


def test_what_is_no_number_is_refused(files: list[Path]) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full((len(x), 1), torch.nan)

    with (
        Regressor.of_network(Broken(), PREPROCESSING, (LEVEL,)) as opened,
        pytest.raises(TrainingError, match="not finite"),
    ):
        list(opened.predict(files))


# --- runs ----------------------------------------------------------------------------------------


def number_run(folder: Path, seed: int = 0, resize: int = 32, **changed: object) -> Run:
    """A small run of numbers with weights, never trained."""
    config = RunConfig(
        network="lenet",
        classes=(),
        targets=(LEVEL, TWICE),
        in_channels=1,
        preprocessing=Preprocessing(
            resize=resize, height=32, width=32, channels=1, mean=(0.5,), std=(0.25,)
        ),
        recipe=None,
        data=DataOrigin(
            origin="",
            fingerprint="",
            val_fraction=0.2,
            train_images=0,
            val_images=0,
            test_images=0,
            held_out="",
        ),
        seed=seed,
        precision="float32",
        device="cpu",
        threads=1,
    )
    config = replace(config, **changed)  # type: ignore[arg-type]
    folder.mkdir()
    config.write(folder / CONFIG)
    torch.manual_seed(seed)
    weights = striate.create("lenet", classes=len(config.outputs)).state_dict()
    write_weights(folder / WEIGHTS, weights, identity=config.identity, epoch=1)
    return Run.open(folder)


def test_a_run_of_numbers_predicts_them(tmp_path: Path, files: list[Path]) -> None:
    run = number_run(tmp_path / "run")
    keep_conformal(run, [[HalfWidth(level=0.9, half_width=3.0)], []], 30)
    table = tmp_path / "found.csv"
    found: list[Estimate] = striate.predict(run.path, files, csv=table)  # type: ignore[assignment]
    with striate.open_predictor(run.path) as opened:
        assert isinstance(opened, Regressor)
        values = opened.values(files)
    assert [each.values for each in found] == pytest.approx(values, rel=1e-5)
    assert found[0].intervals[0][0].high == pytest.approx(found[0].values[0] + 3)
    head, *rows = csv.reader(table.open(encoding="utf-8"))
    level = "level (of 255)"
    assert head == ["file", "error", level, f"{level} 90 % low", f"{level} 90 % high", "<b>twice"]
    assert [float(row[2]) for row in rows] == pytest.approx(values[:, 0], rel=1e-6)
    striate.predict(run.path, files, csv=table)  # over what is ours
    assert striate.predict(run.path, files, crops="10")[0].intervals == ((), ())  # type: ignore[attr-defined]


def test_what_is_for_classes_is_refused_of_numbers(tmp_path: Path, files: list[Path]) -> None:
    run = number_run(tmp_path / "run")
    for option in ({"threshold": 0.5}, {"top": 3}, {"heatmap_class": "x"}):
        with pytest.raises(StriateError, match="answers with numbers"):
            striate.predict(run.path, files, **option)
    with pytest.raises(RunError, match=r"striate\.open_regressor"):
        striate.open_classifier(run.path)


def test_a_command_that_takes_classes_alone_says_so(tmp_path: Path) -> None:
    path = number_run(tmp_path / "run").path
    with pytest.raises(RunError, match=r"answers with numbers, and .* is for classes"):
        striate.calibrate(path)


def test_an_ensemble_is_the_mean_of_its_members_values(tmp_path: Path, files: list[Path]) -> None:
    other = (replace(TWICE, mean=200.0, deviation=9.0), LEVEL)
    runs = [
        number_run(tmp_path / "a"),
        number_run(tmp_path / "b", seed=1, targets=other),
        number_run(tmp_path / "c", seed=2, resize=40),
    ]
    wanted = [striate.open_regressor(run.path).values(files) for run in runs]
    wanted[1] = wanted[1][:, ::-1]
    keep_samples(runs[1].path, [Image.new("RGB", (9, 7))])
    two = gather(runs[:2], tmp_path / "two")
    assert [each.shape for each in read_samples(two)] == [(7, 9, 1)]  # the first has none
    assert Regressor.of_run(two).values(files) == pytest.approx(
        np.mean(wanted[:2], axis=0), rel=1e-4
    )
    # Members that see different pixels.
    three = gather(runs, tmp_path / "three")
    assert Regressor.of_run(three).values(files) == pytest.approx(np.mean(wanted, axis=0), rel=1e-4)


def test_runs_that_answer_otherwise_are_no_ensemble(tmp_path: Path) -> None:
    run = number_run(tmp_path / "a")
    metres = (replace(LEVEL, unit="m"), TWICE)
    others = {
        "has the unit m in .* and of 255 in": number_run(tmp_path / "b", targets=metres),
        "is not among those of": number_run(tmp_path / "c", targets=(LEVEL,)),
        "answers with classes": number_run(tmp_path / "d", targets=(), classes=("x", "y")),
    }
    for why, other in others.items():
        with pytest.raises(RunError, match=why):
            gather([run, other], tmp_path / "out")


def test_intervals_are_those_of_the_weights_and_their_damage_is_named(tmp_path: Path) -> None:
    run = number_run(tmp_path / "run")
    assert read_conformal(run) == ((), ())
    widths = ((HalfWidth(level=0.8, half_width=1.0),), (HalfWidth(level=0.9, half_width=2.0),))
    keep_conformal(run, widths, 12)
    assert read_conformal(run) == widths
    kept = (run.path / CONFORMAL).read_text()
    (run.path / CONFORMAL).write_text(kept.replace("0.8", "8"))
    with pytest.raises(RunError, match=r"is damaged.*striate evaluate"):
        read_conformal(run)
    (run.path / CONFORMAL).write_text(kept)
    weights = striate.create("lenet", classes=2).state_dict()
    write_weights(run.path / WEIGHTS, weights, identity=run.config.identity, epoch=2)
    assert read_conformal(run) == ((), ())


def test_a_run_of_classes_is_no_regressor(tmp_path: Path) -> None:
    run = number_run(tmp_path / "run", targets=(), classes=("x", "y"))
    with pytest.raises(RunError, match=r"striate\.open_classifier"):
        striate.open_regressor(run.path)
    with striate.open_predictor(run.path) as opened:
        assert isinstance(opened, Classifier)
