"""Where the boxes of a module stand: in rows by their distance from the input, without crossings.

The way of Sugiyama, Tagawa and Toda 1981: every box goes one row below the lowest that it reads; a
line across several rows gets a place in each of them; rows are ordered by the mean place of their
neighbours; a run without branches stands in one column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from network_pages.boxes import Box

SWEEPS = 24


@dataclass(frozen=True)
class Layout:
    """Places in columns and rows, both from 0; columns may be fractions.

    Attributes:
        places: column and row of each box.
        lines: of each line from a box to one that it reads, the points that it goes through, from
            the upper to the lower.
        columns: how many there are.
        rows: how many there are.
    """

    places: tuple[tuple[float, int], ...]
    lines: tuple[tuple[tuple[float, int], ...], ...]
    columns: float
    rows: int


def arrange(boxes: Sequence[Box]) -> Layout:
    """Find a place for each box."""
    row = _rows(boxes)
    chains = _chains(boxes, row)
    joined: dict[int, list[int]] = {}
    for chain in chains:
        for above, below in pairwise(chain):
            joined.setdefault(above, []).append(below)
            joined.setdefault(below, []).append(above)
    levels: list[list[int]] = [[] for _ in range(max(row) + 1)]
    for one, level in enumerate(row):
        levels[level].append(one)
    column = _columns(levels, joined, row)
    least = min(column)
    place = [(round(at - least, 3), level) for at, level in zip(column, row, strict=True)]
    return Layout(
        places=tuple(place[: len(boxes)]),
        lines=tuple(tuple(place[one] for one in chain) for chain in chains),
        columns=max(at for at, _ in place) + 1,
        rows=max(row) + 1,
    )


def _rows(boxes: Sequence[Box]) -> list[int]:
    row: list[int] = []
    for box in boxes:
        row.append(max((row[at] + 1 for at in box.reads), default=0))
    return row


def _chains(boxes: Sequence[Box], row: list[int]) -> list[list[int]]:
    """Every line with the points that it passes between its ends, whose rows are added to `row`."""
    chains = []
    for one, box in enumerate(boxes):
        for read in box.reads:
            passed = range(row[read] + 1, row[one])
            points = list(range(len(row), len(row) + len(passed)))
            row += passed
            chains.append([read, *points, one])
    return chains


def _columns(levels: list[list[int]], joined: dict[int, list[int]], row: list[int]) -> list[float]:
    """The column of each point: in the order of its row, and the same all along a run."""
    _order(levels, joined, row)
    run = _runs(levels, joined, row)
    count = max(run) + 1
    left, right = _pushed(levels, run, count), _pushed([one[::-1] for one in levels], run, count)
    most = max(left)
    column = [(left[one] + most - right[one]) / 2 for one in run]
    for level in levels:
        if len(level) == 1 and (near := [column[other] for other in joined.get(level[0], [])]):
            column[level[0]] = (min(near) + max(near)) / 2
    return column


def _order(levels: list[list[int]], joined: dict[int, list[int]], row: list[int]) -> None:
    """Sort each row by the mean place of its neighbours in the row above, then below, in turn."""
    at = {one: float(place) for level in levels for place, one in enumerate(level)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for number in range(len(levels)) if down else reversed(range(len(levels))):
            wanted = {}
            for one in levels[number]:
                near = [at[other] for other in joined.get(one, []) if (row[other] < number) == down]
                wanted[one] = sum(near) / len(near) if near else at[one]
            levels[number].sort(key=wanted.__getitem__)
            middle = (len(levels[number]) - 1) / 2
            at |= {one: place - middle for place, one in enumerate(levels[number])}


def _runs(levels: list[list[int]], joined: dict[int, list[int]], row: list[int]) -> list[int]:
    """The number of the run that each point belongs to: points with one neighbour above and below.

    A place that branches leave, or where they meet, begins or ends a run.
    """
    run = [-1] * len(row)
    count = 0
    for level in levels:
        for one in level:
            above = [other for other in joined.get(one, []) if row[other] < row[one]]
            if len(above) == 1:
                beside = [other for other in joined[above[0]] if row[other] > row[above[0]]]
                if len(beside) == 1:
                    run[one] = run[above[0]]
                    continue
            run[one] = count
            count += 1
    return run


def _pushed(levels: list[list[int]], run: list[int], count: int) -> list[int]:
    """The least column of each run, where those before it in any row keep a distance of one."""
    found = [0] * count
    for _ in range(count):
        for level in levels:
            for before, after in pairwise(level):
                found[run[after]] = max(found[run[after]], found[run[before]] + 1)
    return found
