"""The statistics of two classifiers on the same images, against sums and samples."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from striate.evaluation.comparing.paired import holm, mcnemar, paired_interval


def exact(lost: int, gained: int) -> float:
    """Both tails of the binomial distribution, summed in whole numbers."""
    n = lost + gained
    tail = sum(comb(n, k) for k in range(min(lost, gained) + 1))
    return float(min(Fraction(2 * tail, 2**n), Fraction(1)))


@pytest.mark.parametrize(("lost", "gained"), [(12, 3), (3, 12), (0, 7), (1, 0), (40, 41), (300, 9)])
def test_mcnemar_is_the_sum_of_both_tails(lost: int, gained: int) -> None:
    assert mcnemar(lost, gained) == pytest.approx(exact(lost, gained), rel=1e-12)


def test_mcnemar_without_a_difference() -> None:
    assert mcnemar(0, 0) == mcnemar(8, 8) == 1.0


def test_holm_as_it_is_defined() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.random(6) ** 3
        found = holm(values.tolist())
        order = np.argsort(values)
        scaled = np.minimum(values[order] * np.arange(6, 0, -1), 1)
        assert np.array(found)[order] == pytest.approx(np.maximum.accumulate(scaled))
    assert holm([]) == []


def test_the_interval_turns_round_with_its_networks() -> None:
    low, high = paired_interval(12, 3, 736)
    assert paired_interval(3, 12, 736) == (-high, -low)
    low, high = paired_interval(0, 0, 100)
    assert low == -high < 0


def test_the_interval_covers_what_it_promises() -> None:
    """Of many samples of 400 images, 95 % hold the true difference, which is 2 points."""
    rng = np.random.default_rng(0)
    held = 0
    for lost, gained, _ in rng.multinomial(400, [0.04, 0.02, 0.94], size=2000):
        low, high = paired_interval(int(lost), int(gained), 400)
        held += low <= 0.02 <= high
    assert 0.935 < held / 2000 < 0.975
