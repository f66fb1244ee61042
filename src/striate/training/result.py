"""What a training ended with."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.runs import run as names


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a training ended with.

    `top1`, `top5`, `loss` are those of the kept weights on the validation images, in float32.
    """

    run: Path
    network: str
    epochs: int
    best_epoch: int
    images: int
    top1: float
    top5: float
    loss: float
    interval: tuple[float, float]
    seconds: float
    report: Path

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as strings."""
        return {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(self).items()
        }

    def summary(self) -> str:
        """A few lines for people."""
        low, high = self.interval
        said = (
            f"top-1 {100 * self.top1:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}), "
            f"top-5 {100 * self.top5:.2f} %, on {self.images:,} images, "
            f"with the weights of epoch {self.best_epoch}\n"
            f"run     {self.run}\n"
            f"report  {self.report}"
        )
        if (self.run / names.TRANSFER).exists() and not any(self.run.glob("*.onnx")):
            # A transfer that was not cut would have made its file by itself.
            said += f"\nexport  none yet: striate export {shlex.quote(str(self.run))}"
        return said
