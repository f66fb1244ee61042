"""From values to what a person reads."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from striate.data.targets import Target
from striate.errors import TrainingError
from striate.evaluation.regression.conformal import half_widths
from striate.evaluation.regression.result import measure_values

AGE, WEIGHT = Target(name="age", unit="years"), Target(name="[red]\x1b[2J")


def made(images: int = 200) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    true = random.normal(size=(images, 2)) * (10, 0.1) + (40, 1)
    return true, (true + random.normal(size=(images, 2)) * (3, 0.02)).astype(np.float32)


def test_each_target_is_judged_in_its_own_unit() -> None:
    true, predicted = made()
    found = measure_values(true, predicted, (AGE, WEIGHT), deviations=(10.0, 0.1))
    age, weight = found.per_target
    errors = np.abs(predicted - true).mean(axis=0)
    assert age.figures["mae"].value == pytest.approx(errors[0])
    assert weight.figures["mae"].value == pytest.approx(errors[1])
    assert found.mae == pytest.approx((errors[0] / 10 + errors[1] / 0.1) / 2)
    for figure in age.figures.values():
        low, high = figure.interval
        assert low < figure.value < high
    assert age.figures["mae"].value < age.figures["mae"].baseline
    alone = measure_values(true[:, :1], predicted[:, :1], (AGE,))
    assert alone.mae == pytest.approx(errors[0])
    assert alone.per_target[0].figures == age.figures


def test_intervals_of_other_images_are_judged_and_own_ones_cross_fitted() -> None:
    true, predicted = made()
    one, other = np.abs(predicted - true)[:100, 0], np.abs(predicted - true)[100:, 0]
    widths = half_widths(one)
    found = measure_values(true[100:, :1], predicted[100:, :1], (AGE,), half_widths=[widths])
    for interval, width in zip(found.per_target[0].intervals, widths, strict=True):
        assert interval.half_width == width
        assert interval.covered == (other <= width).sum()
    own = measure_values(true[100:, :1], predicted[100:, :1], (AGE,))
    assert [each.half_width for each in own.per_target[0].intervals] == list(half_widths(other))


def test_it_is_plain_values_and_readable_text() -> None:
    true, predicted = made()
    found = measure_values(true, predicted, (AGE, WEIGHT))
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["per_target"][0]["unit"] == "years"
    assert plain["per_target"][0]["mae"]["value"] == found.per_target[0].figures["mae"].value
    text = found.summary()
    assert "age (years)" in text
    assert "[red]\\x1b[2J" in text
    assert "prediction interval" in text


def test_one_image_and_a_constant_target_have_no_more_figures_than_they_can() -> None:
    found = measure_values(np.ones((1, 1)), np.zeros((1, 1)), (AGE,))
    assert found.mae == 1
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["r2"] is None
    assert plain["per_target"][0]["intervals"][2]["half_width"] is None
    assert plain["per_target"][0]["mae"]["interval"] == [None, None]
    assert "too few images" in found.summary()
    assert found.lines == ("age: mean absolute error 1.000 years on 1 image",)


def test_what_is_no_number_is_refused() -> None:
    true, predicted = made(5)
    predicted[2, 1] = np.nan
    with pytest.raises(TrainingError, match="1 of 5 images"):
        measure_values(true, predicted, (AGE, WEIGHT))
    with pytest.raises(ValueError, match="shapes"):
        measure_values(true, predicted, (AGE,))
