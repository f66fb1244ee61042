"""What differs between serving classes and serving numbers, and nothing else."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from striate.engines.answers import VALUE
from striate.errors import DataError
from striate.inference.classifier import Classifier
from striate.serving.refusals import malformed, sentence_of
from striate.support.limits import MOST

if TYPE_CHECKING:
    from striate.engines.session import Answers
    from striate.inference.estimate import Estimate
    from striate.inference.prediction import Prediction
    from striate.inference.regressor import Regressor

TOP = 5
"""So many classes are given where a request does not say how many."""
PROBABILITIES = "probabilities"
"""What the protocol's output of a model of classes is called."""


class Kind(ABC):
    """How a model's answers are asked for and told."""

    output: ClassVar[str]

    @abstractmethod
    def wanted(self, top: str | None) -> int:
        """How many answers a request asks for with ``top``.

        Raises:
            Refused: it is no number, or there is no choice.
        """

    @abstractmethod
    def answer(self, file: str, row: Answers, wanted: int) -> Prediction | Estimate:
        """What the numbers of one picture mean."""

    @abstractmethod
    def failed(self, file: str, error: DataError) -> Prediction | Estimate:
        """What stands for a picture that cannot be read."""

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, for whoever wants the likeliest as text; none of numbers."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, str]:
        """What the protocol's configuration of a model says of its answers."""

    @property
    @abstractmethod
    def page(self) -> dict[str, Any]:
        """What the page knows of them."""

    def told(self, file: str, outcome: Answers | DataError, wanted: int) -> dict[str, Any]:
        """One picture's answer, or why it has none; without a name where it came without one."""
        if isinstance(outcome, DataError):
            error = DataError("the picture", sentence_of(outcome, "the picture"))
            found = self.failed(file, error).to_json()
        else:
            found = self.answer(file, outcome, wanted).to_json()
        return found if file else {key: value for key, value in found.items() if key != "file"}


class Classes(Kind):
    """The likeliest classes."""

    output = PROBABILITIES

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def wanted(self, top: str | None) -> int:
        """How many of the likeliest classes."""
        if top is None:
            return TOP
        number = int(top) if top.isascii() and top.isdecimal() and len(top) < 8 else 0
        if not 1 <= number <= MOST:
            raise malformed("top must be a whole number of classes, such as top=5")
        return number

    def answer(self, file: str, row: Answers, wanted: int) -> Prediction:
        """The likeliest classes."""
        return self._classifier.answer(file, row, wanted)

    def failed(self, file: str, error: DataError) -> Prediction:
        """No classes."""
        return self._classifier.failed(file, error)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        return self._classifier.classes

    @property
    def parameters(self) -> dict[str, str]:
        """How many classes there are."""
        return {"classes": str(len(self.labels))}

    @property
    def page(self) -> dict[str, Any]:
        """How many classes there are."""
        return {"classes": len(self.labels)}


class Numbers(Kind):
    """Values with their prediction intervals."""

    output = VALUE

    def __init__(self, regressor: Regressor) -> None:
        self._regressor = regressor

    def wanted(self, top: str | None) -> int:
        """All of them."""
        if top is not None:
            refuse_numbers(self, "top")
        return self._regressor.outputs

    def answer(self, file: str, row: Answers, wanted: int) -> Estimate:
        """The value of each target, and its intervals."""
        return self._regressor.answer(file, row)

    def failed(self, file: str, error: DataError) -> Estimate:
        """No values."""
        return self._regressor.failed(file, error)

    @property
    def labels(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def parameters(self) -> dict[str, str]:
        """The targets, in JSON: name, unit, and half widths of the intervals by level."""
        pairs = zip(self._regressor.targets, self._regressor.half_widths, strict=True)
        told = [
            {**vars(target), "intervals": [vars(each) for each in own]} for target, own in pairs
        ]
        return {"targets": json.dumps(told)}

    @property
    def page(self) -> dict[str, Any]:
        """The targets."""
        return {"targets": [vars(target) for target in self._regressor.targets]}


def kind_of(predictor: Classifier | Regressor) -> Kind:
    """How the answers of `predictor` are told."""
    return Classes(predictor) if isinstance(predictor, Classifier) else Numbers(predictor)


def refuse_numbers(kind: Kind, what: str) -> None:
    """Raise where a model answers with numbers, of which there is no `what`.

    Raises:
        Refused: it does.
    """
    if isinstance(kind, Numbers):
        raise malformed(f"{what} is for classes, and this model answers with numbers: leave it out")
