"""What a row holds of an image's answer: columns of classes, or of numbers."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from striate.support.packages import need
from striate.support.tables import Bounds

if TYPE_CHECKING:
    from striate.data.targets import Target
    from striate.engines.session import Answers
    from striate.inference.bulk.folder import Job
    from striate.runs.conformal import HalfWidths

LEVEL = 0.9
"""Of the prediction intervals that are written."""


@dataclass(frozen=True, kw_only=True)
class BulkTarget:
    """A number that a job writes.

    Attributes:
        name: of the number.
        unit: in which it is given; empty for none.
        level: of its interval; None where none is known.
        half_width: of the interval, in its unit; None likewise.
    """

    name: str
    unit: str = ""
    level: Annotated[float | None, Bounds(0, 1)] = None
    half_width: float | None = None


def bulk_targets(targets: Sequence[Target], half_widths: HalfWidths) -> tuple[BulkTarget, ...]:
    """What is written of `targets`, with the interval of `LEVEL` where it is known."""
    found = []
    for target, own in zip(targets, half_widths, strict=True):
        known = next((each for each in own if each.level == LEVEL), None)
        interval: dict[str, Any] = {} if known is None else asdict(known)
        found.append(BulkTarget(name=target.name, unit=target.unit, **interval))
    return tuple(found)


class Columns(ABC):
    """The columns of an answer.

    Attributes:
        count: how many numbers an answer has, before an embedding.
    """

    count: int

    @property
    @abstractmethod
    def fields(self) -> list[tuple[str, Any]]:
        """Name and Arrow type of each column."""

    @property
    @abstractmethod
    def metadata(self) -> dict[bytes, bytes]:
        """What the file says of them."""

    @abstractmethod
    def cells(self, answers: Sequence[Answers | None]) -> dict[str, list[Any]]:
        """The columns of `answers`, float32 (count,) each; None where an image cannot be read."""


class ClassColumns(Columns):
    """``class``, ``probability`` and ``probabilities``; with a threshold ``unsure``."""

    def __init__(self, classes: Sequence[str], threshold: float = 0.0) -> None:
        self.classes, self.count = tuple(classes), len(classes)
        self.threshold = threshold

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """Name and Arrow type of each column."""
        arrow = _arrow()
        return [
            ("class", arrow.string()),
            ("probability", arrow.float32()),
            *([("unsure", arrow.bool_())] if self.threshold else []),
            ("probabilities", arrow.list_(arrow.float32())),
        ]

    @property
    def metadata(self) -> dict[bytes, bytes]:
        """The classes, in the order of the probabilities."""
        return {b"classes": json.dumps(list(self.classes)).encode()}

    def cells(self, answers: Sequence[Answers | None]) -> dict[str, list[Any]]:
        """The likeliest class, its probability, and all probabilities."""
        best = [None if each is None else int(np.argmax(each)) for each in answers]
        highest = [
            None if each is None or at is None else each[at]
            for each, at in zip(answers, best, strict=True)
        ]
        unsure = [None if each is None else bool(each < self.threshold) for each in highest]
        return {
            "class": [None if at is None else self.classes[at] for at in best],
            "probability": highest,
            **({"unsure": unsure} if self.threshold else {}),
            "probabilities": list(answers),
        }


class NumberColumns(Columns):
    """``value_age``, ``low_age`` and ``high_age`` of a target ``age``.

    A target may have any name, so that a column of that name alone could be one of another kind.
    """

    def __init__(self, targets: Sequence[BulkTarget]) -> None:
        self.targets, self.count = tuple(targets), len(targets)

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """Name and Arrow type of each column."""
        kind = _arrow().float64()
        ways = ("value", "low", "high")
        return [(f"{way}_{each.name}", kind) for each in self.targets for way in ways]

    @property
    def metadata(self) -> dict[bytes, bytes]:
        """The targets, with unit, and level and half width of the interval."""
        return {b"targets": json.dumps([asdict(each) for each in self.targets]).encode()}

    def cells(self, answers: Sequence[Answers | None]) -> dict[str, list[Any]]:
        """The values, and where their intervals begin and end."""
        found: dict[str, list[Any]] = {}
        for at, target in enumerate(self.targets):
            values = [None if each is None else float(each[at]) for each in answers]
            found[f"value_{target.name}"] = values
            for way, sign in (("low", -1), ("high", 1)):
                width = target.half_width
                found[f"{way}_{target.name}"] = [
                    None if each is None or width is None else each + sign * width
                    for each in values
                ]
        return found


def columns_of(job: Job) -> Columns:
    """The columns of a job's answers."""
    return NumberColumns(job.targets) if job.targets else ClassColumns(job.classes, job.threshold)


def _arrow() -> Any:
    return need("pyarrow", purpose="write Parquet files", extra="bulk")
