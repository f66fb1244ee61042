"""What differs between measuring a run of classes and one of numbers, and nothing else."""

from __future__ import annotations

import math
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError, parameter
from striate.evaluation.metrics import Evaluation, measure
from striate.evaluation.regression.conformal import LEVELS
from striate.evaluation.regression.result import RegressionEvaluation, measure_values
from striate.evaluation.temperature import scaling_of
from striate.runs.calibration import read_calibration, with_temperature
from striate.runs.conformal import HalfWidth, HalfWidths, keep_conformal
from striate.runs.predicted_values import keep_values
from striate.runs.predictions import keep_predictions
from striate.support.text import printable
from striate.support.words import listing

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.inference.classifier import GivesProbabilities
    from striate.inference.regressor import GivesValues
    from striate.runs.run import Run
    from striate.support.progress import Progress

Answers: TypeAlias = NDArray[np.float32]
"""(images, K): probabilities or values."""
Figures = TypeVar("Figures", Evaluation, RegressionEvaluation)


class OpenClassifier(Protocol):
    """Opens the network of a run, as `Classifier.of_run` does."""

    def __call__(self, run: Run, *, device: str, calibrated: bool = True) -> GivesProbabilities:
        """What gives the probabilities of the run's network, computed on `device`.

        They are as it was calibrated or, without `calibrated`, the network's own.
        """


class OpenRegressor(Protocol):
    """Opens the network of a run of numbers, as `Regressor.of_run` does."""

    def __call__(self, run: Run, *, device: str) -> GivesValues:
        """What gives the values of the run's network, computed on `device`."""


class Kind(ABC, Generic[Figures]):
    """How the answers of a run are computed, measured and kept."""

    @abstractmethod
    def compute(
        self,
        run: Run,
        images: ImageSet,
        *,
        device: str,
        workers: int | None,
        progress: Progress | None,
    ) -> Answers:
        """What the network of `run` gives for `images`, as it is kept."""

    @abstractmethod
    def figures(self, run: Run, found: Answers, images: ImageSet) -> Figures:
        """What `found`, computed of `images`, comes to as `run` uses it."""

    @abstractmethod
    def keep(
        self, run: Run, found: Answers, images: ImageSet, figures: Figures, *, split: str
    ) -> None:
        """Write what was `found` into `run`, whose folder the caller holds.

        Raises:
            WriteError: it cannot be written.
        """

    def advice(self, run: Run, figures: Figures) -> list[str]:
        """What would make the answers of `run` more honest, in sentences: nothing."""
        return []

    @abstractmethod
    def used(self, run: Run, found: Answers) -> Answers:
        """What was `found` as `run` uses it."""


class OfClasses(Kind[Evaluation]):
    """Of probabilities."""

    def __init__(self, open_classifier: OpenClassifier) -> None:
        self.open_classifier = open_classifier

    def compute(
        self,
        run: Run,
        images: ImageSet,
        *,
        device: str,
        workers: int | None,
        progress: Progress | None,
    ) -> Answers:
        """The network's own probabilities, (images, classes)."""
        classifier = self.open_classifier(run, device=device, calibrated=False)
        return classifier.probabilities(images, workers=workers, progress=progress)

    def figures(self, run: Run, found: Answers, images: ImageSet) -> Evaluation:
        """Of calibrated probabilities, where `run` is calibrated."""
        return figures_of(run, found, images.labels)

    def keep(
        self, run: Run, found: Answers, images: ImageSet, figures: Evaluation, *, split: str
    ) -> None:
        """Write the network's own probabilities."""
        keep_predictions(run, images, found, split=split)

    def advice(self, run: Run, figures: Evaluation) -> list[str]:
        """What would make the probabilities of `run` more honest."""
        found = figures.scaling
        if found is None or found.used != 1 or not found.helps:
            return []
        how = "over-confident" if found.fitted > 1 else "under-confident"
        return [
            f"its probabilities are {how}; to bring the expected calibration error from "
            f"{found.before.ece:.4f} to {found.after.ece:.4f}: "
            f"striate calibrate {shlex.quote(str(run.path))}"
        ]

    def used(self, run: Run, found: Answers) -> Answers:
        """The probabilities as `run` is calibrated."""
        return with_temperature(found, run.temperature)


class OfNumbers(Kind[RegressionEvaluation]):
    """Of values."""

    def __init__(self, open_regressor: OpenRegressor) -> None:
        self.open_regressor = open_regressor

    def compute(
        self,
        run: Run,
        images: ImageSet,
        *,
        device: str,
        workers: int | None,
        progress: Progress | None,
    ) -> Answers:
        """The values, (images, targets), in the targets' units."""
        regressor = self.open_regressor(run, device=device)
        return regressor.values(images, workers=workers, progress=progress)

    def figures(self, run: Run, found: Answers, images: ImageSet) -> RegressionEvaluation:
        """Errors, and prediction intervals that are taken from these very images."""
        assert images.values is not None
        return measure_values(
            images.values,
            found,
            [each.plain for each in run.targets],
            deviations=[each.deviation for each in run.targets],
            digests=images.digests,
        )

    def keep(
        self,
        run: Run,
        found: Answers,
        images: ImageSet,
        figures: RegressionEvaluation,
        *,
        split: str,
    ) -> None:
        """Write the values, and the prediction intervals of which the figures tell."""
        keep_values(run, images, found, split=split)
        widths = [
            [
                HalfWidth(level=interval.level, half_width=interval.half_width)
                for interval in each.intervals
                if np.isfinite(interval.half_width)
            ]
            for each in figures.per_target
        ]
        keep_conformal(run, widths, figures.images)

    def used(self, run: Run, found: Answers) -> Answers:
        """The values themselves."""
        return found


def figures_of(run: Run, found: NDArray[np.float32], labels: NDArray[np.int64]) -> Evaluation:
    """What the network's own probabilities `found` of held-out images come to, as `run` uses them.

    Args:
        run: which may be calibrated.
        found: (images, classes).
        labels: (images,).

    Raises:
        RunError: its calibration is damaged.
    """
    known = read_calibration(run)
    used = 1.0 if known is None else known.temperature
    evaluation = measure(with_temperature(found, used), labels, run.classes)
    elsewhere = known is not None and known.elsewhere
    return replace(evaluation, scaling=scaling_of(found, labels, used=used, elsewhere=elsewhere))


def widths_of(known: HalfWidths) -> list[list[float]] | None:
    """Half widths of prediction intervals as `measure_values` takes them.

    Infinite for a level that is not known; None where none is.
    """
    if not any(known):
        return None
    found = [{each.level: each.half_width for each in own} for own in known]
    return [[own.get(level, math.inf) for level in LEVELS] for own in found]


@contextmanager
def asking_for(targets: Sequence[str]) -> Iterator[None]:
    """While the block runs, say of images without answers which ones a network asks for.

    Of a network of classes, which has no `targets`, say by which option their column is named.

    Raises:
        DataError: images have no such answers, and no option chooses other ones.
    """
    try:
        yield
    except DataError as error:
        asked = [name for name in targets if parameter("target", name) in error.what]
        if not asked and "`target" not in error.remedy:
            raise
        what = f"target '{printable(asked[0])}'" if asked else error.what
        if not targets:
            remedy = f"name the column with the classes by {parameter('label')}"
            raise DataError(what, error.why, remedy) from error
        columns = listing([f"'{printable(name)}'" for name in targets])
        remedy = f"give a table with {columns}, which the network predicts"
        raise DataError(what, error.why, remedy) from error
