"""Numbers behind HTTP: value, unit and interval for people, tensors for programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.runs.conformal import HalfWidth, keep_conformal
from striate.runs.run import Run
from striate.serving.offers import offers_of

from .conftest import as_file, noise, write_file  # type: ignore[import-not-found]

DEVIATIONS = np.array([12.5, 9e3])


@pytest.fixture
def client(serve: Any, numbers: Path, tmp_path: Path) -> Any:
    """Of a model of numbers, `ages`, and one of classes, `colours`."""
    return serve([f"ages={numbers}", write_file(tmp_path / "colours.onnx")])[1]


def test_people_are_told_values_units_and_intervals(client: Any, numbers: Path) -> None:
    files = [noise(50, 41, seed) for seed in range(2)]
    with striate.open_regressor(numbers) as regressor:
        right = regressor.values(files)
    for file, values in zip(files, right, strict=True):
        status, _, body = client("/predict", as_file(file))
        assert status == 200
        (result,) = json.loads(body)["results"]
        assert "file" not in result
        age, count = result["values"]
        found = [age["value"], count["value"]]
        assert np.abs(np.subtract(found, values) / DEVIATIONS).max() < 1e-3
        assert (age["target"], age["unit"]) == ("age", "年 <b>")
        assert (count["target"], count["unit"], count["intervals"]) == ("<i>count", "", [])
        eighty, ninety = age["intervals"]
        assert (eighty["level"], eighty["high"] - age["value"]) == pytest.approx((0.8, 5))
        assert (ninety["level"], age["value"] - ninety["low"]) == pytest.approx((0.9, 9))


def test_what_cannot_be_read_and_what_is_for_classes(client: Any) -> None:
    assert client("/predict", b"no picture")[0] == 422
    for query in ("top=3", "heatmap=likeliest"):
        status, _, body = client(f"/predict?{query}", as_file(noise(9, 9)))
        assert status == 400
        assert "answers with numbers" in json.loads(body)["error"]


def test_programs_get_a_tensor_of_values(client: Any, numbers: Path) -> None:
    images = np.stack([noise(40, 33, seed) for seed in range(3)])
    with striate.open_regressor(numbers) as regressor:
        right = regressor.values(list(images))
    given = {"name": "image", "datatype": "UINT8", "shape": [*images.shape]}
    body = {"inputs": [given | {"data": images.ravel().tolist()}]}
    status, _, answer = client("/v2/models/ages/infer", json.dumps(body))
    assert status == 200
    (output,) = json.loads(answer)["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("value", "FP32", [3, 2])
    found = np.reshape(output["data"], (3, 2))
    assert np.abs((found - right) / DEVIATIONS).max() < 1e-3
    for wanted, why in (
        ({"name": "probabilities"}, "no output is called"),
        ({"name": "value", "parameters": {"classification": 2}}, "is for classes"),
    ):
        status, _, answer = client(
            "/v2/models/ages/infer", json.dumps(body | {"outputs": [wanted]})
        )
        assert status == 400
        assert why in json.loads(answer)["error"]


def test_programs_learn_what_the_values_are(client: Any) -> None:
    outputs = json.loads(client("/v2/models/ages")[2])["outputs"]
    assert outputs[0] == {"name": "value", "datatype": "FP32", "shape": [-1, 2]}
    told = json.loads(client("/v2/models/ages/config")[2])
    assert told["output"][0]["dims"] == [2]
    targets = json.loads(told["parameters"]["targets"]["string_value"])
    assert [each["name"] for each in targets] == ["age", "<i>count"]
    assert targets[0]["intervals"][1] == {"level": 0.9, "half_width": 9.0}
    page = client("/")[2].decode()
    assert r"\u003cb\u003e" in page
    assert "年 <b>" not in page


def test_an_export_with_other_intervals_is_made_anew(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    monkeypatch.setattr("striate.serving.offers._export", lambda _, target: made.append(target))
    copy = shutil.copytree(numbers, tmp_path / "run")
    (offer,) = offers_of(copy, tmp_path)
    assert (offer.file, made) == (copy / "lenet.onnx", [])
    keep_conformal(Run.open(copy), [[HalfWidth(level=0.9, half_width=7.0)], []], 30)
    (offer,) = offers_of(copy, tmp_path)
    assert made == [offer.file]
