"""The rule, on results made up so that it must give each of its verdicts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from striate.lab.verdict import Statement, Verdict, against, decide, interval, whole


def judged(verdict: Verdict, *, decides: bool = True) -> Any:
    """A statement on which the rule says that."""
    values = {
        "supported": [0.30, 0.31, 0.32],
        "contradicted": [0.01, 0.00, -0.01],
        "undecided": [0.30, 0.00, 0.10],
    }[verdict]
    return Statement(
        says="more",
        figure="x",
        contrast=against("a", "b"),
        wants="more",
        least=0.1,
        decides=decides,
    ).judge({"a": values, "b": [0.0] * 3})


def test_the_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).normal(3, 2, 7)
    exact = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval(list(values)) == pytest.approx(tuple(exact), rel=1e-12)


def test_an_interval_of_one_seed_has_no_bounds_and_decides_nothing() -> None:
    assert interval([2.0]) == (-math.inf, math.inf)
    for wanted in ("more", "less", "same", "not more", "not less"):
        assert decide(-math.inf, math.inf, wanted, 0.1) == "undecided"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "more", "less", "same"),
    [
        (0.2, 0.4, "supported", "contradicted", "contradicted"),
        (-0.4, -0.2, "contradicted", "supported", "contradicted"),
        (-0.05, 0.05, "contradicted", "contradicted", "supported"),
        (0.05, 0.15, "undecided", "contradicted", "undecided"),
        (-0.15, 0.05, "contradicted", "undecided", "undecided"),
        (-0.2, 0.2, "undecided", "undecided", "undecided"),
        (0.1, 0.1, "supported", "contradicted", "contradicted"),
    ],
)
def test_an_interval_decides(low: float, high: float, more: str, less: str, same: str) -> None:
    assert decide(low, high, "more", 0.1) == more
    assert decide(low, high, "less", 0.1) == less
    assert decide(low, high, "same", 0.1) == same
    # What is more is not the same, and what is not more is less or the same.
    opposite = {"supported": "contradicted", "contradicted": "supported", "undecided": "undecided"}
    assert decide(low, high, "not more", 0.1) == opposite[more]
    assert decide(low, high, "not less", 0.1) == opposite[less]


@pytest.mark.parametrize("verdict", ["supported", "contradicted", "undecided"])
def test_made_up_results_give_each_verdict(verdict: Verdict) -> None:
    assert judged(verdict).verdict == verdict


def test_what_a_seed_does_to_all_settings_falls_out() -> None:
    noise = np.random.default_rng(1).normal(0, 5, 5)
    found = Statement(
        says="", figure="x", contrast=against("a", "b"), wants="more", least=0.1
    ).judge({"a": list(noise + 0.2), "b": list(noise)})
    assert found.verdict == "supported"
    assert found.interval == pytest.approx((0.2, 0.2))


def test_ratios_are_of_geometric_means() -> None:
    twice = Statement(
        says="", figure="x", contrast=against("a", "b"), wants="more", least=1.5, unit="times"
    )
    found = twice.judge({"a": [2.0, 20.0, 200.0], "b": [1.0, 10.0, 100.0]})
    assert (found.verdict, found.mean) == ("supported", pytest.approx(math.log(2)))
    assert found.told == "2 times (2 to 2)"
    assert twice.threshold == "at least 1.5 times"
    with pytest.raises(ValueError, match="not positive"):
        twice.judge({"a": [0.0], "b": [1.0]})


def test_a_contrast_of_contrasts() -> None:
    found = Statement(
        says="the gain is larger in a than in b",
        figure="x",
        contrast={"a+": 1, "a": -1, "b+": -1, "b": 1},
        wants="more",
        least=0.1,
    ).judge({"a+": [5.0, 6.0], "a": [1.0, 2.0], "b+": [2.0, 3.0], "b": [1.0, 2.0]})
    assert found.effects == (3.0, 3.0)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (("supported", "supported"), "supported"),
        (("supported", "undecided"), "undecided"),
        (("undecided", "contradicted"), "contradicted"),
    ],
)
def test_a_claim_needs_all_its_statements(parts: tuple[Verdict, ...], verdict: str) -> None:
    assert whole([judged(each) for each in parts]) == verdict
    assert whole([*map(judged, parts), judged("contradicted", decides=False)]) == verdict


@pytest.mark.parametrize(
    ("effect", "told"),
    [(0.0312, "+3.1"), (-0.0312, "−3.1"), (0.0, "0.0"), (-0.0004, "0.0"), (0.0004, "0.0")],
)
def test_an_effect_that_rounds_to_nothing_has_no_sign(effect: float, told: str) -> None:
    statement = Statement(says="", figure="", contrast={}, wants="more", least=0.01, unit="points")
    assert statement.told(effect) == f"{told} points"
