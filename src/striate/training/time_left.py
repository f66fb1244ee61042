"""How long a training still takes: from what its steps took, also at sizes that are yet to come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

Size = tuple[int, int]
"""(height, width) in pixels."""

#: Of the seconds a step while one size alone was seen: the share that a smaller one saves in
#: proportion to its pixels. The rest is updates, calls of operators and reading images
#: (`googlenet_bn` in batches of 64 images of 128 pixels: 0.68).
_GROWS = 0.7
#: Validation of an image before any was seen, as a share of a training image of the same size:
#: there is no backward pass.
_FORWARD = 1 / 3


class TimeLeft:
    """Seconds that a training still takes, its last evaluation included.

    A size that has been seen takes what it took the last time. One that has not is put on the line
    through the two largest that have, by pixels; hence the largest should be seen early.

    Args:
        sizes: of the training images of each epoch.
        used: the size of validation images.
        validation: how many training batches the validation images would make.
        now: the clock, in seconds.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        *,
        used: Size,
        validation: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sizes, self.used, self.validation, self.now = sizes, used, validation, now
        self._steps: dict[Size, float] = {}
        self._validated: float | None = None
        self._between = 0.0
        """Seconds an epoch for all but steps and validation: checkpoint, log."""
        self._began = self._counted = self.now()
        self._first = -1

    # --- what was seen ---------------------------------------------------------------------------

    def has_seen(self, size: Size) -> bool:
        """Whether a step at `size` was seen."""
        return size in self._steps

    def saw_step(self, size: Size, seconds: float) -> None:
        """A step at `size` took so many seconds, on the average of some."""
        self._steps[size] = seconds

    def saw_validation(self, seconds: float) -> None:
        """All validation images took so many seconds."""
        self._validated = seconds

    def saw_between(self, seconds: float) -> None:
        """What comes after the validation of an epoch took so many seconds."""
        self._between = seconds

    def take_over(self, other: TimeLeft) -> None:
        """What `other` has seen counts as seen."""
        self._steps |= other._steps
        self._validated = other._validated

    def begin(self) -> None:
        """An epoch begins, or goes on: the clock runs for its steps from now on."""
        self._began, self._first = self.now(), -1

    def did_step(self, size: Size, step: int) -> None:
        """`step` steps of the epoch are done.

        The first since it began waits for images: it counts for as long as there is none other.
        """
        now = self.now()
        if self._first < 0:
            self._counted, self._first = now, step
            self._steps.setdefault(size, now - self._began)
        else:
            self._steps[size] = (now - self._counted) / (step - self._first)

    # --- what follows from it --------------------------------------------------------------------

    def of_step(self, size: Size) -> float:
        """Seconds that a step at `size` takes; 0 before any step was seen."""
        if size in self._steps or not self._steps:
            return self._steps.get(size, 0.0)
        seen = sorted((_pixels(each), seconds) for each, seconds in self._steps.items())
        (larger, seconds), wanted = seen[-1], _pixels(size)
        slope = _GROWS * seconds / larger
        if len(seen) > 1:
            smaller, fewer = seen[-2]
            slope = max(seconds - fewer, 0.0) / (larger - smaller)
        # A line through noise must not make small images cost nothing.
        least = seconds * min(wanted / larger, 1.0) / 2
        return max(seconds + slope * (wanted - larger), least)

    def of_validation(self) -> float:
        """Seconds that all validation images take once."""
        if self._validated is not None:
            return self._validated
        return _FORWARD * self.validation * self.of_step(self.used)

    def beside_steps(self, epochs: int) -> float:
        """Seconds that so many epochs, and the evaluation after the last, take beside steps."""
        # That evaluation looks at as many images as a validation does.
        return epochs * (self.of_validation() + self._between) + self.of_validation()

    def left(self, epoch: int, step: int, steps: int) -> float | None:
        """Seconds until all is done; None before any step was seen.

        Args:
            epoch: how many epochs are done.
            step: how many steps are done of the next.
            steps: of that and of every later epoch.
        """
        if not self._steps:
            return None
        coming = self.sizes[epoch:]
        seconds = sum(map(self.of_step, coming)) * steps + self.beside_steps(len(coming))
        return seconds - step * (self.of_step(coming[0]) if coming else 0.0)


def _pixels(size: Size) -> int:
    return size[0] * size[1]
