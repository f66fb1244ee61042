"""As much training as fits into some minutes, by a clock that is made up and by the real one."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomli_w

import striate
from striate.errors import Interrupted, StriateError
from striate.recipes.recipe import Optimiser, Recipe, Schedule
from striate.recipes.sizes import Sizes
from striate.runs import layout as names
from striate.training import deadline, probe
from striate.training.callbacks.base import BatchEnd, Callback
from striate.training.deadline import Deadline
from striate.training.schedules import RateSchedule
from striate.training.time_left import TimeLeft

STEPS = 50
GROWS = Recipe(name="grows", epochs=20, sizes=Sizes(start=0.5, end=0.875))
STILL = Recipe(name="still", epochs=20)


@dataclass
class Machine:
    """Needs `step` seconds for a step at the full size, and less for smaller images."""

    step: float = 0.4
    validation: float = 3.0
    between: float = 0.2
    report: float = 2.0
    clock: float = 0.0
    speeds: Callable[[float], float] = field(default=lambda _now: 1.0)

    def of(self, size: tuple[int, int]) -> float:
        return self.step * (0.3 + 0.7 * size[0] * size[1] / 128**2)

    def spend(self, seconds: float) -> None:
        self.clock += seconds / self.speeds(self.clock)

    def setup(self, recipe: Recipe) -> Any:
        images = [None] * 320
        own = SimpleNamespace(input_size=(3, 128, 128))
        return SimpleNamespace(
            recipe=recipe,
            train=SimpleNamespace(steps=STEPS, images=images * 10),
            validation=SimpleNamespace(preprocessing=own, images=images),
            now=lambda: self.clock,
            threads=1,
            seed=0,
        )

    def measure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def step(_setup: Any, size: tuple[int, int], *, most: float) -> float:
            self.spend(min(most, 3 * self.of(size)))
            return self.of(size) / self.speeds(self.clock)

        def validation(_setup: Any, *, most: float) -> float:
            self.spend(min(most, self.validation))
            return self.validation / self.speeds(self.clock)

        monkeypatch.setattr(deadline, "seconds_a_step", step)
        monkeypatch.setattr(deadline, "seconds_of_validation", validation)

    def train(self, ends: Deadline, recipe: Recipe, seen: TimeLeft) -> list[int]:
        """Do what the loop does, by this machine's clock; how many steps each epoch had."""
        sizes = recipe.sizes.of_all(recipe.epochs, (128, 128))
        here = TimeLeft(sizes, used=(128, 128), validation=5.0, now=lambda: self.clock)
        here.take_over(seen)
        steps, done = max(round(recipe.passes * STEPS), 1), []
        for epoch, size in enumerate(sizes):
            here.begin()
            for step in range(1, steps + 1):
                self.spend(self.of(size))
                here.did_step(size, step)
            before = self.clock
            self.spend(self.validation)
            here.saw_validation(self.clock - before)
            done.append(steps)
            if epoch + 1 < len(sizes):
                steps = ends.steps(here, epoch + 1)
            before = self.clock
            self.spend(self.between)
            here.saw_between(self.clock - before)
        self.spend(self.validation + self.report)  # after the last evaluation
        return done


def slower_later(now: float) -> float:
    return 1.0 if now < 70 else 0.6


def faster_later(now: float) -> float:
    return 1.0 if now < 70 else 1.7


def restless(now: float) -> float:
    return 1.0 if now // 20 % 2 else 0.7


