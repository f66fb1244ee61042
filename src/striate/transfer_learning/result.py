"""What a transfer has made on its way, and what it ended with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.sources import Data
from striate.evaluation.metrics import Evaluation
from striate.evaluation.regression.result import RegressionEvaluation
from striate.runs.claim import Held
from striate.runs.run import Run
from striate.support.shown import Result
from striate.support.words import plain_percent, plain_span
from striate.training.result import top5_of
from striate.transfer_learning.heads.fit import FittedHead
from striate.transfer_learning.tasks.task import Fitted


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Where the time of a transfer went."""

    engine: str
    computed: int
    """Features of the training images that were computed; the others were on disk."""
    found: int
    seconds: float
    """That computing took."""
    start_seconds: float
    """That the engine took to start."""
    head_seconds: float
    held_seconds: float
    """That the features of the held-out images took, the start included."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A run that is written down, but for its evaluation and report."""

    run: Run
    data: Data
    head: Fitted
    timing: Timing
    answers: NDArray[np.float32] | None
    """Of the held-out images, as `evaluate` computes them: probabilities, or values in their own
    units; None where the backbone was trained."""
    held: Held | None = None
    """The run's folder, to be let go of when all is written."""


@dataclass(frozen=True, kw_only=True)
class _Ended(Result):
    """What every transfer ends with."""

    run: Path
    network: str
    head: str
    freeze: str
    views: int
    C: float
    """scikit-learn's C that cross-validation chose; of ridge regression ``1 / (2 · alpha)``."""
    images: int
    engine: str
    features_computed: int
    features_found: int
    features_seconds: float
    """Without the engine's start."""
    images_per_second: float | None
    """Of the features that were computed; None where all were on disk."""
    head_seconds: float
    held_out_seconds: float
    """That the features of the held-out images took, in float32; 0 where the backbone was trained,
    since the network was then measured as a whole."""
    report: Path
    export: Path | None
    export_error: str = ""
    """Why there is no ONNX file although one was wanted; the run is whole all the same."""

    def summary(self) -> str:
        """A few lines for people."""
        rate = (
            f"{self.features_found:,} features from the cache"
            if self.images_per_second is None
            else f"{self.features_computed:,} features in {self.features_seconds:.1f} s "
            f"({self.images_per_second:,.0f} images/s, {self.engine})"
        )
        lines = [
            *self._figures(),
            f"{rate}, head '{self.head}' fitted in {self.head_seconds:.1f} s ({self._chosen()})",
            f"run     {self.run}",
            f"report  {self.report}",
        ]
        if self.export is not None:
            lines.append(f"export  {self.export}")
        elif self.export_error:
            lines.append("export  none: it failed")
        return "\n".join(lines)

    def _figures(self) -> list[str]:
        """Lines on how good it is."""
        raise NotImplementedError

    def _chosen(self) -> str:
        return f"C = {self.C:.3g}"


@dataclass(frozen=True, kw_only=True)
class TransferResult(_Ended):
    """What a transfer to images with classes ended with.

    `top1`, `top5`, `loss` are those of the whole network on the held-out images, in float32, as
    `striate.evaluate` gives them. Where the backbone was frozen, the head was fitted to features
    that `engine` computed.
    """

    validated: float | None
    """Accuracy of that head in cross-validation; None where nothing could be held out."""
    classes: int
    top1: float
    top5: float
    loss: float
    interval: tuple[float, float]

    def _figures(self) -> list[str]:
        low, high = self.interval
        return [
            f"top-1 {plain_percent(self.top1, 2)} (95 % interval {plain_span(low, high, 2)})"
            f"{top5_of(self.top5, self.classes)} on {self.images:,} images"
        ]


@dataclass(frozen=True, kw_only=True)
class NumberTransferResult(_Ended):
    """What a transfer to images with numbers ended with.

    The figures are those of the whole network on the held-out images, in float32, as
    `striate.evaluate` gives them.

    Attributes:
        epsilon: that cross-validation chose, in standard deviations; None for ridge regression.
        validated: root mean squared error of the head in cross-validation, over all targets, in
            their standard deviations; None where nothing could be held out.
        targets: names of the numbers, each with its unit.
        mae: mean absolute error, in the target's unit; of several, the mean of each in deviations.
        rmse: root mean squared error likewise.
        r2: mean of the targets' R².
        per_target: a line each, for people.
    """

    epsilon: float | None
    validated: float | None
    targets: tuple[str, ...]
    mae: float
    rmse: float
    r2: float | None
    per_target: tuple[str, ...]

    def _figures(self) -> list[str]:
        return list(self.per_target)

    def _chosen(self) -> str:
        if self.epsilon is None:
            return f"alpha = {1 / (2 * self.C):.3g}"
        return f"C = {self.C:.3g}, epsilon = {self.epsilon:g}"


def result_of(
    made: Transfer,
    evaluation: Evaluation | RegressionEvaluation,
    export: Path | None,
    export_error: str = "",
) -> TransferResult | NumberTransferResult:
    """The result of the transfer `made`."""
    timing, config, fitted = made.timing, made.run.config, made.head
    assert config.transfer is not None
    rate = timing.computed / timing.seconds if timing.computed and timing.seconds else None
    common: dict[str, Any] = {
        "run": made.run.path,
        "network": config.network,
        "head": fitted.kind,
        "freeze": config.transfer.freeze,
        "views": config.transfer.views,
        "C": fitted.chosen.C,
        "images": evaluation.images,
        "engine": timing.engine,
        "features_computed": timing.computed,
        "features_found": timing.found,
        "features_seconds": round(timing.seconds, 3),
        "images_per_second": None if rate is None else round(rate, 1),
        "head_seconds": round(timing.head_seconds, 3),
        "held_out_seconds": round(timing.held_seconds, 3),
        "report": made.run.path / "report.html",
        "export": export,
        "export_error": export_error,
    }
    if isinstance(fitted, FittedHead):
        assert isinstance(evaluation, Evaluation)
        return TransferResult(
            **common,
            validated=fitted.chosen.accuracy if fitted.folds else None,
            classes=len(evaluation.classes),
            top1=evaluation.top1,
            top5=evaluation.top5,
            loss=evaluation.loss,
            interval=evaluation.interval,
        )
    assert isinstance(evaluation, RegressionEvaluation)
    return NumberTransferResult(
        **common,
        epsilon=fitted.chosen.epsilon,
        validated=fitted.chosen.rmse if fitted.folds else None,
        targets=tuple(each.described for each in evaluation.targets),
        mae=evaluation.mae,
        rmse=evaluation.rmse,
        r2=None if math.isnan(evaluation.r2) else evaluation.r2,
        per_target=evaluation.lines,
    )
