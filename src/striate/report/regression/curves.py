"""The figures of training for numbers: losses, errors, learning rate."""

from __future__ import annotations

import math

from striate.report.charts import Chart, Series, line_chart
from striate.report.curves import axes_of, column, losses, lowest_loss, overfitting, rates
from striate.report.rate_test import range_test_charts
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.sections import constant
from striate.report.regression.words import unit_of
from striate.support.words import figure


def charts(inputs: NumberInputs) -> list[tuple[str, str, Chart]]:
    """(title, key, chart) of every learning curve; none where no epoch was logged."""
    if not inputs.epochs:
        return []
    return [
        ("Loss", "loss", losses(inputs)),
        ("Error", "error", _errors(inputs)),
        ("Learning rate", "rate", rates(inputs)),
        *range_test_charts(inputs),
    ]


def _errors(inputs: NumberInputs) -> Chart:
    """Mean absolute errors, beside that of the best constant."""
    lines = inputs.judged
    several = len(inputs.targets) > 1
    unit = " deviations" if several else unit_of(inputs.targets[0])
    best = constant(inputs)
    series = [
        Series(name="training", style="train", values=column(lines, "train", "mae")),
        Series(name="validation", style="val", values=column(lines, "validation", "mae")),
        Series(
            name="validation, root mean squared",
            style="aux1",
            values=column(lines, "validation", "rmse"),
        ),
    ]
    axes = axes_of(
        inputs,
        label="Errors over the epochs",
        show=lambda error: f"{figure(error)}{unit}",
        low=0.0,
        level=best if math.isfinite(best) else None,
        level_name="best constant",
    )
    return line_chart(series, axes)


def lesson(inputs: NumberInputs) -> str:
    """The outcome of training, in a sentence or two computed from the curves."""
    said = lowest_loss(inputs)
    last = inputs.judged[-1] if inputs.judged else {}
    train = last.get("train", {}).get("mae")
    val = last.get("validation", {}).get("mae")
    if train and val and max(train, val) > 1.05 * min(train, val):
        times = figure(max(train, val) / min(train, val))
        larger = "validation" if val > train else "training"
        said += f" At the end, the {larger} error is {times} times the other"
        said += (
            "."
            if val > train
            else ", which was taken on images as they are, while training augments them."
        )
    return f"{said}{overfitting(inputs)}"
