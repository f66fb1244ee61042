"""The page of a run of numbers: whole, escaped, the same each time, and what it says is right."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.data.targets import Target
from striate.evaluation.regression.result import measure_values
from striate.recipes.recipe import Recipe
from striate.report.embedded import Embedded
from striate.report.numbers import render
from striate.report.regression.doubts import doubts_of
from striate.report.regression.ensemble import MemberValues, member_values, number_ensemble
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.insight import NumberInsight, worst
from striate.report.regression.words import error, given, reaching, value
from striate.runs.gather import gather
from striate.runs.predicted_values import read_values
from striate.runs.targets import ScaledTarget

AGE = ScaledTarget(name="<b>age", unit="年 <i>", mean=40.0, deviation=12.0, low=1.0, high=90.0)
SPAN = ScaledTarget(name="span", mean=0.0, deviation=0.003, low=-0.01, high=0.01)


def images_of(values: Any, targets: Any) -> ImageSet:
    n = len(values)
    grey = np.arange(n, dtype=np.uint8)[:, None, None, None]
    return ImageSet(
        classes=(),
        labels=np.zeros(n, np.int64),
        names=[f"<b>{at}.png" for at in range(n)],
        digests=[f"{at:064x}" for at in range(n)],
        sizes=np.full((n, 2), 8, np.int32),
        grey=np.ones(n, np.bool_),
        pixels=np.broadcast_to(grey, (n, 8, 8, 1)).copy(),
        targets=tuple(each.plain for each in targets),
        values=values,
    )


def inputs_of(targets: Any = (AGE,), n: int = 80, **changes: Any) -> NumberInputs:
    random = np.random.default_rng(0)
    scale = np.array([each.deviation for each in targets])
    true = np.array([each.mean for each in targets]) + scale * random.normal(size=(n, len(targets)))
    predicted = true + 0.3 * scale * random.normal(size=true.shape)
    predicted[3] = true[3] + 9 * scale
    held = images_of(true, targets)
    points = random.normal(size=(n, 5)).astype(np.float32)
    given: dict[str, Any] = {
        "network": "resnet20",
        "title": "ResNet-20",
        "reference": "He et al., 2016",
        "evaluation": measure_values(
            true, predicted, held.targets, deviations=scale.tolist(), digests=held.digests
        ),
        "targets": tuple(targets),
        "true": true,
        "predicted": predicted,
        "images": held,
        "train": held,
        "totals": {"train": n, "val": n},
        "preprocessing": Preprocessing(
            resize=8, height=8, width=8, channels=1, mean=(0.5,), std=(0.25,)
        ),
        "part": "val",
        "held_out": "split",
        "data_origin": "/photos/people",
        "weights_epoch": 2,
        "metrics": [
            {
                "epoch": at,
                "learning_rate": 0.1,
                "train": {"loss": 1 / at, "main": 1 / at, "auxiliary": [], "mae": 8.0 / at},
                "validation": {"loss": 0.9 / at, "mae": 7.0 / at, "rmse": 9.0 / at, "r2": 0.5},
            }
            for at in (1, 2)
        ],
        "recipe": Recipe(name="modern", reference="A paper"),
        "seed": 0,
        "insight": NumberInsight(
            maps={
                (image, target): random.normal(size=(4, 4)).astype(np.float32)
                for target in range(len(targets))
                for image in worst(predicted - true, target)
            },
            told="CAM of <layer>, 4 × 4",
            embedded=Embedded(
                held=np.arange(n),
                held_values=points,
                train=np.arange(n),
                train_values=points,
                of_held=n,
                of_train=n,
            ),
        ),
    }
    return NumberInputs(**(given | changes))


@pytest.fixture(scope="module")
def page() -> str:
    return render(inputs_of())


def words_of(page: str) -> str:
    without = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without).split())


def test_it_tells_the_figures(page: str) -> None:
    inputs, text = inputs_of(), words_of(page)
    (found,) = inputs.evaluation.per_target
    mae = found.figures["mae"]
    assert f"{np.abs(inputs.errors).mean():.3f}"[:4] in text
    assert f"{mae.interval[0]:.3f} to {mae.interval[1]:.3f}" in text
    assert f"{np.abs(inputs.true - np.median(inputs.true)).mean():.3f}" in text, "best constant"
    for heading in ("Learning", "Predictions of", "Worst misses", "Likely wrong values"):
        assert heading in text
    for level in found.intervals:
        assert f"{100 * level.coverage:.1f} %" in text
    assert "those of epoch 2, chosen because they did best on these very images" in text
    assert "Confusion" not in text
    assert "Calibration" not in text


def test_one_image_is_not_compared_with_a_constant_that_it_would_be() -> None:
    inputs = inputs_of(n=8)
    evaluation = measure_values(inputs.true[:1], inputs.predicted[:1], inputs.evaluation.targets)
    text = words_of(render(replace(inputs, evaluation=evaluation)))
    assert "the prediction is off by" in text
    assert "best constant –" not in text, "but for the head of a column"
    assert "constant, always" not in text
    assert "best constant 0" not in text


def test_names_are_escaped_and_the_same_inputs_give_the_same_bytes(page: str) -> None:
    assert "<b>age" not in page
    assert "<i>" not in page.replace('<i class="', "")
    assert "<b>3.png" not in page
    assert "CAM of &lt;layer&gt;" in page
    assert render(inputs_of()) == page


def test_every_image_has_a_point_with_its_picture(page: str) -> None:
    inputs = inputs_of()
    charts = json.loads(re.search(r'id="charts-data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    cells = json.loads(re.search(r'id="cells-data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    points = charts["predicted-0"]
    assert points["kind"] == "points"
    assert sorted(points["images"]) == list(range(80))
    assert points["x"] == sorted(points["x"])
    order = inputs.true[points["images"], 0]
    assert (np.diff(order) >= 0).all()
    place = points["images"].index(3)
    assert points["names"][place] == "<b>3.png"
    rows = dict(points["rows"][place])
    assert rows["predicted"] == value(float(inputs.predicted[3, 0]), AGE)
    # The higher the prediction, the higher the point.
    heights = np.array(points["y"])[np.argsort(inputs.predicted[points["images"], 0])]
    assert (np.diff(heights) <= 0).all()
    assert set(cells["pictures"]) == {str(at) for at in range(80)}
    assert page.count('class="point"') == 160


def test_a_wrong_value_is_found_with_its_evidence() -> None:
    from striate.evaluation.regression.doubtful import doubtful_values

    inputs = inputs_of()
    doubts = doubtful_values(inputs.true, inputs.predicted)
    assert [each.image for each in doubts] == [3]
    told = replace(inputs, insight=replace(inputs.insight, doubts=doubts, doubted=1))
    (shown,) = doubts_of(told).shown
    assert shown.true == given(float(inputs.true[3, 0]), AGE)
    near = inputs.true[np.argsort(-_cosines(inputs, 3))[:10], 0]
    assert given(float(np.median(near)), AGE) in shown.why


def _cosines(inputs: NumberInputs, image: int) -> Any:
    assert inputs.insight.embedded is not None
    points = inputs.insight.embedded.train_values.astype(np.float64)
    points = points - points.mean(0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points @ points[image]


def test_several_targets_and_few_images() -> None:
    page = render(inputs_of((AGE, SPAN), insight=NumberInsight(notes=("None: <i>.",))))
    text = words_of(page)
    assert "the mean of 2 targets" in text
    assert "span" in text
    assert "None: &lt;i&gt;." in page
    few = render(inputs_of(n=5, insight=NumberInsight(), metrics=[]))
    assert "too few images" in words_of(few)


def test_members_are_told_alone_and_together() -> None:
    inputs = inputs_of()
    random = np.random.default_rng(2)
    far = random.normal(0, 5, inputs.true.shape)
    members = tuple(
        MemberValues(name=f"<i>{at}", network="lenet", seed=at, predicted=inputs.true + sign * far)
        for at, sign in enumerate((1, -1.5))
    )
    mean = np.mean([each.predicted for each in members], axis=0)
    found = number_ensemble(replace(inputs, ensemble=members, predicted=mean))
    assert found is not None
    alone = np.abs(far).mean()
    assert f"off by {1.25 * alone:.2f} 年 <i> on average, together by {alone / 4:.3g}" in (
        found.sentence
    )
    assert [row["best"] for row in found.members] == [True, False]
    assert "is 1.0: where members disagree" in found.spread
    page = render(replace(inputs, ensemble=members, predicted=mean))
    assert "best alone" in page
    assert "<i>0" not in page
    assert number_ensemble(inputs) is None


def test_members_of_a_run_are_those_of_the_same_images(number_run: Path, tmp_path: Path) -> None:
    run = striate.open_run(number_run)
    kept = read_values(run)
    assert kept is not None
    copy = striate.open_run(shutil.copytree(number_run, tmp_path / "copy"))
    ensemble = gather([run, copy], tmp_path / "two")
    found = member_values(ensemble, kept.digests[::-1])
    assert len(found) == 2
    np.testing.assert_allclose(found[0].predicted, kept.predicted[::-1])
    assert member_values(ensemble, ["0" * 64]) == ()


def test_equal_values_and_right_predictions_can_be_drawn() -> None:
    inputs = inputs_of(n=30)
    same = np.full((30, 1), 7.0)
    evaluation = measure_values(same, same, [Target(name="age")])
    page = render(replace(inputs, true=same, predicted=same, evaluation=evaluation))
    assert "NaN" not in page
    assert "nan" not in page.replace("Constantia", "")


def test_values_are_written_as_finely_as_they_vary() -> None:
    assert value(31.24, AGE) == "31.2 年 <i>"
    assert given(30.0, AGE) == "30 年 <i>"
    assert given(30.125, AGE) == "30.125 年 <i>"
    assert value(0.00123456, SPAN) == "0.00123"
    assert value(-0.04, AGE).startswith("0.0 ")
    assert reaching(-1.0, 2.0, AGE) == "−1.0 to 2.0 年 <i>"
    assert error(2.12, AGE) == "+2.1"


def test_the_page_of_a_run(number_run: Path) -> None:
    page = (number_run / "report.html").read_text("utf-8")
    text = words_of(page)
    run = striate.open_run(number_run)
    evaluation = json.loads((number_run / "evaluation.json").read_text())
    assert evaluation["images"] == 12
    assert "What moved the value" in page
    assert "Grad-CAM of" in text
    assert "nearest to it" in text
    assert len(run.targets) == 2
    assert "squares" in text
    assert "There are no" not in text
