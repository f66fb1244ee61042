"""Time left, by a clock that is made up."""

from __future__ import annotations

import pytest

from striate.recipes.sizes import Sizes
from striate.training.time_left import TimeLeft

STEPS, IMAGES = 40, 0.25


class Machine:
    """Takes for a step what convolutions, fixed costs and a validation really take."""

    def __init__(self, epochs: int, *, fixed: float, validation: float = 4.0) -> None:
        self.clock, self.fixed, self.validation = 0.0, fixed, validation
        self.slower = 1.0
        self.sizes = Sizes(start=0.5, end=0.875).of_all(epochs, (128, 128))
        self.time_left = TimeLeft(
            self.sizes, used=(128, 128), validation=STEPS * IMAGES, now=lambda: self.clock
        )

    def seconds(self, size: tuple[int, int]) -> float:
        return self.slower * (self.fixed + (1 - self.fixed) * size[0] * size[1] / 128**2)

    @property
    def total(self) -> float:
        epochs = len(self.sizes)
        return STEPS * sum(map(self.seconds, self.sizes)) + (epochs + 1) * self.validation

    def train(self, epoch: int, steps: int = STEPS) -> None:
        self.time_left.begin()
        for step in range(1, steps + 1):
            self.clock += self.seconds(self.sizes[epoch]) + (2.0 if step == 1 else 0.0)
            self.time_left.did_step(self.sizes[epoch], step)


@pytest.mark.parametrize("fixed", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("epochs", [5, 28])
def test_it_is_true_from_the_first_steps_on(epochs: int, fixed: float) -> None:
    machine = Machine(epochs, fixed=fixed)
    largest = max(machine.sizes)
    machine.time_left.saw_step(largest, machine.seconds(largest))
    machine.train(0, steps=3)
    told = machine.time_left.left(0, 3, STEPS)
    assert told is not None
    # Before a validation was seen, it is guessed; that is the only thing that may be wrong.
    assert told == pytest.approx(machine.total - 3 * machine.seconds(machine.sizes[0]), rel=0.2)
    machine.time_left.saw_validation(machine.validation)
    told = machine.time_left.left(0, 3, STEPS)
    assert told == pytest.approx(machine.total - 3 * machine.seconds(machine.sizes[0]), rel=0.01)


def test_it_counts_down_to_the_last_evaluation() -> None:
    machine = Machine(10, fixed=0.2)
    for epoch in range(10):
        machine.train(epoch)
        machine.clock += machine.validation
        machine.time_left.saw_validation(machine.validation)
        machine.time_left.saw_between(0.5)
    assert machine.time_left.left(10, 0, STEPS) == machine.validation
    assert machine.time_left.left(9, 0, STEPS) == pytest.approx(
        STEPS * machine.seconds((112, 112)) + 2 * machine.validation + 0.5
    )


def test_a_machine_that_becomes_slower_is_believed() -> None:
    machine = Machine(4, fixed=0.0)
    machine.train(0)
    fast = machine.time_left.of_step(machine.sizes[0])
    machine.slower = 3.0
    machine.train(0)
    assert machine.time_left.of_step(machine.sizes[0]) == pytest.approx(3 * fast)


def test_nothing_is_told_before_a_step() -> None:
    machine = Machine(3, fixed=0.2)
    assert machine.time_left.left(0, 0, STEPS) is None
    machine.train(0, steps=1)
    # One step that had to wait for its images is better than none.
    assert machine.time_left.left(0, 1, STEPS) is not None
    machine.train(0, steps=2)
    assert machine.time_left.of_step(machine.sizes[0]) == pytest.approx(
        machine.seconds(machine.sizes[0])
    )


def test_small_images_never_cost_nothing() -> None:
    machine = Machine(3, fixed=0.2)
    # Measured under a load that was gone for the larger one.
    machine.time_left.saw_step((64, 64), 0.2)
    machine.time_left.saw_step((80, 80), 1.0)
    assert machine.time_left.of_step((32, 32)) == pytest.approx(1.0 * (32 / 80) ** 2 / 2)
