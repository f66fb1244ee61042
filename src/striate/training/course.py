"""The course of a training: of each epoch its steps, the size of its images, its rates, its time.

An epoch is one unit of the schedule and of growing sizes, however many steps it has: where a recipe
lets it be a part of a pass over the images, or several, they are spread over it.
"""

from __future__ import annotations

from striate.training.callbacks.base import EpochEnd
from striate.training.checkpoint import State
from striate.training.probe import seconds_a_step
from striate.training.schedules import RateSchedule
from striate.training.setup import Setup
from striate.training.time_left import Size, TimeLeft


class Course:
    """What the recipe of `setup` makes of each epoch; `batch` images are a step."""

    def __init__(self, setup: Setup, batch: int) -> None:
        recipe = setup.recipe
        self.setup, self.batch, self.epochs = setup, batch, recipe.epochs
        self.planned = max(round(recipe.passes * setup.train.steps), 1)
        """Steps of an epoch, by the recipe."""
        _, *own = setup.validation.preprocessing.input_size
        self.used: Size = (own[0], own[1])
        """What the network is used at, and validated."""
        self.sizes = recipe.sizes.of_all(recipe.epochs, self.used)
        self.schedule = RateSchedule(recipe.schedule, recipe.optimiser, recipe.epochs, self.planned)
        images = len(setup.validation.images)
        self.time_left = TimeLeft(
            self.sizes, used=self.used, validation=images / batch, now=setup.now
        )

    def updates(self, state: State) -> int:
        """That are still to come when no epoch is under way."""
        an_epoch = -(-self.steps(state) // self.setup.recipe.gradient.accumulate)
        return an_epoch * (self.epochs - state.epoch)

    def steps(self, state: State) -> int:
        """Of the epoch under way, or of the next one."""
        return state.steps or self.planned

    def rate(self, state: State, step: int) -> float:
        """The learning rate of a step, counted from 0, of the epoch under way."""
        within = step * self.planned / self.steps(state)
        return self.schedule.rate(state.epoch * self.planned + within)

    def speed(self, state: State) -> float:
        """Images a second in the epoch under way."""
        return self.batch / max(self.time_left.of_step(self.sizes[state.epoch]), 1e-9)

    def left(self, state: State) -> float | None:
        """Seconds that the training still takes; None before that can be told."""
        return self.time_left.left(state.epoch, state.step, self.steps(state))

    def begin(self, state: State, done: tuple[EpochEnd, ...]) -> None:
        """See to it that time left can be told from the first step on.

        Small images are trained first; what the largest take is found out by a step or two that
        change nothing, where no epoch that is `done` tells it.
        """
        for epoch in done:
            self.time_left.saw_step(epoch.size, self.batch / max(epoch.images_per_second, 1e-9))
        coming = self.sizes[state.epoch :]
        if len(set(coming)) > 1 and not self.time_left.has_seen(largest := max(coming)):
            self.time_left.saw_step(largest, seconds_a_step(self.setup, largest))
