"""What a training ended with."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from striate.runs import layout as names
from striate.support.shown import Result
from striate.support.text import printable


@dataclass(frozen=True, kw_only=True)
class TrainResult(Result):
    """What a training ended with.

    `top1`, `top5`, `loss` are those of the kept weights on the validation images, in float32.
    """

    run: Path
    network: str
    epochs: int
    best_epoch: int
    images: int
    classes: int
    top1: float
    top5: float
    loss: float
    interval: tuple[float, float]
    seconds: float
    report: Path
    members: int = 1
    """How many networks it is."""

    def summary(self) -> str:
        """A few lines for people."""
        low, high = self.interval
        made = f"with the weights of epoch {self.best_epoch}"
        if self.members > 1:
            made = f"as the mean of {self.members:,} networks"
        said = (
            f"top-1 {100 * self.top1:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f})"
            f"{top5_of(self.top5, self.classes)}\n"
            f"on {self.images:,} images, {made}\n"
            f"run     {printable(str(self.run))}\n"
            f"report  {printable(str(self.report))}"
        )
        if (self.run / names.TRANSFER).exists() and not any(self.run.glob("*.onnx")):
            # A transfer that was not cut would have made its file by itself.
            said += f"\nexport  none yet: striate export {shlex.quote(str(self.run))}"
        return said


def top5_of(share: float, classes: int) -> str:
    """Top-5 accuracy after top-1; nothing where so few classes leave it no choice but 100 %."""
    return f", top-5 {100 * share:.2f} %" if classes > 5 else ""
