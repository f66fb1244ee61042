"""How near an integer network comes to its float one, by the true answers of the same images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.deploy.quantise.figures import ClassFigures, Figures, TargetFigures, ValueFigures
from striate.engines.session import Answers
from striate.evaluation.comparing.paired import paired_interval
from striate.evaluation.metrics import negative_log_likelihood
from striate.evaluation.regression.metrics import mean_absolute_error
from striate.runs.targets import ScaledTarget, scale_of

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.engines.exported import ExportedFile


class Judge(ABC):
    """What two networks' answers to the same images are compared by.

    Attributes:
        unit: in which differences of answers are measured, (K,) or one for all.
    """

    unit: NDArray[np.float64]

    @abstractmethod
    def compare(
        self,
        floats: Answers,
        integers: Answers,
        *,
        engine: str,
        vnni: bool | None,
        emulated: bool = False,
        counted: bool = True,
    ) -> Figures:
        """The figures of one engine.

        Args:
            floats: answers of the float network, (images, K).
            integers: those of the integer one.
            engine: in which they were computed.
            vnni: as for `Figures`.
            emulated: as for `Figures`.
            counted: as for `Figures`.
        """


class ClassJudge(Judge):
    """By the true classes.

    Args:
        labels: (images,).
    """

    unit = np.ones(())

    def __init__(self, labels: NDArray[np.int64]) -> None:
        self.labels = labels

    def compare(
        self,
        floats: Answers,
        integers: Answers,
        *,
        engine: str,
        vnni: bool | None,
        emulated: bool = False,
        counted: bool = True,
    ) -> ClassFigures:
        """As for `Judge`."""
        labels = self.labels
        one, other = floats.argmax(1), integers.argmax(1)
        right, still = one == labels, other == labels
        return ClassFigures(
            engine=engine,
            vnni=vnni,
            emulated=emulated,
            images=len(labels),
            agreement=float((one == other).mean()),
            float_top1=float(right.mean()),
            top1=float(still.mean()),
            interval=paired_interval(
                int((right & ~still).sum()), int((still & ~right).sum()), len(labels)
            ),
            float_loss=negative_log_likelihood(floats, labels),
            loss=negative_log_likelihood(integers, labels),
            difference=float(np.abs(floats - integers).mean()),
            counted=counted,
        )


class ValueJudge(Judge):
    """By the true values.

    Args:
        values: (images, targets).
        targets: of them, as the file has them.
    """

    def __init__(self, values: NDArray[np.float64], targets: Sequence[ScaledTarget]) -> None:
        self.values, self.targets = values, tuple(targets)
        self.unit = scale_of(self.targets)[1]

    def compare(
        self,
        floats: Answers,
        integers: Answers,
        *,
        engine: str,
        vnni: bool | None,
        emulated: bool = False,
        counted: bool = True,
    ) -> ValueFigures:
        """As for `Judge`."""
        differences = np.abs(floats.astype(np.float64) - integers).mean(0)
        float_errors, errors = (
            mean_absolute_error(self.values.T, each.T.astype(np.float64))
            for each in (floats, integers)
        )
        each = zip(
            self.targets, differences, differences / self.unit, float_errors, errors, strict=True
        )
        return ValueFigures(
            engine=engine,
            vnni=vnni,
            emulated=emulated,
            images=len(floats),
            difference=float((differences / self.unit).mean()),
            targets=tuple(
                TargetFigures(
                    name=target.described,
                    difference=float(difference),
                    of_deviation=float(share),
                    float_mae=float(before),
                    mae=float(after),
                )
                for target, difference, share, before, after in each
            ),
            counted=counted,
        )


def judge_of(images: ImageSet, file: ExportedFile) -> Judge:
    """What the network of `file` is judged by on `images`."""
    if images.values is not None:
        return ValueJudge(images.values, file.targets)
    return ClassJudge(images.labels)
