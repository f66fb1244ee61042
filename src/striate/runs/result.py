"""What came of putting runs together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from striate.support.shown import Result
from striate.support.text import printable
from striate.support.words import figure, plain_percent, plain_span


class MeasuredNumbers(Protocol):
    """Figures of numbers: a `striate.evaluation.regression.result.RegressionEvaluation`."""

    @property
    def images(self) -> int:
        """How many were measured on."""

    @property
    def mae(self) -> float:
        """Mean absolute error."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""


@dataclass(frozen=True, kw_only=True)
class EnsembleResult(Result):
    """An ensemble that was made.

    Attributes:
        run: its folder.
        members: the runs that it was made of.
        classes: how many.
        top1s: of each member alone, on its own held-out images; None where that is not known.
        images: that it was measured on; None, as what follows, where it was not.
        top1: of the ensemble.
        loss: mean negative log likelihood, in nats.
        interval: 95 % interval of `top1`.
        note: why it was not measured.
    """

    run: Path
    members: tuple[Path, ...]
    classes: int
    top1s: tuple[float | None, ...]
    images: int | None
    top1: float | None
    loss: float | None
    interval: tuple[float, float] | None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as strings."""
        return {**super().to_json(), "members": [str(each) for each in self.members]}

    def summary(self) -> str:
        """A line a member, and what they come to together."""
        lines = []
        for path, top1 in zip(self.members, self.top1s, strict=True):
            alone = "not measured" if top1 is None else f"top-1 {plain_percent(top1, 2)}"
            lines.append(f"{printable(str(path))}: {alone}")
        if self.top1 is not None and self.interval is not None:
            low, high = self.interval
            lines.append(
                f"together: top-1 {plain_percent(self.top1, 2)} (95 % interval "
                f"{plain_span(low, high, 2)}) on {self.images:,} images"
            )
        lines += [f"note: {printable(self.note)}"] if self.note else []
        return "\n".join([*lines, f"run     {printable(str(self.run))}"])


@dataclass(frozen=True, kw_only=True)
class NumberEnsembleResult(Result):
    """An ensemble of runs of numbers that was made.

    Attributes:
        run: its folder.
        members: the runs that it was made of.
        errors: the mean absolute error of each member alone, on its own held-out images; of several
            targets, in deviations. None where that is not known.
        evaluation: what it comes to; None where it was not measured.
        note: why it was not measured.
    """

    run: Path
    members: tuple[Path, ...]
    errors: tuple[float | None, ...]
    evaluation: MeasuredNumbers | None
    note: str = ""

    @property
    def mae(self) -> float | None:
        """Its mean absolute error, where it was measured."""
        return None if self.evaluation is None else self.evaluation.mae

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as strings."""
        plain = super().to_json()
        del plain["evaluation"]
        figures = None if self.evaluation is None else self.evaluation.to_json()
        return {**plain, "members": [str(each) for each in self.members], "figures": figures}

    def summary(self) -> str:
        """A line a member, and what they come to together."""
        lines = []
        for path, error in zip(self.members, self.errors, strict=True):
            alone = "not measured" if error is None else f"mean absolute error {figure(error, 4)}"
            lines.append(f"{printable(str(path))}: {alone}")
        if self.evaluation is not None:
            together = f"mean absolute error {figure(self.evaluation.mae, 4)}"
            lines.append(f"together: {together} on {self.evaluation.images:,} images")
        lines += [f"note: {printable(self.note)}"] if self.note else []
        return "\n".join([*lines, f"run     {printable(str(self.run))}"])
