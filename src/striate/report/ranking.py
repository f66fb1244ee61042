"""Curves of precision, recall and coverage: how well probabilities tell classes apart."""

from __future__ import annotations

import math
from typing import Any

from striate.evaluation.metrics import Evaluation
from striate.evaluation.ranking import ClassCurves
from striate.report.charts import Axes, Chart, Series, line_chart
from striate.support.words import figure, percent

_TICKS = tuple((share, str(share)) for share in (0, 25, 50, 75, 100))
#: Confidence that is spoken of: the first that the classifier does not have anyway.
_WANTED = (0.9, 0.95, 0.99, 0.999)


def charts(evaluation: Evaluation) -> list[tuple[str, str, Chart]]:
    """(title, key, chart): precision over recall, ROC, and coverage; the last alone if need be."""
    shown = _shown(evaluation)
    drawn = []
    if shown:
        precision = [_series(name, style, each.precision) for name, style, each in shown]
        rates = [_series(name, style, each.roc) for name, style, each in shown]
        drawn = [
            ("Precision over recall", "precision", _chart(precision, "Precision", "recall, %")),
            ("ROC", "roc", _chart(rates, "True positive rate", "false positive rate, %")),
        ]
    points = evaluation.ranking.coverage[:100]
    parts = [
        Series(name="answered", style="train", values=[each.coverage for each in points]),
        Series(name="right, of these", style="val", values=[each.accuracy for each in points]),
    ]
    axes = _axes("Coverage and accuracy over the threshold", "threshold, %", len(points))
    return [*drawn, ("Coverage", "coverage", line_chart(parts, axes))]


def sentence(evaluation: Evaluation) -> str:
    """What the curves come to."""
    mean = evaluation.ranking.mean
    said = ""
    if not math.isnan(mean.roc_area):
        said = (
            f"The mean area below the classes’ precision-recall curves is "
            f"{figure(mean.average_precision)}, below their ROC curves {figure(mean.roc_area)}. "
        )
    wanted = next((share for share in _WANTED if share > evaluation.top1), None)
    point = None if wanted is None else evaluation.ranking.threshold_for(wanted)
    if wanted is None or point is None:
        return said.rstrip()
    return (
        f"{said}To be right {percent(wanted)} of the time, answers below a probability of "
        f"{percent(point.threshold)} have to be left out: {percent(1 - point.coverage)} of the "
        "images are then unsure."
    )


def areas(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Both areas of each class, in the order of the classes; None for what is undefined."""
    return [
        {
            name: None if math.isnan(value) else value
            for name, value in (("pr", each.average_precision), ("roc", each.roc_area))
        }
        for each in evaluation.ranking.classes
    ]


def _shown(evaluation: Evaluation) -> list[tuple[str, str, ClassCurves]]:
    """(name, style, curves) of the mean, and of the best and the worst class if there are any."""
    mean = evaluation.ranking.mean
    if not len(mean.roc):
        return []
    kept = [each for each in evaluation.ranking.classes if len(each.roc)]
    kept.sort(key=lambda each: each.average_precision)
    ends = [] if len(kept) < 2 else [(kept[0], "aux1"), (kept[-1], "aux2")]
    named = [(f"“{each.name}”", style, each) for each, style in ends]
    return [*named, ("mean of the classes", "val", mean)]


def _series(name: str, style: str, values: Any) -> Series:
    return Series(name=name, style=style, values=[float(value) for value in values])


def _chart(series: list[Series], label: str, x_title: str) -> Chart:
    return line_chart(series, _axes(f"{label} over {x_title}", x_title, len(series[0].values)))


def _axes(label: str, x_title: str, points: int) -> Axes:
    what = x_title.removesuffix(", %")
    return Axes(
        label=label,
        x=range(points),
        x_names=[f"{what} {each} %" for each in range(points)],
        x_title=x_title,
        show=percent,
        tick=lambda share: f"{100 * share:.0f}",
        low=0.0,
        high=1.0,
        x_ticks=_TICKS if points > 100 else _TICKS[:-1],
    )
