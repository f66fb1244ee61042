"""Curves in characters, where nothing can be drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from striate.support.words import plain_percent

Values = Sequence[float | None]

_BLOCKS = "▁▂▃▄▅▆▇█"


def percents(value: float) -> str:
    """A share as a label of the plot."""
    return plain_percent(value, 0)


def chart(
    epochs: Sequence[int],
    series: Mapping[str, Values],
    *,
    width: int,
    height: int,
    label: Callable[[float], str] = percents,
) -> list[str]:
    r"""Figures over epochs: lines of text, the later of `series` on top.

    Args:
        epochs: rising.
        series: by the character that draws it, its value at each epoch; None where it has none.
        width: columns of the plot, without those of its labels.
        height: lines of the plot, at least 2.
        label: writes a figure beside the plot; by default as a share.

    Examples:
        >>> print("\n".join(chart([1, 2, 3], {"•": [0.2, 0.6, 1.0]}, width=9, height=3)))
        100 % ┤      •••
         60 % ┤  ••••
         20 % ┤••
              └─────────
               1       3
    """
    known = [v for values in series.values() for v in values if v is not None and math.isfinite(v)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low < 0.01 * max(high, 1.0 if label is percents else 0.0):
        low, high = max(low - 0.05, 0.0), high + 0.05
        high = min(high, 1.0) if label is percents else high
    cells = [[" "] * width for _ in range(height)]
    for mark, values in series.items():
        for column, value in enumerate(_along(epochs, values, width)):
            if value is not None:
                row = round((high - value) / (high - low) * (height - 1))
                cells[row][column] = mark
    levels = {0: high, height // 2: (high + low) / 2, height - 1: low}
    labels = {row: label(value) for row, value in levels.items()}
    beside = max(5, *map(len, labels.values()))
    lines = [
        f"{labels.get(row, ''):>{beside}} ┤{''.join(line)}".rstrip()
        for row, line in enumerate(cells)
    ]
    first, last = str(epochs[0]), str(epochs[-1])
    axis = first if len(epochs) == 1 else first + last.rjust(width - len(first))
    blank = " " * beside
    return [*lines, f"{blank} └{'─' * width}", f"{blank}  {axis}"]


def _along(epochs: Sequence[int], values: Values, width: int) -> list[float | None]:
    """`values` at each of `width` columns, on straight lines between the epochs."""
    known = [
        (epoch, value)
        for epoch, value in zip(epochs, values, strict=True)
        if value is not None and math.isfinite(value)
    ]
    if not known:
        return [None] * width
    columns = np.linspace(epochs[0], epochs[-1], width)
    if len(epochs) == 1:
        return [known[0][1], *[None] * (width - 1)]
    between = np.interp(columns, [epoch for epoch, _ in known], [value for _, value in known])
    within = (columns >= known[0][0]) & (columns <= known[-1][0])
    return [float(v) if inside else None for v, inside in zip(between, within, strict=True)]


def spark(values: Values, width: int) -> str:
    """`values` as one line of blocks, at most `width` of them; gaps are blank.

    Examples:
        >>> spark([4.0, 2.0, None, 1.0, 0.0], 10)
        '█▅ ▃▁'
    """
    if len(values) > width:
        chosen = np.linspace(0, len(values) - 1, width).round().astype(int).tolist()
        values = [values[place] for place in chosen]
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low or 1.0
    return "".join(
        " "
        if value is None or not math.isfinite(value)
        else _BLOCKS[round((value - low) / span * (len(_BLOCKS) - 1))]
        for value in values
    )
