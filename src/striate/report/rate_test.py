"""The picture of a range test: the loss of the first steps over rising learning rates."""

from __future__ import annotations

import math

from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.inputs import PageInputs
from striate.support.words import figure, power

#: What is this many times the first loss is not drawn: all below would be flat beside it.
_HIGHEST = 1.5


def range_test_charts(inputs: PageInputs) -> list[tuple[str, str, Chart]]:
    """(title, key, chart) of the range test that the run began with; none where there was none."""
    test = inputs.rate_test
    if test is None or not test.rates:
        return []
    smoothed = test.smoothed
    high = _HIGHEST * smoothed[0]
    steps = range(len(test.rates))
    marked = None
    if test.suggested is not None:
        distances = [abs(math.log(rate / test.suggested)) for rate in test.rates]
        marked = min(steps, key=distances.__getitem__)
    axes = Axes(
        label="Loss over the learning rate of the first steps",
        x=steps,
        x_names=[f"rate {figure(rate, 3)}" for rate in test.rates],
        x_title="learning rate",
        x_ticks=[(step, power(rate)) for step, rate in enumerate(test.rates) if _is_power(rate)],
        low=0.0,
        high=high,
        mark=marked,
        mark_name="taken",
    )
    series = [
        Series(name=name, style=style, values=[v if v <= high else None for v in values])
        for name, style, values in (
            ("of a batch", "top5", test.losses),
            ("smoothed", "train", smoothed),
        )
    ]
    return [("Range test of the learning rate", "range", line_chart(series, axes))]


def _is_power(rate: float) -> bool:
    return abs(math.log10(rate) - round(math.log10(rate))) < 1e-6
