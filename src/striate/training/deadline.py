"""As much training as fits into some minutes: what is decided before it begins, and on the way.

Before the first step this machine's speed is measured, and with it the number of epochs is decided
and written into ``run.toml``: as many as fit, each about one pass over the images. A machine does
not stay as it was, so after each epoch the number of steps of those that are left is decided anew;
the schedule and the sizes, which go by epochs, stay as they were. That number stands in the
checkpoint: what was decided once is data, and a run that is cut goes on by it, without a clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from striate.errors import StriateError, parameter
from striate.recipes.recipe import Recipe
from striate.support import settings
from striate.support.progress import clock
from striate.training.probe import seconds_a_step, seconds_of_validation
from striate.training.setup import Setup
from striate.training.time_left import TimeLeft

#: Seconds for what comes after the last evaluation in any case: report and result.
_CLOSING = 3.0
#: How much of the minutes the measuring at each size, and of validation, may take.
_MEASURING = 0.02
#: Epochs of less than this share of a pass are no training.
_LEAST_PASSES = 0.1
#: Fewer epochs than these are made shorter and more, so that the number of steps can be corrected
#: on the way, unless their validation would take more than this share of the time.
_EPOCHS, _VALIDATING = 8, 0.2
_MOST_EPOCHS = 10_000


Closing: TypeAlias = Callable[[Setup, float], float]
"""From a training before its first step, and the seconds that it takes to validate an image, to the
seconds that its report takes for its images."""


@dataclass(kw_only=True)
class Deadline:
    """When a command that was told to take some minutes has to be done.

    Attributes:
        minutes: that it was told.
        began: when it began, by the clock `now`.
        closing: how long what looks at images takes after the last evaluation; None for no time.
        now: the clock, in seconds.
        reserved: seconds kept for all that comes after the last evaluation.
    """

    minutes: float
    began: float
    closing: Closing | None = None
    now: Callable[[], float] = time.monotonic
    reserved: float = field(default=_CLOSING, init=False)

    def left(self) -> float:
        """Seconds that are left, without those for what comes after the last evaluation."""
        return self.began + 60 * self.minutes - self.reserved - self.now()

    def steps(self, seen: TimeLeft, epoch: int) -> int:
        """How many steps each epoch may have when `epoch` epochs are done and some are left."""
        coming = seen.sizes[epoch:]
        free = self.left() - seen.beside_steps(len(coming))
        return max(int(free / sum(map(seen.of_step, coming))), 1)

    def fit(self, setup: Setup) -> tuple[Recipe, TimeLeft, str]:
        """The recipe of `setup` with as many epochs as fit, what was seen, and a note of both.

        Args:
            setup: of a training before its first step.

        Raises:
            StriateError: there is not enough time for a tenth of a pass.
        """
        seen = self._measure(setup)
        if self.closing is not None:
            of_image = seen.of_validation() / max(len(setup.validation.images), 1)
            self.reserved = _CLOSING + self.closing(setup, of_image)
        steps = setup.train.steps
        passes, epochs = self._passes(setup.recipe, seen, steps, 1), 1
        if passes < _LEAST_PASSES:
            raise self._too_short(seen, steps)
        while epochs < _MOST_EPOCHS and self._passes(setup.recipe, seen, steps, 2 * epochs) >= 1:
            epochs *= 2
        for more in (epochs >> k for k in range(1, epochs.bit_length())):
            if self._passes(setup.recipe, seen, steps, epochs + more) >= 1:
                epochs += more
        while epochs < _EPOCHS and seen.beside_steps(epochs + 1) <= _VALIDATING * self.left():
            epochs += 1
        passes = round(self._passes(setup.recipe, seen, steps, epochs), 4)
        note = f"{self.minutes:g} minutes are enough for {epochs:,} epochs"
        if not 0.9 < passes < 1.1:
            note += f" of {passes:.2g} passes over the images"
        return replace(setup.recipe.lasting(epochs), passes=passes), seen, note

    def _measure(self, setup: Setup) -> TimeLeft:
        recipe, (_, *own) = setup.recipe, setup.validation.preprocessing.input_size
        used, most = (own[0], own[1]), _MEASURING * 60 * self.minutes
        sizes = recipe.sizes.of_all(recipe.epochs, used)
        batch = min(recipe.batch_size, len(setup.train.images))
        images = len(setup.validation.images)
        seen = TimeLeft(sizes, used=used, validation=images / batch, now=setup.now)
        with settings.training(setup.threads, setup.seed):
            for size in sorted({sizes[0], sizes[-1]}):
                seen.saw_step(size, seconds_a_step(setup, size, most=most))
            seen.saw_validation(seconds_of_validation(setup, most=most))
        return seen

    def _passes(self, recipe: Recipe, seen: TimeLeft, steps: int, epochs: int) -> float:
        """How many passes over the images each of so many epochs may be."""
        sizes = recipe.sizes.of_all(epochs, seen.used)
        free = self.left() - seen.beside_steps(epochs)
        return free / (steps * sum(map(seen.of_step, sizes)))

    def _too_short(self, seen: TimeLeft, steps: int) -> StriateError:
        epoch = steps * seen.of_step(seen.sizes[-1])
        gone = self.now() - self.began
        least = gone + self.reserved + seen.beside_steps(1) + _LEAST_PASSES * epoch
        return StriateError(
            parameter("minutes", self.minutes),
            f"is too short: {clock(gone)} went by before the first step, and a pass over the "
            f"images takes {clock(epoch)}",
            f"take {parameter('minutes', -(-least * 1.1 // 6) / 10)} or more",
        )
