"""What a figure shows is where its axis says."""

from __future__ import annotations

import re

import pytest

from striate.lab.drawing import Axis, per_cent, rows
from striate.lab.results import Header, Results
from striate.lab.verdict import interval


def results_of(setting: str, values: list[float]) -> Results:
    header = Header(experiment="x", quick=False, epochs=0, data={}, equal=(), made_with={})
    results = Results(header=header, settings=(setting,))
    for seed, value in enumerate(values):
        results.add(seed, setting, {"right": value}, 1.0)
    return results


@pytest.mark.parametrize("log", [False, True])
def test_a_row_s_interval_is_drawn_whole(log: bool) -> None:
    values = [1.0, 2.0, 4.0]
    drawn = str(rows(results_of("one", values), "right", Axis(title="x", log=log)).drawn)
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


def test_values_at_a_narrow_axis_do_not_touch() -> None:
    results = results_of("a setting that leaves little room for its plot", [0.1, 0.5])
    drawn = str(rows(results, "right", Axis(title="x", tick=per_cent)).drawn)
    labels = re.findall(r'<text[^>]*\bx="([^"]+)"[^>]*class="tick mid">([^<]+)<', drawn)
    assert len(labels) > 1
    assert drawn.count('class="grid"') > len(labels), "there is room for all of them"
    widths = [6.0 * len(text) for _, text in labels]
    places = [float(x) for x, _ in labels]
    for n in range(len(labels) - 1):
        assert places[n] + widths[n] / 2 < places[n + 1] - widths[n + 1] / 2
