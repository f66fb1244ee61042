"""The page of a detector's evaluation: curves, classes, and its mistakes as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from striate.detection.evaluation.result import BoxEvaluation, ClassFigures
from striate.report.box_pictures import Gallery, gallery
from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.pages import rendered
from striate.support.files import write_text
from striate.support.svg import Scale, element
from striate.support.words import THIN, count, percent, plural

CURVES = 11
"""Classes that have curves of their own: those with the most labelled boxes."""
_SECTIONS = (
    ("result", "Result"),
    ("curves", "Curves"),
    ("classes", "Classes"),
    ("false", "False"),
    ("missed", "Missed"),
    ("settings", "Settings"),
)
_RECALLS = range(101)


def write_box_page(found: BoxEvaluation, path: str | Path) -> Path:
    """Write the page of an evaluation; returns its path.

    Raises:
        WriteError: it cannot be written.
        DataError: a picture has gone since it was evaluated.
    """
    return write_text(path, render(found))


def render(found: BoxEvaluation) -> str:
    """The page as HTML. The same evaluation gives the same bytes."""
    charts = _charts(found)
    return rendered(
        "detection.html",
        page=_page(found),
        plots=charts,
        classes=found.per_class,
        wrong=_gallery(found, found.false),
        missed=_gallery(found, found.missed),
        charts={key: chart.hover for _, _, key, chart in charts},
        cells={"cells": {}, "classes": [], "pixels": False},
        facts=_facts(found),
    )


def _gallery(found: BoxEvaluation, mistakes: Sequence[Any]) -> list[Gallery]:
    return gallery(mistakes, found.pictures, found.classes)


def _page(found: BoxEvaluation) -> dict[str, Any]:
    ap = percent(found.ap)
    return {
        "sections": _SECTIONS,
        "title": str(found.settings.get("network", "detector")),
        "eyebrow": str(found.source),
        "data_name": found.source.stem,
        "lead": _lead(found),
        "ap": ap,
        "ap_number": ap.removesuffix("%").strip(),
        "ap50": percent(found.ap50),
        "standing": _standing(found),
        "sentence": _sentence(found),
        "tiles": _tiles(found),
        "caveats": [
            f"Note: {note}."
            for note in (*(f"{file}: {why}" for file, why in found.skipped), *found.notes)
        ],
        "threshold": f"{found.threshold:g}",
    }


def _lead(found: BoxEvaluation) -> str:
    classes = plural(len(found.per_class), "class", "classes")
    part = f" in the part “{found.part}”" if found.part else ""
    return (
        f"{plural(found.boxes, 'labelled box', 'labelled boxes')} of {classes} in "
        f"{plural(found.images, 'picture')}{part}, read from {found.form}."
    )


def _sentence(found: BoxEvaluation) -> str:
    seen = [each.seen for each in found.per_class]
    right, wrong = sum(each.right for each in seen), sum(each.wrong for each in seen)
    lost = sum(each.missed for each in seen)
    return (
        f"Of {plural(right + lost, 'thing')} that count, {count(right)} are found by a box with a "
        f"score of {found.threshold:g} or more that overlaps them by half; {count(lost)} are "
        f"missed, and {plural(wrong, 'such box is', 'such boxes are')} wrong."
    )


def _tiles(found: BoxEvaluation) -> list[tuple[str, str, str]]:
    figures = found.figures

    def share(name: str) -> str:
        value = figures[name]
        return "–" if value is None else percent(value)

    return [
        ("AP50", share("ap50"), "right from an overlap of .50"),
        ("AP75", share("ap75"), "right from .75"),
        ("Small", share("ap_small"), "AP of things below 32 × 32 pixels"),
        ("Medium", share("ap_medium"), "up to 96 × 96"),
        ("Large", share("ap_large"), "above"),
        ("Recall", share("ar100"), "mean over overlaps, 100 boxes a class and picture"),
    ]


def _standing(found: BoxEvaluation) -> Markup:
    """AP and AP50 on a line from nothing to everything."""
    across = Scale(low=0, high=1, start=0, end=1000)
    ap, half = across(found.ap), across(found.ap50)
    return element(
        "svg",
        element("rect", x=0, y=11, width=1000, height=8, class_="track"),
        element("rect", x=0, y=11, width=ap, height=8, class_="upto"),
        element("rect", x=max(half - 1.5, 0), y=3, width=3, height=24, class_="base"),
        element("rect", x=max(ap - 1.5, 0), y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"AP {percent(found.ap)}, AP50 {percent(found.ap50)}",
    )


def _charts(found: BoxEvaluation) -> list[tuple[str, str, str, Chart]]:
    """(title, note, key, chart): the mean over classes, then the most frequent classes."""
    rows = sorted(found.per_class, key=lambda each: -each.boxes)
    drawn = [("Mean over classes", "", "mean", _chart("Mean over classes", *_mean(rows)))]
    if len(rows) == 1:
        drawn = []
    for number, each in enumerate(rows[:CURVES]):
        note = plural(each.boxes, "box", "boxes")
        chart = _chart(each.name, _reached(each.curve50), _reached(each.curve75))
        drawn.append((each.name, note, f"class-{number}", chart))
    return drawn


def _chart(name: str, half: list[float | None], three_quarters: list[float | None]) -> Chart:
    axes = Axes(
        label=f"Precision at each recall: {name}",
        x=_RECALLS,
        x_names=[f"recall {recall}{THIN}%" for recall in _RECALLS],
        x_title="recall, %",
        show=percent,
        low=0,
        high=1,
        x_ticks=[(recall, str(recall)) for recall in range(0, 101, 20)],
    )
    series = [
        Series(name="overlap .50", style="val", values=half),
        Series(name="overlap .75", style="train", values=three_quarters),
    ]
    return line_chart(series, axes)


def _mean(rows: Sequence[ClassFigures]) -> tuple[list[float | None], list[float | None]]:
    """The mean over the classes, of which one that does not reach a recall counts with 0."""
    half = np.mean([each.curve50 for each in rows], axis=0)
    three_quarters = np.mean([each.curve75 for each in rows], axis=0)
    return _reached(half.tolist()), _reached(three_quarters.tolist())


def _reached(curve: Sequence[float]) -> list[float | None]:
    """A curve up to the recall that is reached: beyond it there is no precision."""
    return [value if value > 0 else None for value in curve]


def _facts(found: BoxEvaluation) -> list[tuple[str, list[tuple[str, str]]]]:
    settings = [(str(key).replace("_", " "), _value(v)) for key, v in found.settings.items()]
    data = [
        ("file or folder", str(found.source)),
        ("form", found.form),
        ("part", found.part or "all of it"),
        ("pictures", count(found.images)),
        ("boxes", count(found.boxes)),
    ]
    return [("Detector", settings), ("Data", data)]


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
