from __future__ import annotations

import pytest

from striate.recipes.recipe import Optimiser, Schedule
from striate.training.schedules import RateSchedule


def rates(epochs: int, steps: int, rate: float = 0.1, **table: object) -> list[float]:
    schedule = RateSchedule(Schedule(**table), Optimiser(rate=rate), epochs, steps)  # type: ignore[arg-type]
    return [schedule.rate(step) for step in range(epochs * steps)]


def test_constant() -> None:
    assert set(rates(3, 4, name="constant")) == {0.1}


def test_step_by_epochs_fractions_and_listed_rates() -> None:
    by_epoch = rates(4, 2, name="step", milestones=(1, 3), factor=0.1)
    assert by_epoch == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001])
    assert rates(4, 2, name="step", milestones=(0.25, 0.75), factor=0.1) == by_epoch
    listed = rates(3, 1, rate=5e-4, name="step", milestones=(1, 2), rates=(2e-4, 1e-4))
    assert listed == [5e-4, 2e-4, 1e-4]


def test_exponential_every_eight_epochs() -> None:
    found = rates(17, 1, name="exponential", factor=0.96, every=8)
    assert found[7] == 0.1
    assert found[8] == pytest.approx(0.096)
    assert found[16] == pytest.approx(0.1 * 0.96**2)


def test_cosine_ends_low_and_halves_in_the_middle() -> None:
    found = rates(10, 10, name="cosine")
    assert found[0] == 0.1
    assert found[50] == pytest.approx(0.05)
    assert 0 < found[-1] < 1e-4


def test_warmup_rises_linearly_to_the_peak() -> None:
    found = rates(10, 10, name="cosine", warmup=2.0)
    assert found[:20] == pytest.approx([0.1 * (step + 1) / 20 for step in range(20)])
    assert max(found) == pytest.approx(0.1)


def test_warmup_is_shortened_in_a_short_run() -> None:
    assert max(rates(2, 10, name="cosine", warmup=5.0)) == pytest.approx(0.1)


def test_one_cycle_rises_for_a_third_unless_told() -> None:
    found = rates(10, 10, name="one_cycle")
    assert found.index(max(found)) in (29, 30)


def test_plateau_waits_and_remembers() -> None:
    def make() -> RateSchedule:
        return RateSchedule(Schedule(name="plateau", patience=1), Optimiser(rate=1.0), 10, 1)

    schedule = make()
    for top1 in (0.5, 0.6, 0.6):
        schedule.observe(top1)
    assert schedule.rate(3) == 1.0
    twin = make()
    twin.restore(schedule.state())
    for each in (schedule, twin):
        each.observe(0.55)
        assert each.rate(4) == pytest.approx(0.1)


def test_warmup_begins_at_its_own_rate_and_ends_where_the_schedule_begins() -> None:
    found = rates(10, 10, name="constant", warmup=2.0, warmup_rate=0.02)
    wanted = [0.02 + 0.08 * (step + 1) / 20 for step in range(20)]
    assert found == pytest.approx(wanted + [0.1] * 80)


def test_warmup_takes_a_quarter_of_a_short_run_at_most() -> None:
    found = rates(4, 10, name="constant", warmup=5.0)
    assert found == pytest.approx([0.1 * (step + 1) / 10 for step in range(10)] + [0.1] * 30)


def test_cosine_falls_to_its_final_share_and_stays_there() -> None:
    table = {"name": "cosine", "final": 0.2}
    schedule = RateSchedule(Schedule(**table), Optimiser(rate=0.1), 10, 10)  # type: ignore[arg-type]
    assert schedule.rate(0) == pytest.approx(0.1)
    assert schedule.rate(50) == pytest.approx(0.06)  # half-way between 0.1 and 0.02
    for step in (100, 130):
        assert schedule.rate(step) == pytest.approx(0.02)


def test_plateau_waits_anew_after_each_fall() -> None:
    schedule = RateSchedule(Schedule(name="plateau", patience=1), Optimiser(rate=1.0), 10, 1)
    found = []
    for top1 in (0.6, 0.5, 0.5, 0.5, 0.5):
        schedule.observe(top1)
        found.append(schedule.rate(0))
    assert found == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01])
