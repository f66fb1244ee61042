"""Class folders whose names are numbers, taken for these numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from striate.data.finding.layout import Layout, Part
from striate.data.tables.roles import name_and_unit, number, too_large
from striate.data.targets import Answers, Target
from striate.errors import DataError, parameter
from striate.support.paths import shown


def with_numbers(layout: Layout, answers: Answers, beside: str = "") -> Layout:
    """The same images, each with the number that its folder is called by.

    Args:
        layout: images in class folders.
        answers: what is wanted of them.
        beside: a table that may have been meant instead; empty for none.

    Raises:
        DataError: several numbers are wanted, or not all folders are called by one.
    """
    wanted, *others = answers.targets
    if others:
        raise DataError(
            f"{parameter('target', wanted)} and {parameter('target', others[0])}",
            "cannot both be the name of a folder",
            "give a table (CSV, TSV or Parquet) with a column of files and one for each number",
        )
    name, unit = name_and_unit(wanted)
    values: dict[str, float] = {}
    for folder in sorted({each for part in layout.parts.values() for each in part.classes}):
        value = number(folder)
        if value is None:
            table = "give a table (CSV, TSV or Parquet) with the columns 'file' and "
            raise DataError(
                shown(layout.root),
                f"has folders of classes, such as '{folder}', and no numbers",
                f"did you mean the table {beside}?"
                if beside
                else f"{table}'{name}', or leave {parameter('target')} out",
            )
        if why := too_large(value):
            raise DataError(shown(layout.root), f"the folder '{folder}' {why}", "rename it")
        values[folder] = value
    target = Target(name=name, unit=answers.units[0] if answers.units else unit)
    parts = {split: _numbered(part, values) for split, part in layout.parts.items()}
    return replace(layout, parts=parts, targets=(target,))


def _numbered(part: Part, values: dict[str, float]) -> Part:
    of_class = np.array([values[name] for name in part.classes], np.float64)
    return Part((), part.paths, np.zeros_like(part.labels), of_class[part.labels][:, None])
