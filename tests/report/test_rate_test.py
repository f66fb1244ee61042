"""The picture of a range test in the report."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable

from striate.report.build import render
from striate.report.inputs import ReportInputs
from striate.report.rate_test import range_test_charts
from striate.runs.rate_test import RateTest

Make = Callable[..., ReportInputs]
RATES = tuple(10 ** (step / 16 - 5) for step in range(97))


def curve(*, rises: bool) -> RateTest:
    """A loss of 2 that is lowest at a rate of 0.1, or nowhere."""
    falling = [1 - math.exp(-((math.log10(rate) + 1) ** 2)) for rate in RATES]
    losses = [2.0 if rises else 1 + each for each in falling]
    return RateTest(rates=RATES, losses=(*losses[:-1], 99.0), before=0.1)


def test_a_curve_over_powers_of_ten_with_what_was_taken(make_inputs: Make) -> None:
    inputs = make_inputs(rate_test=curve(rises=False))
    ((title, key, chart),) = range_test_charts(inputs)
    assert (title, key) == ("Range test of the learning rate", "range")
    text = "".join(ET.fromstring(chart.svg).itertext())
    assert text.startswith("0")
    assert "learning rate" in text
    assert "taken" in text
    rows = {row["name"]: row["text"] for row in chart.hover["rows"]}
    assert set(rows) == {"of a batch", "smoothed"}
    assert rows["of a batch"][0] == "2.00"
    assert rows["of a batch"][64] == "1.00"  # at 0.1
    assert rows["of a batch"][-1] == "–"  # far above all others, and not drawn
    assert chart.hover["names"][32:65:32] == ["rate 0.00100", "rate 0.100"]
    page = render(inputs)
    assert "Range test of the learning rate" in page
    assert '"range":' in page


def test_where_no_rate_was_taken_none_is_marked(make_inputs: Make) -> None:
    ((_, _, chart),) = range_test_charts(make_inputs(rate_test=curve(rises=True)))
    assert "taken" not in chart.svg
    assert range_test_charts(make_inputs()) == []
    empty = RateTest(rates=(), losses=(), before=0.1)
    assert range_test_charts(make_inputs(rate_test=empty)) == []
