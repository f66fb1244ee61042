"""What a training writes down of itself: JSON objects, one an epoch, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from striate.errors import RunError
from striate.support.paths import read_file, shown
from striate.support.tables import LARGEST_TABLE, Bounds, from_table


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """A line of ``metrics.jsonl``, as `Run.metrics` holds it against what a training writes."""

    epoch: Annotated[int, Bounds(0, 10**9)]
    step: Annotated[int, Bounds(0, 10**15)]
    health: Mapping[str, Mapping[str, float]]
    learning_rate: float | None = None
    train: TrainFigures | NumberTrainFigures | None = None
    validation: ValidationFigures | NumberFigures | None = None
    stopped: bool = False
    """Whether a callback ended the training after this epoch."""
    size: tuple[int, int] | None = None
    """Height and width of its training images, where sizes grow; otherwise the network's own."""


@dataclass(frozen=True, kw_only=True)
class TrainFigures:
    """What the batches of an epoch came to."""

    loss: float
    main: float
    auxiliary: tuple[float, ...]
    top1: float


@dataclass(frozen=True, kw_only=True)
class ValidationFigures:
    """What the validation images came to."""

    loss: float
    top1: float
    top5: float
    balanced: float | None = None
    """Mean recall of the classes; this and the next where the epoch is chosen by one of them."""
    f1: float | None = None
    """Mean F1 of the classes."""


@dataclass(frozen=True, kw_only=True)
class NumberTrainFigures:
    """What the batches of an epoch came to, of a run of numbers."""

    loss: float
    main: float
    auxiliary: tuple[float, ...]
    mae: float


@dataclass(frozen=True, kw_only=True)
class NumberFigures:
    """What the validation images came to, of a run of numbers.

    Errors are in the unit of the target; of several, the mean of each in deviations of the training
    images.
    """

    loss: float
    mae: float
    """Mean absolute error."""
    rmse: float
    """Root mean squared error."""
    r2: float | None = None
    """Share of the variance that is explained; None where the true values are all equal."""


@dataclass(frozen=True, kw_only=True)
class EpochTiming:
    """A line of ``timing.jsonl``."""

    epoch: int
    seconds: float
    images_per_second: float


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object at `path`; None where there is no such file.

    Raises:
        RunError: it cannot be read, or is no JSON object.
    """
    text = _read(path)
    return None if text is None else _object(text, str(path), "delete it to have it made anew")


def read_jsonl(path: Path, kind: type[Any]) -> list[dict[str, Any]]:
    """The JSON objects at `path`, one a line; none where there is no such file.

    Raises:
        RunError: it cannot be read, or a line is no JSON object with the fields of `kind`.
    """
    found = []
    for number, line in enumerate((_read(path) or b"").splitlines(), start=1):
        where, remedy = f"{shown(path)}, line {number}", "restore it from a copy"
        entry = _object(line, where, remedy)
        try:
            from_table(kind, entry, "it", kind=RunError)
        except RunError as error:
            raise RunError(where, f"is damaged ({error})", remedy) from error
        found.append(entry)
    return found


def _read(path: Path) -> bytes | None:
    try:
        return read_file(path, most=LARGEST_TABLE, kind=RunError)
    except FileNotFoundError:
        return None


def _object(text: bytes, where: str, remedy: str) -> dict[str, Any]:
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 among them
        raise RunError(where, f"is damaged ({error})", remedy) from error
    if not isinstance(content, dict):
        raise RunError(where, "is damaged (not a JSON object)", remedy)
    return content
