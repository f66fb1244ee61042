"""Predictions of several images, printed and in a notebook."""

from __future__ import annotations

from pathlib import Path

import striate
from striate.data.targets import Target
from striate.errors import DataError
from striate.inference.estimate import Estimate, Interval
from striate.inference.listed import Predictions
from striate.inference.prediction import Prediction
from striate.support.shown import MOST_SHOWN

SURE = Prediction(file="<a>.png", classes=("<b>", "玫瑰"), probabilities=(0.875, 0.125))
WRONG = Prediction(file="b", classes=("tulip",), probabilities=(0.4,), label="daisy", unsure=True)
BAD = Prediction.failed("c\x1b[2J", DataError("c", "is no image", "give one"))


def test_predictions_print_as_lines() -> None:
    assert str(Predictions([SURE, WRONG, BAD])).splitlines() == [
        "<a>.png: <b> 87.5 %, 玫瑰 12.5 %",
        "b: unsure (tulip 40.0 %) (wrong: daisy)",
        "c\\x1b[2J: is no image; give one",
    ]
    assert str(SURE) == SURE.summary()
    assert repr(SURE).startswith("Prediction(")
    assert Predictions([SURE]) == [SURE]


def test_predictions_are_a_table_in_a_notebook_escaped() -> None:
    shown = Predictions([SURE, WRONG, BAD])._repr_html_()
    assert shown.count("<tr>") == 4
    assert "<td>&lt;a&gt;.png</td><td>&lt;b&gt;</td>" in shown
    assert 'style="width:88%"' in shown
    assert "<td>tulip (unsure)</td>" in shown
    assert "<td>daisy ✗</td>" in shown
    assert "\x1b" not in shown
    many = Predictions([SURE] * (MOST_SHOWN + 7))
    assert "… and 7 more" in many._repr_html_()
    assert Predictions([])._repr_html_()


def test_numbers_have_a_column_each_and_one_for_their_interval() -> None:
    targets = (Target(name="<i>age", unit="年"), Target(name="tilt"))
    level = (Interval(level=0.9, low=24.5, high=37.5),)
    told = Estimate(file="a", targets=targets, values=(31.0, 4.0), intervals=(level, ()))
    bad = Estimate.failed("b", targets, DataError("b", "is no image"))
    listed = Predictions([told, bad])
    assert str(listed).splitlines() == [
        "a: <i>age 31.00 年 (90 %: 24.50 to 37.50), tilt 4.000",
        "b: is no image",
    ]
    shown = listed._repr_html_()
    assert '<th class="right">&lt;i&gt;age</th>' in shown
    assert '<td class="right">24.50 to 37.50</td>' in shown
    assert shown.count("<td") == 10


def test_what_predict_gives_is_such_a_list_and_a_run_prints_what_show_prints(
    numbers: Path, number_pictures: Path
) -> None:
    found = striate.predict(numbers, number_pictures)
    assert isinstance(found, Predictions)
    assert "年 &lt;b&gt;" in found._repr_html_()
    run = striate.open_run(numbers)
    assert str(run) == striate.show(numbers).summary()
    assert "lenet" in run._repr_html_()
