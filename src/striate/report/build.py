"""The page of a run: gathered, rendered, and written in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from striate.evaluation.metrics import Evaluation
from striate.report import curves, ranking, reliability, sections
from striate.report.charts import Chart, ramp
from striate.report.confusion import Matrix, matrix
from striate.report.doubts import doubts_sections
from striate.report.embedding_map import embedding_section
from striate.report.ensemble import ensemble_section
from striate.report.health import Health, health
from striate.report.inputs import ReportInputs
from striate.report.mistakes import explained_mistakes, mistakes_sentence
from striate.report.pages import kept, rendered
from striate.report.pictures import behind_cells, examples, is_pixel_art
from striate.report.rate_test import range_test_charts
from striate.report.transfer import transfer_section
from striate.support.svg import Scale, element
from striate.support.words import count, percent

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.runs.run import Run


def write_report(
    run: Run,
    data: Data,
    evaluation: Evaluation,
    probabilities: NDArray[np.float32],
    check: Mapping[str, Any] | None = None,
    *,
    progress: bool = False,
) -> Path:
    """Write ``report.html`` into the folder of `run`, whole or not at all; returns its path.

    Args:
        run: the run, trained and measured, that the page is about.
        data: what the run was trained on. Its test images were evaluated, or, where it has none,
            those for validation.
        evaluation: the figures that were computed from `probabilities`.
        probabilities: (images, classes), in the order of those images.
        check: what `striate.data.checking.check` found, as plain data.
        progress: count on standard error.

    Raises:
        RunError: the file cannot be written.
        DataError: an image has gone since it was evaluated.
    """
    inputs = ReportInputs.from_run(run, data, evaluation, probabilities, check, progress=progress)
    return kept(run, render(inputs))


def render(inputs: ReportInputs) -> str:
    """The page as HTML. The same inputs give the same bytes."""
    shown = matrix(inputs.evaluation)
    found = health(inputs)
    drawn = _curves(inputs)
    told = ranking.charts(inputs.evaluation)
    moved, several = transfer_section(inputs), ensemble_section(inputs)
    embedded = embedding_section(inputs)
    return rendered(
        "report.html",
        page=_page(inputs, shown, drawn, found),
        transfer=moved,
        ensemble=several,
        matrix=shown,
        mistakes=explained_mistakes(inputs),
        embedding=embedded,
        doubts=doubts_sections(inputs),
        notes=inputs.insight.notes,
        examples=examples(inputs),
        pixel_art=is_pixel_art(inputs),
        classes=sections.classes_table(inputs),
        told=told,
        areas=ranking.areas(inputs.evaluation),
        classes_from=sections.classes_from(inputs),
        health=found,
        ramp=ramp(),
        data=sections.data_section(inputs),
        recipe=sections.recipe_section(inputs),
        environment=sections.environment_section(inputs),
        charts=_hovers([*drawn, *told], found)
        | (moved.hovers if moved else {})
        | (several.hovers if several else {}),
        cells={
            "cells": behind_cells(inputs, shown.cells),
            "classes": list(inputs.evaluation.classes),
            "pixels": is_pixel_art(inputs),
        },
    )


def _page(
    inputs: ReportInputs,
    shown: Matrix,
    drawn: list[tuple[str, str, Chart]],
    found: Health | None,
) -> dict[str, Any]:
    evaluation = inputs.evaluation
    anchors = [
        ("result", "Result"),
        ("transfer", "Transfer") if inputs.transfer else None,
        ("ensemble", "Ensemble") if inputs.ensemble else None,
        ("learning", "Learning") if drawn else None,
        ("confusion", "Confusion"),
        ("mistakes", "Mistakes"),
        ("labels", "Labels"),
        ("embedding", "Embedding") if inputs.insight.embedded else None,
        ("classes", "Classes"),
        ("thresholds", "Thresholds"),
        ("calibration", "Calibration"),
        ("gradients", "Gradients") if found else None,
        ("data", "Data"),
        ("recipe", "Recipe"),
        ("environment", "Environment"),
    ]
    low, high = (percent(share) for share in evaluation.interval)
    top1 = percent(evaluation.top1)
    return {
        "sections": [anchor for anchor in anchors if anchor],
        "title": inputs.network,
        "eyebrow": inputs.title,
        "data_name": inputs.data_name,
        "lead": sections.lead(inputs),
        "top1": top1,
        "top1_number": top1.removesuffix("%").strip(),
        "images": count(evaluation.images),
        "part_name": sections.PARTS[inputs.part],
        "interval": f"{low} to {high}",
        "interval_figure": _standing(evaluation),
        "baseline": percent(evaluation.baseline),
        "sentence": sections.sentence(inputs),
        "caveat": sections.caveat(inputs),
        "tiles": sections.tiles(inputs),
        "lesson": curves.lesson(inputs),
        "curves": drawn,
        "confusion_sentence": sections.confusion_sentence(inputs, shown.kinds, shown.whole),
        "pairs_title": (
            "Kinds of mistake"
            if len(shown.pairs) == shown.kinds
            else f"The {len(shown.pairs)} most frequent of {count(shown.kinds)} kinds of mistake"
        ),
        "mistakes_sentence": mistakes_sentence(inputs),
        "classes_sentence": sections.classes_sentence(inputs),
        "ranking": ranking.sentence(evaluation),
        "trust": reliability.trust(evaluation),
        "advice": reliability.advice(evaluation),
        "calibrated": evaluation.scaling is not None and evaluation.scaling.used != 1,
        "ece": percent(evaluation.ece),
        "reliability": reliability.diagrams(evaluation),
    }


def _curves(inputs: ReportInputs) -> list[tuple[str, str, Chart]]:
    """(title, key, chart) of every learning curve; none where no epoch was logged."""
    if not inputs.epochs:
        return []
    return [
        ("Loss", "loss", curves.losses(inputs)),
        ("Accuracy", "accuracy", curves.accuracies(inputs)),
        ("Learning rate", "rate", curves.rates(inputs)),
        *range_test_charts(inputs),
    ]


def _hovers(drawn: list[tuple[str, str, Chart]], found: Health | None) -> dict[str, Any]:
    hovers = {key: chart.hover for _, key, chart in drawn}
    return hovers | (found.hovers if found else {})


def _standing(evaluation: Evaluation) -> Markup:
    """Accuracy, its interval and the baseline on a line from nothing to everything."""
    across = Scale(low=0, high=1, start=0, end=1000)
    low, high = (across(share) for share in evaluation.interval)
    at, base = across(evaluation.top1), across(evaluation.baseline)
    return element(
        "svg",
        element("rect", x=0, y=11, width=1000, height=8, class_="track"),
        element("rect", x=0, y=11, width=at, height=8, class_="upto"),
        element("rect", x=low, y=7, width=max(high - low, 3), height=16, class_="range"),
        element("rect", x=max(base - 1.5, 0), y=3, width=3, height=24, class_="base"),
        element("rect", x=at - 1.5, y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Accuracy {percent(evaluation.top1)} between nothing and everything",
    )