@pytest.mark.parametrize("speeds", [lambda _now: 1.0, slower_later, faster_later, restless])
@pytest.mark.parametrize("recipe", [GROWS, STILL], ids=["grows", "still"])
@pytest.mark.parametrize("minutes", [2, 5, 30])
def test_it_ends_within_a_tenth_of_the_time(
    minutes: float, recipe: Recipe, speeds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(clock=17.0, speeds=speeds)
    machine.measure(monkeypatch)
    ends = Deadline(minutes=minutes, began=10.0, now=lambda: machine.clock)
    fitted, seen, note = ends.fit(machine.setup(recipe))
    done = machine.train(ends, fitted, seen)
    assert machine.clock - 10.0 == pytest.approx(60 * minutes, rel=0.1)
    assert len(done) == fitted.epochs
    assert f"{fitted.epochs} epochs" in note


def test_time_is_left_for_a_report_that_reads_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(report=32.0)
    machine.measure(monkeypatch)
    ends = Deadline(
        minutes=2, began=0.0, now=lambda: machine.clock, closing=lambda _setup, image: 3200 * image
    )
    fitted, seen, _ = ends.fit(machine.setup(STILL))  # 320 images are validated in 3 seconds
    machine.train(ends, fitted, seen)
    assert machine.clock == pytest.approx(120, rel=0.05)


def test_epochs_are_about_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    machine.measure(monkeypatch)
    ends = Deadline(minutes=20, began=0.0, now=lambda: machine.clock)
    still, *_ = ends.fit(machine.setup(STILL))
    grows, *_ = ends.fit(machine.setup(GROWS))
    # A pass takes 20 seconds, validation 3: 52 epochs of 23 seconds.
    assert still.epochs == 51
    assert 1 <= still.passes < 1.05
    assert 1 <= grows.passes < 1.05
    assert grows.epochs > 1.25 * still.epochs
    assert grows.schedule.warmup == GROWS.schedule.warmup * grows.epochs / GROWS.epochs


def test_few_epochs_are_made_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one or two there would be nothing to correct on the way."""
    machine = Machine(validation=0.5)
    machine.measure(monkeypatch)
    ends = Deadline(minutes=0.8, began=0.0, now=lambda: machine.clock)
    fitted, _, note = ends.fit(machine.setup(STILL))
    assert fitted.epochs == 8
    assert 0.1 < fitted.passes < 0.4
    assert f"8 epochs of {fitted.passes:.2g} passes over the images" in note


def test_too_little_time_is_refused_with_what_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(step=4.0, clock=40.0)
    machine.measure(monkeypatch)
    ends = Deadline(minutes=1, began=0.0, now=lambda: machine.clock)
    with pytest.raises(StriateError, match="minutes") as caught:
        ends.fit(machine.setup(STILL))
    assert "went by before the first step, and a pass over the images takes 3:20" in str(caught)
    (enough,) = (float(number) for number in re.findall(r"[\d.]+", caught.value.remedy))
    machine.clock = 40.0
    ends = Deadline(minutes=enough, began=0.0, now=lambda: machine.clock)
    assert ends.fit(machine.setup(STILL))[0].epochs == 1


def test_the_schedule_is_drawn_together_with_the_epochs() -> None:
    steps = Schedule(name="step", milestones=(30, 60), warmup=5)
    long = Recipe(name="long", epochs=90, schedule=steps)
    short = long.lasting(9)
    assert short.schedule.milestones == (1 / 3, 2 / 3)
    peak = Optimiser(rate=1.0)
    rates = [RateSchedule(short.schedule, peak, 9, 10).rate(10 * each) for each in (2, 4, 8)]
    assert rates == pytest.approx([1.0, 0.1, 0.01])
    assert long.lasting(90).schedule.warmup == 5
    never = Recipe(name="never", epochs=10, schedule=Schedule(name="step", milestones=(5, 20)))
    assert never.lasting(4).schedule.milestones == (0.5,)


# --- the command ---------------------------------------------------------------------------------


OPTIONS: dict[str, Any] = {"net": "lenet", "workers": 0}


class StopAt(Callback):
    """Hears Ctrl-C after one step of an epoch."""

    def __init__(self, epoch: int, step: int) -> None:
        self.at = (epoch, step)

    def on_batch_end(self, batch: BatchEnd) -> None:
        if (batch.epoch, batch.step) == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def test_minutes_and_epochs_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(StriateError, match="give one of them"):
        striate.train("digits", minutes=1, epochs=3, out=tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_cut_goes_on_by_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal to the bit to one whose later epochs were decided alike, and by no clock any more."""

    def fit(self: Deadline, setup: Any) -> Any:
        own = setup.validation.preprocessing.input_size[1:]
        recipe = setup.recipe.lasting(4)
        seen = TimeLeft(recipe.sizes.of_all(4, own), used=own, validation=1.0)
        return recipe, seen, "4 epochs"

    monkeypatch.setattr(Deadline, "fit", fit)
    monkeypatch.setattr(Deadline, "steps", lambda _self, _seen, epoch: 12 + 6 * (epoch > 0))
    whole, cut, mean = tmp_path / "whole", tmp_path / "cut", tmp_path / "mean.toml"
    mean.write_text('[averaging]\nname = "polyak"\n[optimiser]\nrate = 0.01\n', encoding="utf-8")
    options = {**OPTIONS, "recipe": mean}
    striate.train("digits", minutes=1, out=whole, **options)
    with pytest.raises(Interrupted, match="after 2 epochs and 3 steps"):
        striate.train("digits", minutes=1, out=cut, callbacks=[StopAt(3, 3)], **options)
    monkeypatch.setattr(Deadline, "steps", lambda *_: pytest.fail("there is no deadline any more"))
    with pytest.raises(StriateError, match="the run to go on with has 1"):
        striate.train(cut, minutes=2, resume=True)
    striate.train("digits", minutes=1, out=cut, resume=True, **options)
    for name in (names.WEIGHTS, names.METRICS):
        assert (whole / name).read_bytes() == (cut / name).read_bytes()
    run = striate.open_run(cut)
    first, *later = [line["step"] for line in run.metrics][1:]
    assert later == [first + 18, first + 36, first + 54]
    assert run.config.provenance.minutes == 1
    assert run.config.epochs == 4


def test_what_was_measured_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are those of a run with the same epochs and steps that nobody measured."""

    def step(setup: Any, size: tuple[int, int], *, most: float) -> float:
        assert probe.seconds_a_step(setup, size, most=0.0) > 0
        return 0.05

    def validation(setup: Any, *, most: float) -> float:
        assert probe.seconds_of_validation(setup, most=0.0) > 0
        return 0.1

    # What is measured here would depend on what else the machine does.
    monkeypatch.setattr(deadline, "seconds_a_step", step)
    monkeypatch.setattr(deadline, "seconds_of_validation", validation)
    monkeypatch.setattr(Deadline, "left", lambda _self: 5.0)
    timed, plain = tmp_path / "timed", tmp_path / "plain"
    striate.train("digits", minutes=1, out=timed, callbacks=[Last()], **OPTIONS)
    recipe = tmp_path / "same.toml"
    values = striate.open_run(timed).config.recipe.to_dict()
    recipe.write_text(tomli_w.dumps(values), encoding="utf-8")
    striate.train("digits", recipe=recipe, out=plain, callbacks=[Last()], **OPTIONS)
    assert (timed / names.METRICS).read_bytes() == (plain / names.METRICS).read_bytes()


class Last(Callback):
    """Ends the training after its first epoch."""

    def on_epoch_end(self, epoch: Any) -> None:
        self.stop()
