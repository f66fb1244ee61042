"""A range test as a run keeps it, and what follows from its curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from striate.errors import RunError
from striate.runs.layout import RATE_TEST
from striate.runs.rate_test import RateTest, keep_rate_test, read_rate_test, smooth
from striate.runs.run import Run

RATES = tuple(10 ** (step / 16 - 5) for step in range(97))


def curve(loss: Callable[[float], float], noise: float = 0.0) -> RateTest:
    """A test whose loss is a function of the rate's logarithm."""
    rng = np.random.default_rng(0)
    losses = [loss(math.log10(rate)) + noise * rng.normal() for rate in RATES]
    return RateTest(rates=RATES, losses=tuple(losses), before=0.1)


def test_a_tenth_of_the_rate_of_the_lowest_loss() -> None:
    for noise in (0.0, 0.05):
        test = curve(lambda log: 1 + (log + 0.5) ** 2 / 10, noise)
        assert test.lowest is not None
        assert test.rates[test.lowest] == pytest.approx(10**-0.5, rel=0.01 if not noise else 1)
        assert test.suggested == test.rates[test.lowest] / 10


def test_no_rate_where_the_loss_does_not_fall() -> None:
    for loss in (lambda log: 2.0, lambda log: 2 + log, lambda log: 2 - 0.01 * (log > 0)):
        test = curve(loss)
        assert (test.lowest, test.suggested) == (None, None)
    assert RateTest(rates=(), losses=(), before=0.1).suggested is None


def test_noise_alone_suggests_nothing_ninety_nine_times_in_a_hundred() -> None:
    rng = np.random.default_rng(0)
    tests = [
        RateTest(rates=RATES, losses=tuple(2 + 0.3 * rng.normal(size=97)), before=0.1)
        for _ in range(60)
    ]
    assert sum(each.suggested is not None for each in tests) <= 3


def test_the_error_of_a_fall_is_how_much_it_scatters() -> None:
    rng = np.random.default_rng(0)
    falls, errors = [], []
    for _ in range(100):
        test = RateTest(rates=RATES, losses=tuple(2 + 0.3 * rng.normal(size=97)), before=0.1)
        falls.append(sum(test.losses[:8]) / 8 - test.smoothed[50])
        errors.append(test._error(50))
    assert float(np.mean(errors)) == pytest.approx(float(np.std(falls)), rel=0.25)


def test_smoothing_is_a_weighted_mean_that_does_not_lag() -> None:
    spike = [0.0] * 20
    spike[10] = 1.0
    found = smooth(spike)
    assert found.index(max(found)) == 10
    assert found[6:10] == pytest.approx(found[14:10:-1])
    assert sum(found) == pytest.approx(1.0)
    weights = np.exp(-2 * (np.arange(-4, 5) / 4) ** 2)
    assert found[6:15] == pytest.approx(weights / weights.sum())
    line = smooth([float(k) for k in range(20)])
    assert line[4:16] == pytest.approx(range(4, 16))


def test_it_is_kept_and_a_damaged_one_is_said(
    numbers_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = Run.open(numbers_run(tmp_path / "run"))
    assert read_rate_test(run) is None
    test = curve(lambda log: 2 + log**2)
    keep_rate_test(run.path, test)
    assert read_rate_test(run) == test
    for text in ("{", "[]", '{"rates": [1, 2], "losses": [1], "before": 0.1}', '{"rates": [-1]}'):
        (run.path / RATE_TEST).write_text(text)
        with pytest.raises(RunError, match=r"rate_test\.json: is damaged .*restore it"):
            read_rate_test(run)
