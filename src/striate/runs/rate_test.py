"""The range test of the learning rate that a run began with: ``rate_test.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from striate.errors import RunError
from striate.runs.layout import RATE_TEST
from striate.support.files import write_atomically
from striate.support.paths import read_file, shown
from striate.support.tables import Bounds, from_table

if TYPE_CHECKING:
    from striate.runs.run import Run

#: Steps to either side that the smoothed loss is a mean over, weighed by a bell of half that width.
_REACH = 4
_WEIGHTS = tuple(math.exp(-2 * (k / _REACH) ** 2) for k in range(-_REACH, _REACH + 1))
#: The first steps, whose rates are too small to change anything.
_FIRST = 8
#: By how much the loss has to fall below that of the first steps before a rate is said to teach
#: anything: this share of it, and so many standard errors. The lowest of many is low by luck; this
#: many it is by luck in one test of a hundred. A network that a hundred steps teach next to nothing
#: tells nothing of thousands: LeNet's loss on digits fell by 7 % at a rate that ruined a training.
_LEAST_FALL, _ERRORS = 0.1, 4.0
_LARGEST = 1 << 20

Rates = Annotated[tuple[float, ...], Bounds(0, math.inf, above=True)]


@dataclass(frozen=True, kw_only=True)
class RateTest:
    """The loss of a network's first steps at rates that rise by the same factor from step to step.

    After Smith 2017 (arXiv 1506.01186), Sec. 3.3, with two departures that fast.ai made common: the
    rate rises exponentially, so that the test covers orders of magnitude, and the loss of training
    batches is looked at, not the accuracy.
    """

    rates: Rates
    """Of each step that was made."""
    losses: tuple[float, ...]
    """Of its batch, before the step; ends where the loss grew past all others."""
    before: Annotated[float, Bounds(0, math.inf, above=True)]
    """The rate that the recipe says."""

    @property
    def smoothed(self) -> tuple[float, ...]:
        """The losses without the noise of single batches, in place: a mean over their neighbours.

        An average of what came before, which is common, would lag half a power of ten behind.
        """
        return smooth(self.losses)

    @property
    def lowest(self) -> int | None:
        """The step at which the loss was lowest; None where it never fell below its noise."""
        curve = self.smoothed
        # At the end there are neighbours on one side alone: such a mean is half as sure.
        places = range(_FIRST, len(curve) - _REACH)
        if not places:
            return None
        place = min(places, key=curve.__getitem__)
        first = sum(self.losses[:_FIRST]) / _FIRST
        least = max(_LEAST_FALL * abs(first), _ERRORS * self._error(place))
        return place if first - curve[place] >= least else None

    def _error(self, place: int) -> float:
        """The standard error of how far the loss fell until the step `place`.

        It is that of a smoothed value and of the mean of the first steps, from what the losses
        until then scatter about the smoothed ones.
        """
        squares = [(a - b) ** 2 for a, b in zip(self.losses, self.smoothed, strict=True)]
        until = squares[: max(place + 1, _FIRST)]
        shares = [weight / sum(_WEIGHTS) for weight in _WEIGHTS]
        kept = sum(share**2 for share in shares)
        # A smoothed value follows its own loss in part, and lies nearer to it.
        variance = sum(until) / len(until) / (1 - 2 * shares[_REACH] + kept)
        return math.sqrt(variance * (kept + 1 / _FIRST))

    @property
    def suggested(self) -> float | None:
        """The rate to train at, a tenth of that of the lowest loss; None where there is none.

        Where the loss is lowest it is about to grow: a peak rate has to stay well below, and a
        tenth is the usual rule (Howard and Gugger 2020, arXiv 2002.04688, of their ``lr_find``).
        """
        return None if self.lowest is None else self.rates[self.lowest] / 10


def smooth(values: Sequence[float]) -> tuple[float, ...]:
    """`values`, each as a mean over its neighbours.

    Examples:
        >>> [round(each, 6) for each in smooth([1.0] * 3)]
        [1.0, 1.0, 1.0]
    """
    found = []
    for place in range(len(values)):
        near = [
            (weight, values[place + k])
            for k, weight in enumerate(_WEIGHTS, start=-_REACH)
            if 0 <= place + k < len(values)
        ]
        found.append(sum(w * v for w, v in near) / sum(w for w, _ in near))
    return tuple(found)


def keep_rate_test(folder: Path, test: RateTest) -> None:
    """Write `test` into the run in `folder`, whole or not at all."""
    text = json.dumps(vars(test), allow_nan=False)
    write_atomically(folder / RATE_TEST, f"{text}\n".encode())


def read_rate_test(run: Run) -> RateTest | None:
    """The range test that `run` began with; None where there was none.

    Raises:
        RunError: its file is damaged.
    """
    path = run.path / RATE_TEST
    try:
        content = read_file(path, most=_LARGEST, kind=RunError)
    except FileNotFoundError:
        return None
    try:
        test = from_table(RateTest, json.loads(content), "it", kind=RunError)
        if len(test.rates) != len(test.losses):
            raise ValueError("it has not as many losses as rates")
    except (ValueError, RecursionError, RunError) as error:
        raise RunError(shown(path), f"is damaged ({error})", "restore it from a copy") from error
    return test
