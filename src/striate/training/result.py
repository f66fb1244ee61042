"""What a training ended with: of classes, and of numbers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.runs import layout as names
from striate.support.shown import Result
from striate.support.text import printable
from striate.support.words import plain_percent, plain_span

if TYPE_CHECKING:
    from striate.evaluation.regression.result import RegressionEvaluation


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
        said = (
            f"top-1 {plain_percent(self.top1, 2)} (95 % interval {plain_span(low, high, 2)})"
            f"{top5_of(self.top5, self.classes)}\n{_rest(self)}"
        )
        if (self.run / names.TRANSFER).exists() and not any(self.run.glob("*.onnx")):
            # A transfer that was not cut would have made its file by itself.
            said += f"\nexport  none yet: striate export {shlex.quote(str(self.run))}"
        return said


def top5_of(share: float, classes: int) -> str:
    """Top-5 accuracy after top-1; nothing where so few classes leave it no choice but 100 %."""
    return f", top-5 {plain_percent(share, 2)}" if classes > 5 else ""


@dataclass(frozen=True, kw_only=True)
class NumberTrainResult(Result):
    """What a training for numbers ended with.

    `evaluation` is that of the kept weights on the validation images, in float32; `mae`, `rmse` and
    `r2` are its own.
    """

    run: Path
    network: str
    epochs: int
    best_epoch: int
    images: int
    evaluation: RegressionEvaluation
    seconds: float
    report: Path
    members: int = 1
    """How many networks it is."""

    @property
    def mae(self) -> float:
        """Mean absolute error; of several targets, the mean of each in deviations."""
        return self.evaluation.mae

    @property
    def rmse(self) -> float:
        """Root mean squared error likewise."""
        return self.evaluation.rmse

    @property
    def r2(self) -> float:
        """Mean R² of the targets."""
        return self.evaluation.r2

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as strings."""
        measured = self.evaluation.to_json()
        figures = {key: measured[key] for key in ("mae", "rmse", "r2", "per_target")}
        plain = super().to_json()
        del plain["evaluation"]
        return plain | figures

    def summary(self) -> str:
        """A few lines for people."""
        lines = [each.line for each in self.evaluation.per_target]
        return "\n".join([*lines, _rest(self)])


def _rest(found: TrainResult | NumberTrainResult) -> str:
    """What is told of a training whatever its network answers with."""
    made = f"with the weights of epoch {found.best_epoch}"
    if found.members > 1:
        made = f"as the mean of {found.members:,} networks"
    return (
        f"on {found.images:,} images, {made}\n"
        f"run     {printable(str(found.run))}\n"
        f"report  {printable(str(found.report))}"
    )
