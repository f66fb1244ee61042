"""The page of a comparison of runs of numbers: errors, curves, images on which they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.evaluation.comparing.number_terminal import counts, headline, verdict
from striate.report.comparison import (
    LEAST_OF_A_KIND,
    MOST_PICTURES,
    curves_of,
    difference,
    pictures_of,
)
from striate.report.pages import rendered
from striate.report.regression.charts import standing
from striate.report.regression.words import between, measured
from striate.support.files import write_text
from striate.support.words import amount, figure, listing, plural

if TYPE_CHECKING:
    from striate.data.targets import Target
    from striate.evaluation.comparing.number_comparison import NumberComparison, NumberPair


def write_number_comparison(found: NumberComparison, output: str | Path) -> Path:
    """Write the page of `found` into the file `output`; returns its path.

    Raises:
        RunError: it cannot be written.
        DataError: an image has gone since it was opened.
    """
    return write_text(output, render(found))


def render(found: NumberComparison) -> str:
    """The page as HTML. The same comparison gives the same bytes."""
    several = len(found.targets) > 1
    unit = " deviations" if several else _unit(found.targets[0])
    how = {"show": lambda error: f"{figure(error)}{unit}", "low": 0.0}
    curves = curves_of(found.compared, "error", how)
    sections = [
        ("result", "Result"),
        ("learning", "Learning") if curves else None,
        ("images", "Images"),
        ("settings", "Settings") if found.settings else None,
    ]
    names = [each.name for each in found.compared]
    told = listing([f"“{each.name}”" for each in found.targets])
    return rendered(
        "number_comparison.html",
        page={
            "sections": [section for section in sections if section],
            "title": " against ".join(names) if len(names) == 2 else plural(len(names), "run"),
            "lead": f"Measured on the same {plural(len(found.true), 'image')} with {told}, on "
            "which none of the runs was trained.",
            "notes": found.notes,
            "several": len(found.pairs) > 1,
        },
        names=names,
        targets=[_target(found, at) for at in range(len(found.targets))],
        curves=curves,
        without=[each.name for each in found.compared if not each.curve],
        groups=_groups(found),
        pixel_art=found.images is not None and found.images.largest_side <= 64,
        settings=found.settings,
        charts={key: chart.hover for _, key, chart in curves},
        cells={"cells": {}, "classes": [], "pixels": False},
    )


def _unit(target: Target) -> str:
    return f" {target.unit}" if target.unit else ""


def _target(found: NumberComparison, at: int) -> dict[str, Any]:
    """Errors of one target, of each run and of each pair."""
    target = found.targets[at]
    constant = float(np.abs(found.true[:, at] - np.median(found.true[:, at])).mean())
    pairs = [each for each in found.pairs if each.target == at]
    most = max((abs(end) for each in pairs for end in _drawn(each)), default=0.0) or 1.0
    return {
        "name": target.described,
        "unit": target.unit,
        "rows": [
            {
                "name": each.name,
                "path": str(each.path),
                "network": each.network,
                "mae": measured(each.maes[at], target),
                "interval": between(*each.intervals[at]),
                "rmse": figure(each.rmses[at], 4),
                "standing": standing(
                    each.maes[at],
                    each.intervals[at],
                    constant,
                    f"{figure(each.maes[at])}; the best constant {figure(constant)}",
                ),
            }
            for each in found.compared
        ],
        "pairs": [_pair(found, each, 1.05 * most) for each in pairs],
    }


def _pair(found: NumberComparison, pair: NumberPair, most: float) -> dict[str, Any]:
    target = found.targets[pair.target]
    low, high = pair.interval
    words = figure(pair.difference)
    if not math.isnan(low):
        words += f", between {figure(low)} and {figure(high)}"
    return {
        "headline": headline(found, pair, target),
        "counts": counts(found, pair),
        "verdict": verdict(found, pair),
        "decided": pair.adjusted < 0.05 and not low <= 0 <= high,
        "difference": figure(pair.difference),
        "standing": difference(pair.difference, _drawn(pair), most, words),
    }


def _drawn(pair: NumberPair) -> tuple[float, float]:
    """The interval that is drawn: that of one image is its difference alone."""
    return pair.interval if math.isfinite(pair.interval[0]) else (pair.difference, pair.difference)


def _groups(found: NumberComparison) -> list[dict[str, Any]]:
    """Images by the run that is nearest, those whose errors differ most first."""
    errors = found.errors
    apart = errors.max(axis=0) - errors.min(axis=0)
    best = errors.argmin(axis=0)
    most = max(MOST_PICTURES // len(found.compared), LEAST_OF_A_KIND)
    groups = []
    for place, each in enumerate(found.compared):
        own = np.flatnonzero((best == place) & (apart > 0))
        order = own[np.argsort(-apart[own], kind="stable")].tolist()
        sources = pictures_of(found.images, order[:most])
        groups.append(
            {
                "name": each.name,
                "images": len(order),
                "shown": [_image(found, at, sources.get(at), place) for at in order[:most]],
            }
        )
    return [group for group in groups if group["images"]]


def _image(found: NumberComparison, index: int, source: str | None, nearest: int) -> dict[str, Any]:
    return {
        "source": source,
        "name": str(found.names[index]),
        "file": PurePath(found.names[index]).name,
        "true": _values(found, found.true[index]),
        "answers": [
            {
                "run": each.name,
                "predicted": _values(found, found.predicted[place, index]),
                "nearest": place == nearest,
            }
            for place, each in enumerate(found.compared)
        ],
    }


def _values(found: NumberComparison, row: Sequence[float]) -> str:
    """The value of each target."""
    return ", ".join(
        f"{amount(float(value))}{_unit(target)}"
        for value, target in zip(row, found.targets, strict=True)
    )
