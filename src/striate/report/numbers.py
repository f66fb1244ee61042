"""The page of a run of numbers: its figures beside the best constant, and intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.regression.result import RegressionEvaluation, TargetResult
from striate.report.number_transfer import number_transfer
from striate.report.pages import rendered
from striate.runs.layout import REPORT
from striate.runs.summary.summary import title_of
from striate.runs.transfer_record import read_transfer_record
from striate.support.files import write_atomically
from striate.support.words import THIN, figure, percent, plural

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.runs.run import Run

_DIGITS = 4


def write_number_report(
    run: Run,
    data: Data,
    evaluation: RegressionEvaluation,
    values: NDArray[np.float32],
    check: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``report.html`` into the folder of `run`, whole or not at all; returns its path.

    Args:
        run: the run, trained and measured, that the page is about.
        data: what the run was trained on.
        evaluation: the figures that were computed from `values`.
        values: (images, targets), in the order of the images that were measured on.
        check: what `striate.data.checking.check` found, as plain data.

    Raises:
        RunError: the file cannot be written.
    """
    path = run.path / REPORT
    # Names of files may hold bytes that are no UTF-8; a browser could not show those either.
    write_atomically(path, render(run, data, evaluation).encode(errors="replace"))
    return path


def render(run: Run, data: Data, evaluation: RegressionEvaluation) -> str:
    """The page as HTML. The same inputs give the same bytes."""
    record = read_transfer_record(run) if run.config.transfer else None
    transfer = None
    if record is not None:
        transfer = number_transfer(record, run.targets, data.train, run.preprocessing)
    return rendered(
        "numbers.html",
        page={
            "sections": [
                ("result", "Result"),
                ("targets", "Targets"),
                *([("transfer", "Transfer")] if transfer else []),
            ],
            "title": title_of(run.config),
            "eyebrow": run.path.name,
            "data_name": PurePath(data.origin).name or data.origin,
            "lead": f"Measured on {plural(evaluation.images, 'image')} that were held out.",
        },
        targets=[_target(each) for each in evaluation.per_target],
        transfer=transfer,
        pixel_art=run.preprocessing.width <= 64,
        charts={} if transfer is None else transfer.charts,
        cells={"cells": {}, "classes": [], "pixels": False},
    )


def _target(found: TargetResult) -> dict[str, Any]:
    """The rows of one target."""
    return {
        "name": found.target.described,
        "figures": [
            (
                each.metric.name,
                figure(each.value, _DIGITS),
                _between(*each.interval),
                figure(each.baseline, _DIGITS),
            )
            for each in found.figures.values()
        ],
        "intervals": [
            (
                f"{100 * each.level:g}{THIN}%",
                f"±{figure(each.half_width, _DIGITS)}",
                percent(each.coverage),
                _between(*each.interval, show=percent),
            )
            for each in found.intervals
        ],
        "ranges": [
            (
                _between(each.low, each.high),
                f"{each.images:,}",
                figure(each.mae, _DIGITS),
                figure(each.rmse, _DIGITS),
                figure(each.bias, _DIGITS),
            )
            for each in found.ranges
        ],
    }


def _between(low: float, high: float, show: Any = None) -> str:
    shown = show or (lambda value: figure(value, _DIGITS))
    return f"{shown(low)} to {shown(high)}"
