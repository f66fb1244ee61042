from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.support.svg import Scale, element, path, powers, round_steps, whole_steps


def test_text_and_attributes_are_escaped() -> None:
    drawn = element("text", '<b>"&', title='"><script>', class_="tick")
    tree = ET.fromstring(drawn)
    assert tree.text == '<b>"&'
    assert tree.attrib == {"title": '"><script>', "class": "tick"}


def test_numbers_are_rounded_to_a_tenth() -> None:
    assert element("rect", x=1.23456, y=2.0, stroke_width="2") == (
        '<rect x="1.2" y="2" stroke-width="2"></rect>'
    )


def test_scale_maps_and_stops_at_its_ends() -> None:
    linear = Scale(low=0, high=10, start=100, end=200)
    assert [linear(v) for v in (-5, 0, 5, 10, 50)] == [100, 100, 150, 200, 200]
    log = Scale(low=0.01, high=100, start=0, end=4, log=True)
    assert [log(v) for v in (0, 0.01, 1, 100)] == [0, 0, 2, 4]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_round_steps_stay_within_and_are_few(low: float, span: float) -> None:
    steps = round_steps(low, low + span)
    assert 1 <= len(steps) <= 11
    assert all(low - span * 1e-6 <= s <= low + span * (1 + 1e-6) for s in steps)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_whole_steps_hold_both_ends(low: int, span: int) -> None:
    steps = whole_steps(low, low + span)
    assert {low, low + span} <= set(steps)
    assert len(steps) <= 12


def test_powers() -> None:
    assert powers(0.01, 100) == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert len(powers(1e-20, 1)) <= 6


def test_a_missing_point_interrupts_the_line() -> None:
    assert path([(0, 0), (1, 1.5), None, (3, 3)]) == "M0 0L1 1.5M3 3"
