"""What a figure shows is where its axis says."""

from __future__ import annotations

import re

import pytest

from striate.lab.drawing import Axis, rows
from striate.lab.results import Header, Results
from striate.lab.verdict import interval


@pytest.mark.parametrize("log", [False, True])
def test_a_row_s_interval_is_drawn_whole(log: bool) -> None:
    header = Header(experiment="x", quick=False, epochs=0, data={}, equal=(), made_with={})
    results = Results(header=header, settings=("one",))
    values = [1.0, 2.0, 4.0]
    for seed, value in enumerate(values):
        results.add(seed, "one", {"right": value}, 1.0)
    drawn = str(rows(results, "right", Axis(title="x", log=log)).drawn)
    line = re.search(r'<line[^>]*class="spread[^>]*>', drawn)
    assert line is not None
    x1, x2 = (float(end) for end in re.findall(r'\bx[12]="([^"]+)"', line[0]))
    circles = [float(x) for x in re.findall(r'<circle[^>]*\bcx="([^"]+)"', drawn)]
    # By where the points are, whatever the axis: their logarithms lie as far apart as these.
    placed = [0.0, 1.0, 2.0] if log else values
    low, high = interval(placed)
    step = (circles[2] - circles[0]) / (placed[2] - placed[0])
    assert x1 == pytest.approx(circles[0] + (low - placed[0]) * step, abs=0.2)
    assert x2 == pytest.approx(circles[2] + (high - placed[2]) * step, abs=0.2)
