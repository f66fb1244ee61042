"""Learning-rate schedules: the rate as a function of the step, so that resuming needs no state.

Only ``plateau`` depends on what was measured; what it has seen travels in the checkpoint.
"""

from __future__ import annotations

import math
from typing import Any

from striate.recipes.recipe import Optimiser, Schedule


class RateSchedule:
    """The learning rate at every step of a run.

    Args:
        schedule: the recipe's table of that name.
        optimiser: the recipe's table of that name, for its highest rate.
        epochs: of the whole run.
        steps: batches an epoch.
    """

    def __init__(self, schedule: Schedule, optimiser: Optimiser, epochs: int, steps: int) -> None:
        self.schedule, self.peak = schedule, optimiser.rate
        self.epochs, self.steps = epochs, max(steps, 1)
        self._plateau_factor = 1.0
        self._best = -math.inf
        self._waited = 0

    def rate(self, step: float) -> float:
        """The rate for the batch number `step` of the run, counted from 0 over all epochs.

        Where an epoch has another number of batches than the others, their numbers are no whole
        ones: they are spread over the epoch.
        """
        epoch = step / self.steps
        warmup = self._warmup_epochs()
        if epoch < warmup:
            start = self.schedule.warmup_rate
            return start + (self._after_warmup(warmup) - start) * (
                (step + 1) / (warmup * self.steps)
            )
        return self._after_warmup(epoch)

    def _warmup_epochs(self) -> float:
        if self.schedule.warmup == 0:
            # Smith and Topin 2018 (arXiv 1708.07120) let the rate rise for the first third or so.
            return 0.3 * self.epochs if self.schedule.name == "one_cycle" else 0.0
        # A short run, such as a trial of one or two epochs, must still get past its warm-up.
        return min(self.schedule.warmup, self.epochs / 4)

    def _after_warmup(self, epoch: float) -> float:
        name = self.schedule.name
        if name == "step":
            return self._stepped(epoch)
        if name == "exponential":
            return self.peak * self.schedule.factor ** math.floor(epoch / self.schedule.every)
        if name == "plateau":
            return self.peak * self._plateau_factor
        if name in ("cosine", "one_cycle"):
            warmup = self._warmup_epochs()
            done = (epoch - warmup) / max(self.epochs - warmup, 1e-9)
            shape = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
            return self.peak * (self.schedule.final + (1 - self.schedule.final) * shape)
        return self.peak

    def _stepped(self, epoch: float) -> float:
        milestones = [m * self.epochs if m < 1 else m for m in self.schedule.milestones]
        passed = sum(epoch >= milestone for milestone in milestones)
        if self.schedule.rates:
            return self.schedule.rates[passed - 1] if passed else self.peak
        return self.peak * self.schedule.factor**passed

    def observe(self, goodness: float) -> None:
        """Take note of how good an epoch was, which ``plateau`` goes by.

        Args:
            goodness: of the validation images, the larger the better: top-1, or the mean absolute
                error of numbers with a minus.
        """
        if goodness > self._best:
            self._best, self._waited = goodness, 0
            return
        self._waited += 1
        if self.schedule.name == "plateau" and self._waited > self.schedule.patience:
            self._plateau_factor *= self.schedule.factor
            self._waited = 0

    def state(self) -> dict[str, Any]:
        """What `observe` has led to, for the checkpoint."""
        return {"factor": self._plateau_factor, "best": self._best, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._plateau_factor = state["factor"]
        self._best, self._waited = state["best"], state["waited"]
