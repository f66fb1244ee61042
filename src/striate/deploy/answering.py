"""What differs between exporting a run of classes and one of numbers, and nothing else."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from striate.deploy.verify import (
    PROBABILITIES,
    Rows,
    Yardstick,
    check_classes,
    check_values,
    in_deviations,
)
from striate.engines.answers import CLASSES, TARGETS, VALUE, targets_to_json
from striate.engines.probabilities import Probabilities
from striate.engines.values import Values
from striate.errors import ExportError, parameter
from striate.inference.classifier import Classifier
from striate.inference.regressor import Regressor
from striate.runs.conformal import HalfWidths, read_conformal
from striate.runs.targets import ScaledTarget, scale_of

if TYPE_CHECKING:
    from torch import nn

    from striate.engines.session import Answers, Pixels
    from striate.runs.run import Run


class Answering(ABC):
    """How the answers of a run are exported, and what they are held to.

    Attributes:
        outputs: how many numbers there are for an image, K.
        yardstick: in what differences of answers are measured.
        temperature: by which outputs are divided before the softmax; 1 where there is none.
    """

    output_name: ClassVar[str]
    """What the graph's output is called, where nobody names it."""

    outputs: int
    yardstick: Yardstick
    temperature: float = 1.0

    @abstractmethod
    def behind(self, network: nn.Module, *, temperature: float = 1.0) -> nn.Module:
        """A module that gives the answers of `network`, which is its child ``network``."""

    @abstractmethod
    def metadata(self) -> dict[str, str]:
        """What a file has to say of its answers."""

    @abstractmethod
    def check_pipeline(
        self, engine: str, names: Sequence[str], answers: Rows, evaluated: Rows
    ) -> None:
        """See to it that a file says what the pipeline of evaluation says.

        Args:
            engine: in which the file gave the `answers`.
            names: what a person calls each image or batch of images.
            answers: (N, K) for each.
            evaluated: those of evaluation.

        Raises:
            ExportError: it says something else.
        """

    @abstractmethod
    def computed(self, run: Run, batches: Sequence[Pixels]) -> list[Answers]:
        """What `run` answers to each of `batches`, images of one size, uint8 (n, H, W, C)."""


class OfClasses(Answering):
    """Probabilities.

    Args:
        classes: names, in the order of the outputs.
        temperature: by which logits are divided.
    """

    output_name = "probabilities"
    yardstick = PROBABILITIES

    def __init__(self, classes: Sequence[str], temperature: float) -> None:
        self.classes, self.temperature = tuple(classes), temperature
        self.outputs = len(self.classes)

    def behind(self, network: nn.Module, *, temperature: float = 1.0) -> nn.Module:
        """The softmax."""
        return Probabilities(network, temperature)

    def metadata(self) -> dict[str, str]:
        """The names of the classes."""
        return {CLASSES: json.dumps(self.classes)}

    def check_pipeline(
        self, engine: str, names: Sequence[str], answers: Rows, evaluated: Rows
    ) -> None:
        """The likeliest class is evaluation's."""
        check_classes(engine, names, answers, evaluated)

    def computed(self, run: Run, batches: Sequence[Pixels]) -> list[Answers]:
        """Probabilities, (n, classes) for each batch."""
        with Classifier.of_run(run) as classifier:
            return [classifier.probabilities(list(batch)) for batch in batches]


class OfNumbers(Answering):
    """Values in their own units.

    Args:
        targets: in the order of the outputs.
        half_widths: of the prediction intervals of each.
    """

    output_name = VALUE

    def __init__(self, targets: Sequence[ScaledTarget], half_widths: HalfWidths) -> None:
        self.targets, self.half_widths = tuple(targets), half_widths
        self.outputs = len(self.targets)
        self.yardstick = in_deviations(scale_of(self.targets)[1])

    def behind(self, network: nn.Module, *, temperature: float = 1.0) -> nn.Module:
        """The way back to the targets' units."""
        return Values(
            network,
            [each.mean for each in self.targets],
            [each.deviation for each in self.targets],
        )

    def metadata(self) -> dict[str, str]:
        """The targets, with their units, ranges and prediction intervals."""
        return {TARGETS: targets_to_json(self.targets, self.half_widths)}

    def check_pipeline(
        self, engine: str, names: Sequence[str], answers: Rows, evaluated: Rows
    ) -> None:
        """The values are near evaluation's."""
        check_values(engine, names, answers, evaluated, self.yardstick)

    def computed(self, run: Run, batches: Sequence[Pixels]) -> list[Answers]:
        """Values, (n, targets) for each batch."""
        with Regressor.of_run(run) as regressor:
            return [regressor.values(list(batch)) for batch in batches]


def refuse_for_numbers(run: Run, *, cam: bool, threshold: float | None) -> None:
    """Raise for outputs that a `run` of numbers has none of.

    Raises:
        ExportError: one is wanted.
    """
    for name, given, wanted in (
        ("cam", True, cam),
        ("threshold", threshold, threshold is not None),
    ):
        if wanted and run.answers_numbers:
            raise ExportError(
                parameter(name, given),
                "is for classes, and this run answers with numbers",
                "leave it out",
            )


def answering_of(run: Run) -> Answering:
    """How the answers of `run` are exported.

    Raises:
        RunError: its calibration or its prediction intervals are damaged.
    """
    if run.answers_numbers:
        return OfNumbers(run.targets, read_conformal(run))
    return OfClasses(run.classes, run.temperature)
