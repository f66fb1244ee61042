"""The page of a run of numbers: gathered, rendered, and written in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.regression.result import RegressionEvaluation
from striate.report.charts import Chart, ramp
from striate.report.health import health
from striate.report.number_transfer import NumberTransfer, number_transfer
from striate.report.pages import kept, rendered
from striate.report.pictures import is_pixel_art
from striate.report.regression import curves, sections
from striate.report.regression.charts import standing
from striate.report.regression.doubts import doubts_of
from striate.report.regression.embedding import number_embedding
from striate.report.regression.ensemble import number_ensemble
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.misses import examples, misses_of, misses_sentence, point_pictures
from striate.report.regression.targets import target_sections
from striate.report.regression.words import between, unit_of
from striate.report.sections import PARTS, environment_section, recipe_section
from striate.support.words import THIN, figure, plural

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.runs.run import Run


def write_number_report(
    run: Run,
    data: Data,
    evaluation: RegressionEvaluation,
    values: NDArray[np.float32],
    check: Mapping[str, Any] | None = None,
    *,
    progress: bool = False,
) -> Path:
    """Write ``report.html`` into the folder of `run`, whole or not at all; returns its path.

    Args:
        run: the run, trained and measured, that the page is about.
        data: what the run was trained on.
        evaluation: the figures that were computed from `values`.
        values: (images, targets), in the order of the images that were measured on.
        check: what `striate.data.checking.check` found, as plain data.
        progress: count on standard error.

    Raises:
        RunError: the file cannot be written.
        DataError: an image has gone since it was evaluated.
    """
    inputs = NumberInputs.from_run(run, data, evaluation, values, check, progress=progress)
    return kept(run, render(inputs))


def render(inputs: NumberInputs) -> str:
    """The page as HTML. The same inputs give the same bytes."""
    drawn = curves.charts(inputs)
    found = health(inputs)
    targets = target_sections(inputs)
    points = {key: chart for each in targets for _, _, key, chart in each.charts}
    read = {key: chart.hover for _, key, chart in drawn}
    read |= {key: chart.hover for key, chart in points.items()}
    read |= found.hovers if found else {}
    transfer = _transfer(inputs)
    read |= transfer.charts if transfer else {}
    return rendered(
        "numbers.html",
        page=_page(inputs, drawn),
        transfer=transfer,
        ensemble=number_ensemble(inputs),
        targets=targets,
        misses=misses_of(inputs),
        notes=inputs.insight.notes,
        doubts=doubts_of(inputs),
        embedding=number_embedding(inputs),
        examples=examples(inputs),
        examples_of=inputs.targets[0].name,
        pixel_art=is_pixel_art(inputs),
        health=found,
        ramp=ramp(),
        data=sections.data_section(inputs),
        recipe=recipe_section(inputs),
        environment=environment_section(inputs),
        charts=read,
        cells={
            "cells": {},
            "classes": [],
            "pixels": is_pixel_art(inputs),
            "pictures": point_pictures(inputs, list(points.values())),
        },
    )


def _transfer(inputs: NumberInputs) -> NumberTransfer | None:
    """The section on a transfer; None for a run that was not transferred."""
    if inputs.transfer is None or inputs.train is None:
        return None
    return number_transfer(inputs.transfer, inputs.targets, inputs.train, inputs.preprocessing)


def _page(inputs: NumberInputs, drawn: list[tuple[str, str, Chart]]) -> dict[str, Any]:
    several = len(inputs.targets) > 1
    mae = inputs.evaluation.per_target[0].figures["mae"]
    images = f"{plural(len(inputs.true), PARTS[inputs.part] + ' image')}"
    caption = f"mean absolute error on {images}"
    if several:
        caption += (
            f", in standard deviations of the training images, the mean of {len(inputs.targets)} "
            "targets"
        )
    score, constant = figure(inputs.evaluation.mae), sections.constant(inputs)
    interval = (np.nan, np.nan) if several else mae.interval
    best = [("base", "best constant", figure(constant))] if np.isfinite(constant) else []
    keys = [] if several else [("interval", "95 % interval", between(*interval))]
    anchors = [
        ("result", "Result"),
        ("transfer", "Transfer") if inputs.transfer else None,
        ("ensemble", "Ensemble") if inputs.ensemble else None,
        ("learning", "Learning") if drawn else None,
        ("targets", "Predictions"),
        ("misses", "Misses"),
        ("values", "Values"),
        ("embedding", "Embedding") if inputs.insight.embedded else None,
        ("gradients", "Gradients") if any(line.get("health") for line in inputs.metrics) else None,
        ("data", "Data"),
        ("recipe", "Recipe"),
        ("environment", "Environment"),
    ]
    return {
        "sections": [anchor for anchor in anchors if anchor],
        "title": inputs.network,
        "eyebrow": inputs.title,
        "data_name": inputs.data_name,
        "lead": sections.lead(inputs),
        "score": score,
        "unit": "" if several else unit_of(inputs.targets[0]).replace(" ", THIN, 1),
        "caption": caption,
        "standing": standing(
            inputs.evaluation.mae,
            interval,
            constant,
            f"Mean absolute error {score}"
            + (f" between none and that of the best constant, {figure(constant)}" if best else ""),
        ),
        "marks": [*keys, *best],
        "sentence": sections.sentence(inputs),
        "caveats": [each for each in [sections.caveat(inputs)] if each],
        "tiles": sections.tiles(inputs),
        "lesson": curves.lesson(inputs),
        "curves": drawn,
        "misses": misses_sentence(inputs),
    }
