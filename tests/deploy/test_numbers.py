"""Runs of numbers as files: values in their own units, as the run itself gives them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import striate
from striate.deploy.export import export_run
from striate.deploy.layouts import files_of, read_model
from striate.deploy.verify import check_values, in_deviations, run_in
from striate.engines.onnx_bytes import read_onnx
from striate.errors import ExportError, RunError, StriateError
from striate.evaluation.regression.result import RegressionEvaluation
from striate.inference.regressor import Regressor
from striate.runs.gather import gather
from striate.runs.run import Run

DEVIATIONS = np.array([12.5, 9e3])
#: What exported answers may differ by from the run's, in deviations.
NEAR = 1e-3


def test_a_stranger_can_use_the_file(numbers: Path, number_pictures: Path) -> None:
    content = (numbers / "lenet.onnx").read_bytes()
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.output] == ["value"]
    told = json.loads(read_onnx(content).metadata["targets"])
    assert told[0] == {
        "name": "age",
        "unit": "年 <b>",
        "mean": 40.0,
        "deviation": 12.5,
        "low": 1.0,
        "high": 90.0,
        "intervals": [
            {"level": 0.8, "half_width": 5.0},
            {"level": 0.9, "half_width": 9.0},
        ],
    }
    assert [told[1]["name"], told[1]["intervals"]] == ["<i>count", []]
    image = np.random.default_rng(5).integers(0, 256, (50, 41, 1), np.uint8)
    with striate.open_regressor(numbers) as regressor:
        right = regressor.values([image])
    (found,) = run_in("onnxruntime", content, [image[None]])  # export has tried the others
    assert found.dtype == np.float32
    assert np.abs((found - right) / DEVIATIONS).max() < NEAR


def test_a_file_opens_as_what_it_is(numbers: Path, number_pictures: Path) -> None:
    files = sorted(number_pictures.glob("*.png"))[:2]
    with striate.open_regressor(numbers) as regressor:
        right = list(regressor.predict(number_pictures))
    for engine in ("auto", "openvino"):
        with striate.open_predictor(numbers / "lenet.onnx", engine=engine) as opened:
            assert isinstance(opened, Regressor)
            found = list(opened.predict(number_pictures))
        assert [each.file for each in found] == [each.file for each in right]
        for one, other in zip(found, right, strict=True):
            assert one.targets == other.targets
            assert one.error == other.error
            if not one.error:
                assert np.abs(np.subtract(one.values, other.values) / DEVIATIONS).max() < NEAR
                assert [(each.level, each.low - one.values[0]) for each in one.intervals[0]] == [
                    (0.8, pytest.approx(-5)),
                    (0.9, pytest.approx(-9)),
                ]
    with striate.open_regressor(numbers / "lenet.onnx", crops="10") as opened:
        assert opened.half_widths == ((), ())
        assert opened.values(files[:1]).shape == (1, 2)
    with pytest.raises(ExportError, match=r"striate\.open_regressor"):
        striate.open_classifier(numbers / "lenet.onnx")


def test_several_networks_are_one_file(
    numbers_run: Callable[..., Path], number_pictures: Path, tmp_path: Path
) -> None:
    """Of which two see the same pixels."""
    runs = [
        Run.open(numbers_run(tmp_path / str(seed), seed=seed, resize=resize))
        for seed, resize in enumerate((32, 32, 40))
    ]
    run = gather(runs, tmp_path / "ensemble")
    image = np.random.default_rng(5).integers(0, 256, (40, 33, 1), np.uint8)
    report = export_run(run, tmp_path / "x.onnx", [image], capture="trace")
    assert report.targets == ("age (年 <b>)", "<i>count")
    pictures = [each for each in sorted(number_pictures.glob("*.png")) if each.stem != "m"]
    with striate.open_regressor(report.file) as file, striate.open_regressor(run.path) as whole:
        found, right = file.values(pictures), whole.values(pictures)
    assert np.abs((found - right) / DEVIATIONS).max() < NEAR
    with (
        striate.open_regressor(report.file, crops="10") as file,
        striate.open_regressor(run.path, crops="10") as whole,
    ):
        found, right = file.values(pictures[:1]), whole.values(pictures[:1])
    assert np.abs((found - right) / DEVIATIONS).max() < NEAR


@pytest.mark.parametrize("option", [{"threshold": 0.5}, {"cam": True}])
def test_what_is_for_classes_is_refused(numbers: Path, tmp_path: Path, option: Any) -> None:
    name = next(iter(option))
    why = rf"{name}.* is for classes, and this run answers with numbers"
    with pytest.raises(StriateError, match=why):
        striate.export(numbers, tmp_path / "x.onnx", **option)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        ("[]", "its targets are none"),
        ("[1]", "is no table"),
        ('[{"name": "a"}]', "mean"),
        ("{", "damaged metadata"),
    ],
)
def test_damaged_targets_are_named(numbers: Path, tmp_path: Path, targets: str, why: str) -> None:
    model = onnx.load(numbers / "lenet.onnx")
    for entry in model.metadata_props:
        if entry.key == "targets":
            entry.value = targets
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ExportError, match=rf"damaged metadata.*{why}|{why}"):
        striate.open_predictor(tmp_path / "x.onnx")


def test_a_value_that_is_off_is_told_in_deviations() -> None:
    yardstick = in_deviations(DEVIATIONS)
    right = np.array([[40.0, 30000.0]], np.float32)
    assert yardstick.difference(right, right + np.float32([1.25, 90])) == pytest.approx(0.1)
    check_values("onnxruntime", ["a"], [right], [right + np.float32([0.1, 9])], yardstick)
    why = "a value on a that is 0.1 deviations from evaluation's (allowed: 0.02)"
    with pytest.raises(ExportError, match=re.escape(why)):
        check_values("onnxruntime", ["a"], [right], [right + np.float32([1.25, 0])], yardstick)


def test_other_servers_are_told_of_no_classes(numbers: Path) -> None:
    model = read_model(numbers / "lenet.onnx", "ages")
    for layout in ("triton", "ovms"):
        files = files_of(layout, [model])
        assert "ages/labels.txt" not in files
    text = files_of("triton", [model])["ages/config.pbtxt"].decode()
    assert 'name: "value" data_type: TYPE_FP32 dims: [ 2 ]' in text
    assert "label_filename" not in text


def test_a_file_is_measured_as_its_run_is(
    numbers: Path, number_pictures: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    names = ("<i>one", "two 玫瑰", "z")
    rows = [f'"{number_pictures / name}.png",{n},{2 * n}' for n, name in enumerate(names)]
    table.write_text("\n".join(["file,age,<i>count", *rows]), encoding="utf-8")
    found = striate.evaluate(numbers / "lenet.onnx", table)
    same = striate.evaluate(numbers, table, all_images=True)
    assert isinstance(found, RegressionEvaluation)
    assert isinstance(same, RegressionEvaluation)
    assert found.mae == pytest.approx(same.mae, rel=1e-4)
    assert found.rmse == pytest.approx(same.rmse, rel=1e-4)
    assert "holds no list of what it was trained on" in found.notes[-1]


def test_files_are_not_compared_and_say_so(numbers: Path, tmp_path: Path) -> None:
    other = shutil.copy(numbers / "lenet.onnx", tmp_path / "other.onnx")
    for one in (numbers, other):
        with pytest.raises(RunError, match="only runs are compared; give the run"):
            striate.compare_runs([one, numbers / "lenet.onnx"], data=tmp_path)


def test_what_a_later_version_says_of_a_target_is_passed_over(
    numbers: Path, tmp_path: Path
) -> None:
    model = onnx.load(numbers / "lenet.onnx")
    entry = next(each for each in model.metadata_props if each.key == "targets")
    entry.value = json.dumps([{**each, "colour": "red"} for each in json.loads(entry.value)])
    onnx.save(model, tmp_path / "later.onnx")
    with Regressor.of_file(tmp_path / "later.onnx") as later:
        assert [each.name for each in later.targets] == ["age", "<i>count"]
