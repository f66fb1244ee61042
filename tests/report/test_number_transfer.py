"""The section on a transfer to numbers, from what a transfer writes down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.report.number_transfer import NumberTransfer, number_transfer
from striate.report.pages import TEMPLATES
from striate.runs.targets import ScaledTarget
from striate.support.html import templates
from striate.transfer_learning.heads.regression.fit import fit_value_head

AGE = ScaledTarget(name="age<b>", unit="years", mean=40.0, deviation=10.0, low=20.0, high=60.0)
SEEN = Preprocessing(resize=8, height=8, width=8, mean=(0.5,) * 3, std=(0.5,) * 3)


def images(count: int, values: Any) -> ImageSet:
    random = np.random.default_rng(0)
    return ImageSet(
        classes=(),
        labels=np.zeros(count, np.int64),
        names=[f"<i>{index}.png" for index in range(count)],
        digests=[f"{index:064x}" for index in range(count)],
        sizes=np.full((count, 2), 8, np.int32),
        grey=np.zeros(count, np.bool_),
        pixels=random.integers(0, 256, (count, 8, 8, 3), np.uint8),
        targets=tuple(AGE.plain for _ in values[0]),
        values=values,
    )


def record(kind: str, values: Any, **more: Any) -> dict[str, Any]:
    rows = np.random.default_rng(1).normal(size=(len(values), 6)).astype(np.float32)
    rows[:, : values.shape[1]] += (values - 40) / 10
    head = fit_value_head(kind, rows, (values - 40) / 10).to_json()
    given = {"origin": "chance", "head": head, "compared": [head]}
    return given | {"furthest": [{"image": 3, "target": 0, "error": -1.5}]} | more


def section(kind: str, targets: int = 1, **more: Any) -> tuple[NumberTransfer, dict[str, Any]]:
    values = 40 + 10 * np.random.default_rng(0).normal(size=(30, targets))
    values[3, 0] = 27
    given = record(kind, values, **more)
    return number_transfer(given, [AGE] * targets, images(30, values), SEEN), given


def page(of: NumberTransfer) -> str:
    made: Any = templates(TEMPLATES).get_template("number_transfer.html").module
    return str(made.number_transfer(of, pixel_art=True))


@pytest.mark.parametrize("kind", ["svr", "svr-rbf"])
def test_the_tube_is_told_in_the_targets_unit(kind: str) -> None:
    found, given = section(kind)
    (tube,) = found.tubes
    kept = given["head"]["tubes"][0]
    assert f"{kept['within']} training images of 30" in tube.sentence
    assert "years" in tube.sentence
    assert [each.file for each in tube.edge] == [f"<i>{at}.png" for at, _ in kept["edge"]]
    assert str(tube.chart).count("<rect") >= sum(1 for each in kept["counts"] if each)
    text = page(found)
    assert "The tube" in text
    assert "<i>3.png" not in text
    assert "&lt;i&gt;3.png" in text


def test_ridge_has_no_tube_and_wrong_values_are_pictures() -> None:
    found, given = section("ridge")
    assert found.tubes == []
    (wrong,) = found.wrong
    assert (wrong.value, wrong.off) == ("27 years", "−15.0")
    assert f"α = {given['head']['chosen']['alpha']:.2g}"[:3] in found.heads[0].fit
    assert found.choice is not None
    assert "Choosing the regularisation" in page(found)
    assert "The tube" not in page(found)


def test_two_targets_share_a_scale_and_curves_are_drawn() -> None:
    curve = {
        "images": [
            {"images": 10, "error": {"ridge": 0.9, "svr": 0.8}},
            {"images": 30, "error": {"svr": 0.7}},
        ],
        "stages": {
            "frozen": [0, 2, 4],
            "curves": [{"images": 20, "error": [0.9, 0.8, 0.7]}],
            "judged": 12,
            "epochs": 5,
        },
    }
    found, _ = section("svr", 2, curve=curve)
    assert "deviations" in found.sentence
    assert len(found.tubes) == 2
    assert found.by_images is not None
    assert [row["name"] for row in found.charts["error-images"]["rows"]] == [
        "ridge regression",
        "linear SVR",
    ]
    assert "12 images" in found.by_stages_sentence
    assert "by frozen stages" in page(found)
