"""What the page shows of each target: charts, figures, ranges and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from striate.evaluation.regression.conformal import PredictionInterval
from striate.evaluation.regression.result import Figure, TargetResult
from striate.report.charts import Chart
from striate.report.regression.charts import (
    Frame,
    Points,
    coverage,
    histogram,
    scatter,
    shown_of,
)
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.words import between, error, given, measured, plain, unit_of, value
from striate.runs.targets import ScaledTarget
from striate.support.words import count, exact_percent, figure, percent, plural

#: The level whose interval is drawn and told where there is room for one.
LEVEL = 0.9
#: A mean error of such a share of the mean absolute error is called a lean to one side.
_LEANS = 0.25


@dataclass(frozen=True, kw_only=True)
class TargetSection:
    """What the page shows of one target."""

    name: str
    sentence: str
    figures: Sequence[tuple[str, str, str, str]]
    charts: Sequence[tuple[str, str, str, Chart]]
    """(title, note, key, chart) of what a pointer reads off."""
    histogram: Markup
    note: str
    """How many images have a point, where not all have one."""
    ranges: Sequence[dict[str, Any]]
    ranges_sentence: str
    intervals: Sequence[dict[str, Any]]


def target_sections(inputs: NumberInputs) -> list[TargetSection]:
    """Each target of the run, in their order."""
    return [_section(inputs, at) for at in range(len(inputs.targets))]


def _section(inputs: NumberInputs, at: int) -> TargetSection:
    found, target = inputs.evaluation.per_target[at], inputs.targets[at]
    shown = shown_of(inputs.errors[:, at], inputs.seed)
    band = interval_of(found)
    frame = Frame(
        key=f"predicted-{at}",
        label=f"Predicted against true values of {target.name}",
        x_title=f"true, {target.unit}" if target.unit else "true",
        square=True,
        band=band.half_width if band else math.inf,
    )
    residual = replace(
        frame,
        key=f"errors-{at}",
        label=f"Errors against true values of {target.name}",
        square=False,
    )
    points = _points(inputs, at, shown.tolist())
    errors = replace(points, y=inputs.errors[shown, at])
    banded = f"; shaded: {exact_percent(LEVEL)}" if band else ""
    return TargetSection(
        name=target.described,
        sentence=_sentence(found),
        figures=[_figure(each, target) for each in found.figures.values()],
        charts=[
            ("Predicted", f"against true{banded}", frame.key, scatter(points, frame)),
            ("Error", "against true", residual.key, scatter(errors, residual)),
        ],
        histogram=histogram(
            inputs.errors[:, at], unit_of(target), f"Images by their error of {target.name}"
        ),
        note=f"{count(len(shown))} of {plural(len(inputs.true), 'image')} have a point, half of "
        "them the worst."
        if len(shown) < len(inputs.true)
        else "",
        ranges=_ranges(found, target),
        ranges_sentence=_ranges_sentence(found),
        intervals=[_held(each, target) for each in found.intervals],
    )


def interval_of(found: TargetResult) -> PredictionInterval | None:
    """The interval of `LEVEL`; None where there are too few images for it."""
    own = (each for each in found.intervals if each.level == LEVEL)
    return next((each for each in own if math.isfinite(each.half_width)), None)


def _points(inputs: NumberInputs, at: int, shown: list[int]) -> Points:
    target = inputs.targets[at]
    return Points(
        numbers=shown,
        x=inputs.true[shown, at],
        y=inputs.predicted[shown, at],
        names=[str(inputs.images.names[each]) for each in shown],
        rows=[
            (
                ("true", given(float(inputs.true[each, at]), target)),
                ("predicted", value(float(inputs.predicted[each, at]), target)),
                ("error", error(float(inputs.errors[each, at]), target) + unit_of(target)),
            )
            for each in shown
        ],
    )


def _figure(found: Figure, target: ScaledTarget) -> tuple[str, str, str, str]:
    unit = unit_of(target) if found.metric.has_unit else ""
    name = found.metric.name
    return (
        name[0].upper() + name[1:],
        f"{figure(found.value, 4)}{unit}",
        between(*found.interval),
        figure(found.baseline, 4),
    )


def _sentence(found: TargetResult) -> str:
    """How far off predictions are, beside what a constant would be."""
    mae, r2 = found.figures["mae"], found.figures["r2"]
    if math.isnan(mae.baseline):
        return f"The prediction is off by {measured(mae.value, found.target)}."
    said = (
        f"Predictions are off by {measured(mae.value, found.target)} on average; on images like "
        f"these by {between(*mae.interval)} with 95 % confidence. The best constant, the median of "
        f"these images’ values, would be off by {measured(mae.baseline, found.target)}."
    )
    if math.isfinite(r2.value):
        if r2.value > 0:
            said += f" {percent(r2.value)} of the variance is explained."
        else:
            said += " No part of the variance is explained: the mean would do as well."
    return said


# --- ranges ---------------------------------------------------------------------------------------


def _ranges(found: TargetResult, target: ScaledTarget) -> list[dict[str, Any]]:
    """Errors by range of the true value, each with the length of its bar."""
    most = max((each.mae for each in found.ranges), default=1.0) or 1.0
    return [
        {
            "order": f"{each.low:.6g}",
            "numbers": [f"{value:.6g}" for value in (each.mae, each.rmse, each.bias)],
            "name": plain(each.low, target)
            if each.low == each.high
            else f"{plain(each.low, target)} to {plain(each.high, target)}",
            "images": each.images,
            "mae": figure(each.mae, 4),
            "share": 100 * each.mae / most,
            "rmse": figure(each.rmse, 4),
            "bias": f"{'+' if each.bias > 0 else ''}{figure(each.bias, 3)}",
        }
        for each in found.ranges
    ]


def _ranges_sentence(found: TargetResult) -> str:
    """Whether low and high values are pulled to the middle, which trained networks tend to do."""
    if len(found.ranges) < 2:
        return "All values are about the same."
    low, high = found.ranges[0], found.ranges[-1]
    said = "Mean error is predicted less true: above 0 too much is predicted."
    if low.bias > _LEANS * low.mae and high.bias < -_LEANS * high.mae:
        said += (
            " The least values are predicted too high and the largest too low: predictions are "
            "pulled to the middle, as where the images do not tell the value well enough."
        )
    return said


# --- intervals ------------------------------------------------------------------------------------


def _held(found: PredictionInterval, target: ScaledTarget) -> dict[str, Any]:
    endless = not math.isfinite(found.half_width)
    low, high = found.interval
    return {
        "level": exact_percent(found.level),
        "width": "too few images" if endless else f"± {measured(found.half_width, target)}",
        "held": "–" if endless else percent(found.coverage),
        "interval": "–" if endless else f"{percent(low)} to {percent(high)}",
        "drawn": "" if endless else coverage(found),
    }
